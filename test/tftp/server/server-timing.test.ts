import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { FakeUdp } from "../../support/fake-udp.ts";
import { ack } from "../../support/tftp.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { TestServer } from "../../support/tftp-server.ts";

const file = randomBytes(randomNumbers(4), 5000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

async function begin(options: Readonly<Record<string, string | number>> = {}) {
  const udp = new FakeUdp();
  const server = await TestServer.start(
    { "a.efi": file, "b.efi": file.subarray(1) },
    { openUdp: udp.open },
  );
  const client = await TftpClient.open(udp.open);
  client.request(server.endpoint, "a.efi", options);
  const first = await client.next();
  return { udp, server, client, first };
}

describe("a transfer whose client is silent", () => {
  it("repeats itself with growing pauses, gives up, and frees everything", async () => {
    const { udp, server, client, first } = await begin();
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ opcode: "data", block: 2 });
    for (const pauseMs of [50, 100, 200, 400, 800, 1600, 3200, 6400]) {
      await vi.advanceTimersByTimeAsync(pauseMs - 1);
      expect(client.unread).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect((await client.next()).packet).toMatchObject({ opcode: "data", block: 2 });
    }
    await vi.advanceTimersByTimeAsync(8000);
    expect((await client.next()).packet).toMatchObject({ opcode: "error", code: 0 });
    expect(server.events).toMatchObject([
      { event: "loader-start" },
      { event: "tftp-failed", reason: "the client stopped answering", bytesSent: 1024 },
    ]);
    expect(server.openBlobs).toBe(0);
    // The server's and the client's.
    expect(udp.openPorts).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is reported with how long the client had said nothing", async () => {
    const { server, client, first } = await begin();
    await vi.advanceTimersByTimeAsync(30);
    client.send(ack(1), first.from);
    await vi.advanceTimersByTimeAsync(60_000);
    const [, failed] = server.events;
    expect(failed).toMatchObject({ event: "tftp-failed", silentMs: expect.any(Number) });
    const { silentMs = 0, durationMs = 0 } = JSON.parse(JSON.stringify(failed));
    expect(silentMs).toBeGreaterThanOrEqual(20_000);
    expect(durationMs - silentMs).toBe(30);
  });

  it("repeats sooner once it knows how quick the client is", async () => {
    const { client, first } = await begin();
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ block: 2 });
    await vi.advanceTimersByTimeAsync(50);
    expect((await client.next()).packet).toMatchObject({ block: 2 });
  });

  it("is given longer among many, a quarter of a millisecond for each", async () => {
    const { udp, server, client, first } = await begin();
    for (let n = 1; n < 400; n += 1) {
      (await TftpClient.open(udp.open)).request(server.endpoint, "a.efi", {});
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(server.server.transfers.open).toBe(400);
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ opcode: "data", block: 2 });
    await vi.advanceTimersByTimeAsync(99);
    expect(client.unread).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect((await client.next()).packet).toMatchObject({ opcode: "data", block: 2 });
  });

  it("field fault 45: gets one block and no farewell when it never answers", async () => {
    const { udp, server, client } = await begin();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.unread).toEqual([]);
    expect(server.events).toMatchObject([
      { event: "tftp-failed", reason: "the client never answered", bytesSent: 512 },
    ]);
    expect(server.openBlobs).toBe(0);
    expect(udp.openPorts).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts what it sent again", async () => {
    const { server, client, first } = await begin();
    client.send(ack(1), first.from);
    await vi.advanceTimersByTimeAsync(200);
    // The copies of the second block are still unread.
    expect(await client.finish(1)).toEqual(file.subarray(512));
    expect(await server.event("loader-done")).toMatchObject({
      retransmissions: 2,
      durationMs: 200,
    });
  });
});

describe("the same request again from the same port", () => {
  it("at once is a copy made by the network, and answered once", async () => {
    const { server, client } = await begin({ blksize: 1000 });
    client.request(server.endpoint, "a.efi", { blksize: 1000 });
    await vi.advanceTimersByTimeAsync(199);
    expect(client.unread).toEqual([]);
    expect(server.asked).toEqual(["a.efi"]);
  });

  it("while the file is still looked for is not looked for twice", async () => {
    const udp = new FakeUdp();
    const server = await TestServer.start({ "a.efi": file }, { openUdp: udp.open });
    const client = await TftpClient.open(udp.open);
    for (let i = 0; i < 100; i++) client.request(server.endpoint, "a.efi");
    expect(await client.finish()).toEqual(file);
    expect(server.asked).toEqual(["a.efi"]);
  });

  it("for another file replaces it even while that one is still looked for", async () => {
    const udp = new FakeUdp();
    const other = file.subarray(1);
    let notFound = (): void => {};
    const server = await TestServer.start(
      {},
      {
        openUdp: udp.open,
        find: (name) =>
          name === "a.efi"
            ? new Promise((resolve) => {
                notFound = () => resolve(null);
              })
            : Promise.resolve({ name, kind: "loader", blob: memoryBlob(other) }),
      },
    );
    const client = await TftpClient.open(udp.open);
    client.request(server.endpoint, "a.efi");
    client.request(server.endpoint, "b.efi");
    expect(await client.finish()).toEqual(other);
    expect(client.unread).toEqual([]);
    notFound();
    await server.event("loader-done");
    await server.close();
    expect(client.unread).toEqual([]);
    expect(server.eventNames).toEqual(["loader-start", "loader-done"]);
  });

  it("later replaces the transfer, from the port that the client knows", async () => {
    const { udp, server, client, first } = await begin({ blksize: 1000 });
    await vi.advanceTimersByTimeAsync(250);
    client.request(server.endpoint, "a.efi", { blksize: 1000 });
    const second = await client.next();
    expect(second).toEqual(first);
    expect(udp.openPorts).toBe(3);
    client.send(ack(0), second.from);
    expect(await client.finish()).toEqual(file);
    expect(server.eventNames).toEqual(["loader-start", "loader-done"]);
    expect(server.openBlobs).toBe(0);
  });

  it("field fault 54: does not end a transfer whose client answers: it is a delayed copy", async () => {
    const { server, client, first } = await begin();
    await vi.advanceTimersByTimeAsync(1500);
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ block: 2 });
    client.request(server.endpoint, "a.efi");
    client.send(ack(2), first.from);
    expect(await client.finish(2)).toEqual(file.subarray(1024));
    await server.event("loader-done");
    expect(server.eventNames).toEqual(["loader-start", "loader-done"]);
    expect(server.asked).toEqual(["a.efi"]);
  });

  it("replaces a transfer whose client has not answered for two seconds, and says that it failed", async () => {
    const { server, client, first } = await begin();
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ block: 2 });
    await vi.advanceTimersByTimeAsync(2000);
    while (client.unread.length > 0) await client.next();
    expect(await client.fetch(server.endpoint, "a.efi")).toEqual(file);
    expect(server.events).toMatchObject([
      { event: "loader-start" },
      { event: "tftp-failed", reason: "the client asked again from the same port" },
      { event: "loader-start" },
      { event: "loader-done" },
    ]);
  });

  it("for another file replaces it at any time", async () => {
    const { udp, server, client, first } = await begin();
    client.send(ack(1), first.from);
    expect((await client.next()).packet).toMatchObject({ block: 2 });
    expect(await client.fetch(server.endpoint, "b.efi")).toEqual(file.subarray(1));
    const twice = ["loader-start", "tftp-failed", "loader-start", "loader-done"];
    expect(server.eventNames).toEqual(twice);
    expect(udp.openPorts).toBe(2);
  });

  it("for a file that does not exist ends it, and frees its port", async () => {
    const { udp, server, client } = await begin();
    expect(await client.fetch(server.endpoint, "c.efi")).toMatchObject({
      opcode: "error",
      code: 1,
    });
    expect(udp.openPorts).toBe(2);
    expect(server.openBlobs).toBe(0);
  });

  it("does not count as one more transfer", async () => {
    const udp = new FakeUdp();
    const limits = { maxTransfers: 1 };
    const server = await TestServer.start({ "a.efi": file }, { openUdp: udp.open, limits });
    const client = await TftpClient.open(udp.open);
    client.request(server.endpoint, "a.efi");
    await client.next();
    await vi.advanceTimersByTimeAsync(500);
    expect(await client.fetch(server.endpoint, "a.efi")).toEqual(file);
  });
});

describe("an error of the socket", () => {
  it("ends the transfer when no datagram gets through any more", async () => {
    const { udp, server, first } = await begin();
    udp.failAt(first.from, "ENETUNREACH");
    expect(server.events).toMatchObject([
      { event: "tftp-failed", reason: "cannot send: ENETUNREACH" },
    ]);
  });

  it("is a loss like any other when only a buffer was full", async () => {
    const { udp, server, client, first } = await begin();
    udp.failAt(first.from, "ENOBUFS");
    udp.failAt(server.endpoint, "EPERM");
    client.send(ack(1), first.from);
    expect(await client.finish(1)).toEqual(file.subarray(512));
  });
});

describe("stopping", () => {
  it("waits for running transfers no longer than it may", async () => {
    const { udp, server } = await begin();
    let closed = false;
    const closing = server.close(4000).then(() => {
      closed = true;
      return closed;
    });
    await vi.advanceTimersByTimeAsync(3999);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await closing).toBe(true);
    // Only the client's is left.
    expect(udp.openPorts).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a transfer that goes on", () => {
  it("says so once a second, and not when the client repeats itself", async () => {
    const udp = new FakeUdp();
    const moved: (string | null)[] = [];
    const server = await TestServer.start(
      { "a.efi": file },
      { openUdp: udp.open, moved: ({ address }) => moved.push(address) },
    );
    const client = await TftpClient.open(udp.open);
    client.request(server.endpoint, "a.efi", {});
    const { from } = await client.next();
    for (let block = 1; block <= 6; block++) {
      client.send(ack(block), from);
      await client.next();
      await vi.advanceTimersByTimeAsync(500);
    }
    const inThreeSeconds = moved.length;
    expect(inThreeSeconds).toBeGreaterThanOrEqual(2);
    expect(inThreeSeconds).toBeLessThanOrEqual(3);
    const repeat = async (): Promise<number> => {
      client.send(ack(3), from);
      await vi.advanceTimersByTimeAsync(1500);
      return moved.length;
    };
    // The first one may still tell of the last block.
    const before = await repeat();
    for (let i = 0; i < 4; i++) expect(await repeat()).toBe(before);
    client.send({ opcode: "error", code: 0, message: "enough" }, from);
    await server.event("tftp-failed");
  });
});
