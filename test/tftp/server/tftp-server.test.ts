import { describe, expect, it } from "vitest";
import { type BlobSource, memoryBlob } from "../../../src/lib/blob.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import {
  file,
  files,
  running,
  servedTftp,
  stoppedClock,
  told,
  whole,
} from "../../support/served-tftp.ts";
import { TestServer } from "../../support/tftp-server.ts";
import { repeated } from "../../support/repeats.ts";

const { client, opened, serve } = servedTftp();

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
        sha256: null,
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
      { event: "autoexec", ...machine, file: "autoexec.ipxe", protocol: "tftp", sha256: null },
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
    const server = await TestServer.start(
      { "slow.efi": slow },
      { openUdp: openDgram, clock: stoppedClock },
    );
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
    const server = await TestServer.start(
      { "broken.efi": broken },
      { openUdp: openDgram, clock: stoppedClock },
    );
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

  it("field fault 16: is no trouble where the file need not be there", async () => {
    const server = await serve();
    await (await client()).fetch(server.endpoint, "/revocations.efi");
    expect(server.events).toMatchObject([
      { event: "optional-file", address: "127.0.0.1", file: "/revocations.efi", protocol: "tftp" },
    ]);
  });

  it("is iPXE's report of its error where the name says so, and no trouble either", async () => {
    const server = await serve();
    await (await client()).fetch(server.endpoint, "/eim-errno-0f0a6039");
    expect(server.events).toMatchObject([
      { event: "beacon", mac: null, address: "127.0.0.1", stage: "failed", errno: "0f0a6039" },
    ]);
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

  it("takes a place from an address that has most of them", repeated, async () => {
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
