import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { type BlobSource, memoryBlob } from "../../../src/lib/blob.ts";
import { concat } from "../../../src/lib/bytes.ts";
import { BindError } from "../../../src/lib/errors.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import { openTransferUdp } from "../../../src/net/transfer-socket.ts";
import type { UdpEndpoint } from "../../../src/net/udp.ts";
import type { TftpPacket } from "../../../src/tftp/wire/packet.ts";
import { mutated, randomBytes, randomNumbers } from "../../support/random.ts";
import { ack, firmwareTftp } from "../../support/tftp.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { TestServer } from "../../support/tftp-server.ts";

const file = randomBytes(randomNumbers(3), 100_000);
const files = {
  "ipxe.efi": file,
  "autoexec.ipxe": file.subarray(0, 300),
  "empty.efi": new Uint8Array(),
};

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

type StartOptions = Partial<Parameters<typeof TestServer.start>[1]>;

async function serve(options: StartOptions = {}): Promise<TestServer> {
  const server = await TestServer.start(files, { openUdp: openDgram, openTransferUdp, ...options });
  opened.push(server);
  return server;
}

async function client(address?: string): Promise<TftpClient> {
  const one = await TftpClient.open(openDgram, address);
  opened.push(one);
  return one;
}

/** Asks and acknowledges the first block, so that the transfer runs; from where it is sent. */
async function running(one: TftpClient, { endpoint }: TestServer): Promise<UdpEndpoint> {
  one.request(endpoint, "ipxe.efi");
  const { packet, from } = await one.next();
  expect(packet).toMatchObject({ opcode: "data", block: 1 });
  one.send(ack(1), from);
  expect((await one.next()).packet).toMatchObject({ opcode: "data", block: 2 });
  return from;
}

/** What was fetched, in a form that is quick to compare: the checksum of bytes, or the packet itself. */
function told(fetched: Uint8Array | TftpPacket): string | TftpPacket {
  if (!(fetched instanceof Uint8Array)) return fetched;
  return createHash("sha256").update(fetched).digest("hex");
}

const whole = told(file);

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = await openDgram({ address: "127.0.0.1", port: 0 });
  await socket.close();
  return socket.local.port;
}

describe("a download", () => {
  it("delivers the file and reports its beginning and end", async () => {
    const server = await serve();
    const fetched = await (
      await client()
    ).fetch(server.endpoint, "/08-00-27-29-4E-67/ipxe.efi", {
      blksize: 1468,
      tsize: 0,
    });
    expect(told(fetched)).toBe(whole);
    const about = {
      mac: "08:00:27:29:4e:67",
      address: "127.0.0.1",
      file: "ipxe.efi",
      protocol: "tftp",
      bytes: 100_000,
    };
    await server.event("loader-done");
    expect(server.events).toEqual([
      { event: "loader-start", ...about },
      {
        event: "loader-done",
        ...about,
        durationMs: expect.any(Number),
        retransmissions: expect.any(Number),
        blksize: 1468,
        windowsize: 1,
        timeoutSeconds: null,
      },
    ]);
    expect(server.asked).toEqual(["ipxe.efi"]);
  });

  it("of a script is told, and is no stage of a boot", async () => {
    const server = await serve();
    const fetched = await (await client()).fetch(server.endpoint, "autoexec.ipxe");
    expect(fetched).toEqual(files["autoexec.ipxe"]);
    await server.close(5000);
    const machine = { mac: null, address: "127.0.0.1" };
    expect(server.events).toEqual([
      { event: "autoexec", ...machine, file: "autoexec.ipxe", protocol: "tftp" },
    ]);
  });

  it("of an empty file is one empty block", async () => {
    const server = await serve();
    expect(await (await client()).fetch(server.endpoint, "empty.efi")).toEqual(new Uint8Array());
  });

  it("goes on beside many others, each from a port of its own", async () => {
    const server = await serve();
    const clients = await Promise.all(Array.from({ length: 60 }, () => client()));
    const fetched = await Promise.all(
      clients.map((one, i) =>
        one.fetch(server.endpoint, "ipxe.efi", { blksize: 512 + i * 16, windowsize: 1 + (i % 8) }),
      ),
    );
    for (const bytes of fetched) expect(told(bytes)).toBe(whole);
    await server.close(5000);
    expect(server.eventNames.filter((name) => name === "loader-done").length).toBe(60);
    expect(server.openBlobs).toBe(0);
  });

  it("comes from the address that was asked", async () => {
    const server = await serve({ addresses: ["127.0.0.1", "127.0.0.2"] });
    for (const endpoint of server.server.endpoints) {
      const one = await client();
      one.request(endpoint, "ipxe.efi");
      const { from } = await one.next();
      expect(from.address).toBe(endpoint.address);
      expect(from.port).not.toBe(endpoint.port);
      expect(await one.fetch(endpoint, "nothing.efi")).toMatchObject({ opcode: "error" });
    }
  });

  it("reads from slow storage, and closes what it opened", async () => {
    const slow: BlobSource = {
      size: file.length,
      read: (offset, length) => Promise.resolve(file.subarray(offset, offset + length)),
      close: () => Promise.reject(new Error("cannot close")),
    };
    const server = await TestServer.start({ "slow.efi": slow }, { openUdp: openDgram });
    opened.push(server);
    const options = { blksize: 1000, windowsize: 8 };
    expect(told(await (await client()).fetch(server.endpoint, "slow.efi", options))).toBe(whole);
    await server.close(5000);
    expect(server.openBlobs).toBe(0);
  });

  it("ends with ERROR 0 when the storage fails, and the client is not told why", async () => {
    const broken: BlobSource = {
      size: 1000,
      read: () => Promise.reject(new Error("EIO /srv/disk")),
      close: () => Promise.resolve(),
    };
    const server = await TestServer.start({ "broken.efi": broken }, { openUdp: openDgram });
    opened.push(server);
    const answer = await (await client()).fetch(server.endpoint, "broken.efi");
    expect(answer).toEqual({ opcode: "error", code: 0, message: "the file cannot be read" });
    expect(await server.event("tftp-failed")).toMatchObject({
      reason: "cannot read the file: EIO /srv/disk",
      bytesSent: 0,
    });
  });
});

describe("the size probe of UEFI", () => {
  it("is a probe and no failure, and no loader was started", async () => {
    const server = await serve();
    const one = await client();
    one.request(server.endpoint, "ipxe.efi", { tsize: 0, blksize: 1468, windowsize: 4 });
    const { packet, from } = await one.next();
    expect(packet).toEqual({
      opcode: "oack",
      options: new Map([
        ["tsize", "100000"],
        ["blksize", "1468"],
        ["windowsize", "4"],
      ]),
    });
    one.send({ opcode: "error", code: 8, message: "User aborted the transfer" }, from);
    await server.event("tftp-probe");
    expect(server.events).toEqual([
      { event: "tftp-probe", mac: null, address: "127.0.0.1", file: "ipxe.efi" },
    ]);
    expect(told(await one.fetch(server.endpoint, "ipxe.efi", { blksize: 1468 }))).toBe(whole);
  });
});

describe("a request that is refused", () => {
  it.each([
    ["a file that does not exist", "rrq", "nothing.efi", "octet", 1],
    ["writing", "wrq", "ipxe.efi", "octet", 2],
    ["netascii", "rrq", "ipxe.efi", "netascii", 0],
    ["mail", "rrq", "ipxe.efi", "mail", 4],
    ["an unknown mode", "rrq", "ipxe.efi", "binary", 4],
    ["a way out of the folder", "rrq", "../../etc/passwd", "octet", 2],
    ["a way out with backslashes", "rrq", "..\\..\\boot.ini", "octet", 2],
    ["a way out behind a MAC", "rrq", "08-00-27-29-4e-67/../x", "octet", 2],
    ["no name", "rrq", "", "octet", 2],
    ["a very long name", "rrq", "a".repeat(400), "octet", 2],
  ] as const)("is told so at once: %s", async (_, opcode, filename, mode, code) => {
    const server = await serve();
    const one = await client();
    one.send({ opcode, filename, mode, options: new Map() }, server.endpoint);
    const { packet } = await one.next();
    expect(packet).toMatchObject({ opcode: "error", code });
    expect(server.events).toMatchObject([
      { event: "tftp-refused", address: "127.0.0.1", errorCode: code },
    ]);
    for (const name of server.asked) expect(name).toBe("nothing.efi");
  });

  it("is reported with a name that cannot disturb a log", async () => {
    const server = await serve();
    await (await client()).fetch(server.endpoint, "a\x1b[2J\nb\xff");
    expect(await server.event("tftp-refused")).toMatchObject({ file: "a\\x1b[2J\\x0ab\\xff" });
  });

  it("is answered with ERROR 0 where looking it up fails, and only we know why", async () => {
    const server = await serve({ find: () => Promise.reject(new Error("database on fire")) });
    const answer = await (await client()).fetch(server.endpoint, "ipxe.efi");
    expect(answer).toMatchObject({ opcode: "error", code: 0 });
    expect(answer).not.toMatchObject({ message: expect.stringContaining("fire") });
    expect(await server.event("tftp-refused")).toMatchObject({ reason: "database on fire" });
  });

  it("is told that the server is busy while the transfers are as many as allowed", async () => {
    const server = await serve({ limits: { maxTransfers: 2 } });
    const [first, second, third] = [await client(), await client(), await client("127.0.0.2")];
    const from = await running(first, server);
    await running(third, server);
    const busy = await second.fetch(server.endpoint, "ipxe.efi");
    const message = "the server is busy, try again: this address has 1 of its transfers";
    expect(busy).toEqual({ opcode: "error", code: 0, message });
    first.send({ opcode: "error", code: 0, message: "enough" }, from);
    await server.event("tftp-failed");
    expect(told(await second.fetch(server.endpoint, "ipxe.efi"))).toBe(whole);
  });

  it("takes a place from an address that has most of them", async () => {
    const server = await serve({ limits: { maxTransfers: 3 } });
    const crowd = await Promise.all(Array.from({ length: 3 }, () => client()));
    for (const one of crowd) await running(one, server);
    const other = await client("127.0.0.2");
    expect(told(await other.fetch(server.endpoint, "ipxe.efi"))).toBe(whole);
    const reason = "the server is busy and this address has 3 transfers";
    expect(await crowd[2]?.next()).toMatchObject({ packet: { opcode: "error", message: reason } });
    expect(await server.event("tftp-failed")).toMatchObject({ reason });
    expect(crowd.slice(0, 2).flatMap((one) => one.unread)).toEqual([]);
  });
});

describe("a name that is not quite the file's", () => {
  it.each(["IPXE.EFI", "ipxe.efi\xff", "/08-00-27-29-4e-67/ipxe.efia\x11"])(
    "is rescued, and told: %j",
    async (asked) => {
      const server = await serve();
      expect(told(await (await client()).fetch(server.endpoint, asked))).toBe(whole);
      await server.event("loader-done");
      expect(server.eventNames).toEqual(["tftp-rescued", "loader-start", "loader-done"]);
      const escaped = asked.replace("\xff", "\\xff").replace("\x11", "\\x11");
      expect(server.events[0]).toMatchObject({ asked: escaped, file: "ipxe.efi" });
      expect(server.events[2]).toMatchObject({ file: "ipxe.efi" });
    },
  );

  it("is told where another file is sent that must be meant", async () => {
    const server = await serve({
      find: () => Promise.resolve({ name: "ipxe.efi", kind: "loader", blob: memoryBlob(file) }),
    });
    await (await client()).fetch(server.endpoint, "grubx64.efi");
    expect(await server.event("tftp-rescued")).toMatchObject({
      asked: "grubx64.efi",
      file: "ipxe.efi",
    });
  });
});

describe("the block size", () => {
  it.each([
    [1500, 1468],
    [1400, 1368],
    [65_536, 8192],
    [null, 8192],
  ])("is what fits into one packet of a link with MTU %j: %i", async (mtu, blksize) => {
    const server = await serve({ limits: { maxBlockSize: 65_464 }, mtuAt: () => mtu });
    const one = await client();
    one.request(server.endpoint, "ipxe.efi", { blksize: 8192 });
    const { packet } = await one.next();
    expect(packet).toEqual({ opcode: "oack", options: new Map([["blksize", String(blksize)]]) });
  });
});

describe.each([
  ["connected sockets", openTransferUdp],
  ["plain sockets", undefined],
])("strangers, with %s", (_, open) => {
  it("get ERROR 5 and disturb nothing", async () => {
    const server = await TestServer.start(
      files,
      open === undefined ? { openUdp: openDgram } : { openUdp: openDgram, openTransferUdp: open },
    );
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

describe("a client that is gone", () => {
  it("after everything was sent is said to have maybe all of it", async () => {
    const server = await serve();
    const one = await TftpClient.open(openDgram);
    one.request(server.endpoint, "autoexec.ipxe");
    await one.next();
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
  it("are where transfers come from, and a client is told when none is free", async () => {
    const port = await freePort();
    const server = await serve({ limits: { dataPorts: { first: port, last: port } } });
    const [one, two] = [await client(), await client()];
    one.request(server.endpoint, "ipxe.efi");
    const { from } = await one.next();
    expect(from.port).toBe(port);
    const refused = await two.fetch(server.endpoint, "ipxe.efi");
    expect(refused).toMatchObject({
      opcode: "error",
      code: 0,
      message: expect.stringMatching("port"),
    });
    one.send({ opcode: "error", code: 0, message: "" }, from);
    await server.event("tftp-failed");
    let answer = await two.fetch(server.endpoint, "autoexec.ipxe");
    // The port is free a moment after the transfer's end.
    while (!(answer instanceof Uint8Array))
      answer = await two.fetch(server.endpoint, "autoexec.ipxe");
    expect(answer).toEqual(files["autoexec.ipxe"]);
  });

  it("that another program holds are passed over", async () => {
    const held = await openDgram({ address: "127.0.0.1", port: 0 });
    opened.push(held);
    const { port } = held.local;
    const server = await serve({ limits: { dataPorts: { first: port, last: port } } });
    const refused = await (await client()).fetch(server.endpoint, "ipxe.efi");
    expect(refused).toMatchObject({ opcode: "error", code: 0 });
  });
});

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
    const { one } = await begin(server);
    await server.close(0);
    const { packet } = await one.next();
    expect(packet).toEqual({ opcode: "error", code: 0, message: "the server is stopping" });
    expect(server.events).toMatchObject([
      { event: "tftp-failed", reason: "the server is stopping", bytesSent: 0 },
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

describe("hostile datagrams", () => {
  it("are counted and harm nobody, at the listening port and at a transfer's", async () => {
    const server = await serve();
    const random = randomNumbers(Date.now() >>> 0);
    const real = firmwareTftp().map(({ payload }) => payload);
    const hostile = await client();
    const [one] = [await client()];
    one.request(server.endpoint, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    for (let i = 0; i < 2000; i++) {
      const payload = mutated(real[random(real.length)] ?? new Uint8Array(), random);
      hostile.sendBytes(payload, i % 2 === 0 ? server.endpoint : from);
      // Let the server read, or its socket would overflow and the test prove little.
      if (i % 50 === 0) await (await client()).fetch(server.endpoint, "empty.efi");
    }
    const fetched = await (await client()).fetch(server.endpoint, "ipxe.efi", { blksize: 1468 });
    expect(told(fetched)).toBe(whole);
    expect(server.eventNames).toContain("tftp-malformed");
    for (const name of server.asked) expect(name.split("/")).not.toContain("..");
  });
});
