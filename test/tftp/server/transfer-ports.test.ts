import { describe, expect, it } from "vitest";
import { concat } from "../../../src/lib/bytes.ts";
import { BindError } from "../../../src/lib/errors.ts";
import { openDgram, openDgramConnected } from "../../../src/net/dgram.ts";
import type { OpenUdp } from "../../../src/net/udp.ts";
import type { PortRange } from "../../../src/tftp/server/data-ports.ts";
import {
  files,
  freePort,
  servedTftp,
  stoppedClock,
  told,
  whole,
} from "../../support/served-tftp.ts";
import { ack } from "../../support/tftp.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { TestServer } from "../../support/tftp-server.ts";
import { openTransferUdp } from "../../support/transfer-socket.ts";

const { client, opened, serve } = servedTftp();

/** Two ports in a row that were free a moment ago. */
async function twoFreePorts(): Promise<PortRange> {
  for (;;) {
    const first = await freePort();
    try {
      await (await openDgram({ address: "127.0.0.1", port: first + 1 })).close();
      return { first, last: first + 1 };
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
    }
  }
}

describe.each([
  ["connected sockets", openTransferUdp],
  ["plain sockets", undefined],
])("strangers, with %s", (_, open) => {
  it("get ERROR 5 and disturb nothing", async () => {
    const plain = { openUdp: openDgram, clock: stoppedClock };
    const connected = open === undefined ? {} : { openTransferUdp: open };
    const server = await TestServer.start(files, { ...plain, ...connected });
    opened.push(server);
    const [one, stranger] = [await client(), await client()];
    one.request(server.endpoint, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    stranger.send(ack(0), from);
    expect((await stranger.next()).packet).toMatchObject({ opcode: "error", code: 5 });
    // An ERROR must not be answered, or two servers would talk for ever.
    stranger.send({ opcode: "error", code: 0, message: "stop" }, from);
    stranger.sendBytes(Uint8Array.of(9, 9, 9), from);
    stranger.send(ack(7), from);
    expect((await stranger.next()).packet).toMatchObject({ opcode: "error", code: 5 });
    expect(stranger.unread).toEqual([]);
    one.send(ack(0), from);
    // The OACK that set the block size was looked at above.
    const parts: Uint8Array[] = [];
    for (let block = 1; block <= 69; block++) {
      const { packet } = await one.next();
      expect(packet).toMatchObject({ opcode: "data", block });
      if (packet.opcode === "data") parts.push(packet.data);
      one.send(ack(block), from);
    }
    expect(told(concat(parts))).toBe(whole);
    expect(await server.event("loader-done")).toMatchObject({ bytes: 100_000 });
  });
});

describe("strangers from networks that no machine boots from", () => {
  it("get nothing from the port of a transfer either, for their address may be forged", async () => {
    let isAllowed = true;
    const answered: number[] = [];
    const openUdp: OpenUdp = async (local) => {
      const socket = await openDgram(local);
      const send: typeof socket.send = (payload, to) => {
        answered.push(to.port);
        socket.send(payload, to);
      };
      return { ...socket, send };
    };
    const server = await TestServer.start(files, {
      openUdp,
      clock: stoppedClock,
      allows: () => isAllowed,
    });
    opened.push(server);
    const [one, stranger] = [await client(), await client()];
    one.request(server.endpoint, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    answered.length = 0;
    isAllowed = false;
    stranger.send(ack(0), from);
    // It comes to the same socket behind that.
    one.send(ack(0), from);
    await one.next();
    const [onePort] = answered;
    expect(answered).toEqual([onePort]);
    isAllowed = true;
    stranger.send(ack(1), from);
    expect((await stranger.next()).packet).toMatchObject({ opcode: "error", code: 5 });
    expect(answered).toHaveLength(2);
  });
});

describe("a client that is gone", () => {
  it("after everything was sent is said to have maybe all of it", async () => {
    const server = await serve();
    const one = await TftpClient.open(openDgram);
    one.request(server.endpoint, "autoexec.ipxe", { blksize: 200 });
    const { from } = await one.next();
    one.send(ack(0), from);
    await one.next();
    one.send(ack(1), from);
    await one.close();
    const { reason } = JSON.parse(JSON.stringify(await server.event("tftp-failed")));
    expect(reason).toMatch(/its port is closed; all was sent, the last acknowledgement is missing/);
  });

  it("ends the transfer by its closed port", async () => {
    const server = await serve();
    const one = await TftpClient.open(openDgram);
    one.request(server.endpoint, "ipxe.efi");
    const { from } = await one.next();
    one.send(ack(1), from);
    await one.close();
    expect(await server.event("tftp-failed")).toMatchObject({
      file: "ipxe.efi",
      reason: "the client is gone: its port is closed",
      bytesSent: 1024,
      bytes: 100_000,
      durationMs: expect.any(Number),
      retransmissions: 0,
      blksize: 512,
      windowsize: 1,
      timeoutSeconds: null,
    });
    expect(server.openBlobs).toBe(0);
  });
});

describe("single-port mode", () => {
  it("sends everything from the port that was asked", async () => {
    const server = await serve({ limits: { singlePort: true } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => client()));
    const fetched = await Promise.all(
      clients.map(async (one) => {
        one.request(server.endpoint, "ipxe.efi", { blksize: 1468, windowsize: 4 });
        const { from, packet } = await one.next();
        expect(from).toEqual(server.endpoint);
        expect(packet.opcode).toBe("oack");
        one.send({ opcode: "error", code: 8, message: "" }, from);
        return one.fetch(server.endpoint, "ipxe.efi", { windowsize: 4 });
      }),
    );
    for (const bytes of fetched) expect(told(bytes)).toBe(whole);
  });

  it("lets running transfers end after it was told to stop", async () => {
    const server = await serve({ limits: { singlePort: true } });
    const [one, late] = [await client(), await client()];
    one.request(server.endpoint, "ipxe.efi");
    const { from } = await one.next();
    const closed = server.close(10_000);
    late.request(server.endpoint, "ipxe.efi");
    one.send({ opcode: "error", code: 0, message: "" }, from);
    await closed;
    expect(server.eventNames).toEqual(["tftp-failed"]);
    expect(late.unread).toEqual([]);
  });
});

describe("data ports", () => {
  it("are where transfers come from, of which there are no more than ports", async () => {
    const port = await freePort();
    const server = await serve({ limits: { dataPorts: { first: port, last: port } } });
    expect(server.server.transfers).toEqual({ open: 0, limit: 1 });
    const [one, two] = [await client(), await client("127.0.0.2")];
    one.request(server.endpoint, "ipxe.efi");
    const { from } = await one.next();
    expect(from.port).toBe(port);
    one.send(ack(1), from);
    await one.next();
    two.request(server.endpoint, "ipxe.efi");
    const { reason } = JSON.parse(JSON.stringify(await server.event("tftp-refused")));
    expect(reason).toMatch(/tftp\.dataPorts/);
    // Firmware gives up at an error.
    expect(two.unread).toEqual([]);
    one.send({ opcode: "error", code: 0, message: "" }, from);
    await server.event("tftp-failed");
    expect(await two.fetch(server.endpoint, "autoexec.ipxe")).toEqual(files["autoexec.ipxe"]);
  });

  it.each([
    ["connected sockets", { openTransferUdp }],
    ["connected sockets of dgram", { openUdp: openDgram, openTransferUdp: openDgramConnected }],
  ])("that another program holds are passed over, with %s", async (_, sockets) => {
    const { first, last } = await twoFreePorts();
    const held = await openDgram({ address: "127.0.0.1", port: first });
    opened.push(held);
    const both = await serve({ ...sockets, limits: { dataPorts: { first, last } } });
    for (let n = 0; n < 3; n++) {
      const fetched = await (await client()).fetch(both.endpoint, "autoexec.ipxe");
      expect(fetched).toEqual(files["autoexec.ipxe"]);
    }
    const server = await serve({ ...sockets, limits: { dataPorts: { first, last: first } } });
    const one = await client();
    one.request(server.endpoint, "ipxe.efi");
    const { reason } = JSON.parse(JSON.stringify(await server.event("tftp-refused")));
    expect(reason).toMatch(/other programs use the ports of tftp\.dataPorts/);
    expect(one.unread).toEqual([]);
  });
});
