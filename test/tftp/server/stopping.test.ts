import { describe, expect, it } from "vitest";
import { BindError } from "../../../src/lib/errors.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpEndpoint } from "../../../src/net/udp.ts";
import { freePort, servedTftp, told, whole } from "../../support/served-tftp.ts";
import { ack } from "../../support/tftp.ts";
import type { TftpClient } from "../../support/tftp-client.ts";
import type { TestServer } from "../../support/tftp-server.ts";

const { client, opened, serve } = servedTftp();

describe("stopping", () => {
  async function begin(server: TestServer): Promise<{ one: TftpClient; from: UdpEndpoint }> {
    const one = await client();
    one.request(server.endpoint, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    return { one, from };
  }

  it("lets a running transfer end", async () => {
    const server = await serve();
    const { one, from } = await begin(server);
    const closed = server.close(10_000);
    one.send(ack(0), from);
    const parts = [];
    for (let block = 1; block <= 69; block++) {
      const { packet } = await one.next();
      parts.push(packet);
      one.send(ack(block), from);
    }
    await closed;
    expect(parts.length).toBe(69);
    expect(server.eventNames).toEqual(["loader-start", "loader-done"]);
  });

  it("cuts what does not end in time, and says so to both sides", async () => {
    const server = await serve();
    const { one, from } = await begin(server);
    one.send(ack(0), from);
    await one.next();
    await server.close(0);
    const { packet } = await one.next();
    expect(packet).toEqual({ opcode: "error", code: 0, message: "the server is stopping" });
    expect(server.events).toMatchObject([
      { event: "loader-start" },
      { event: "tftp-failed", reason: "the server is stopping", bytesSent: 1468 },
    ]);
    expect(server.openBlobs).toBe(0);
  });

  it("frees the ports", async () => {
    const server = await serve();
    const { endpoint } = server;
    await begin(server);
    await Promise.all([server.close(0), server.close(0)]);
    opened.push(await openDgram(endpoint));
    expect(server.endpoint).toEqual(endpoint);
  });
});

describe("starting", () => {
  it("leaves nothing open when one of the addresses cannot be had", async () => {
    const port = await freePort();
    const started = serve({ addresses: ["127.0.0.1", "192.0.2.1"], port });
    await expect(started).rejects.toThrow(BindError);
    const again = await openDgram({ address: "127.0.0.1", port });
    opened.push(again);
    expect(again.local.port).toBe(port);
  });
});

describe("addresses that come and go", () => {
  it("are served from when they come, and the others go on when they are left", async () => {
    const server = await serve();
    const added = await server.server.listen("127.0.0.2");
    expect(server.server.endpoints).toEqual([server.endpoint, added]);
    const [here, there] = [await client(), await client()];
    expect(told(await there.fetch(added, "ipxe.efi"))).toBe(whole);
    here.request(server.endpoint, "ipxe.efi");
    const { from } = await here.next();
    await server.server.leave("127.0.0.2", 10_000);
    opened.push(await openDgram(added));
    expect(server.server.endpoints).toEqual([server.endpoint]);
    here.send({ opcode: "error", code: 0, message: "enough" }, from);
    await server.event("tftp-failed");
    expect(told(await here.fetch(server.endpoint, "ipxe.efi"))).toBe(whole);
  });

  it("let what runs there end, which counts until then", async () => {
    const server = await serve({ limits: { maxTransfers: 1 } });
    const added = await server.server.listen("127.0.0.2");
    const [one, late] = [await client(), await client()];
    one.request(added, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    one.send(ack(0), from);
    await one.next();
    const left = server.server.leave("127.0.0.2", 10_000);
    expect(await late.fetch(server.endpoint, "ipxe.efi")).toMatchObject({ opcode: "error" });
    one.send({ opcode: "error", code: 0, message: "enough" }, from);
    await left;
    expect(server.openBlobs).toBe(0);
    expect(told(await late.fetch(server.endpoint, "ipxe.efi"))).toBe(whole);
  });

  it.each([
    ["after the time that they have", false, 0],
    ["at once in single-port mode, whose port is wanted again", true, 10_000],
  ])("cut it %s", async (_, singlePort, graceMs) => {
    const server = await serve({ limits: { singlePort } });
    const { port } = server.endpoint;
    const one = await client();
    one.request(server.endpoint, "ipxe.efi");
    await one.next();
    await server.server.leave("127.0.0.1", graceMs);
    expect(server.eventNames).toEqual(["tftp-failed"]);
    expect(server.openBlobs).toBe(0);
    opened.push(await openDgram({ address: "127.0.0.1", port }));
  });

  it("are given up with the server, whatever time they were given", async () => {
    const server = await serve();
    const one = await client();
    one.request(server.endpoint, "ipxe.efi");
    await one.next();
    const left = server.server.leave("127.0.0.1", 1_000_000);
    await server.close(0);
    await left;
    expect(server.openBlobs).toBe(0);
  });
});
