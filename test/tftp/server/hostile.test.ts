import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLoaderStore } from "../../../src/artifacts/loaders/loader-store.ts";
import { SiteAssets } from "../../../src/daemon/content/site-assets.ts";
import { findTftpFile } from "../../../src/daemon/content/tftp-files.ts";
import { concat, equalBytes, fromText } from "../../../src/lib/bytes.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import { openTransferUdp } from "../../support/transfer-socket.ts";
import { decodePacket, encodePacket, type TftpPacket } from "../../../src/tftp/wire/packet.ts";
import { mutated, type Random, randomBytes, randomNumbers } from "../../support/random.ts";
import { firmwareTftp } from "../../support/tftp.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { TestServer } from "../../support/tftp-server.ts";
import { cases } from "../../support/cases.ts";
import { eventually } from "../../support/eventually.ts";

/*
 * Requests of somebody who wants what is not his, or the server to fall: 30,000 in all, to the server with the
 * loaders' folder that it has in production. Beside it lies a file that nobody may get.
 */

const REQUESTS = cases(10_000);
const CLIENTS = 50;
/** Usually two seconds; a machine that does much else needs more. */
const timeout = 90_000;
const NOT_DEFINED = 0;
const NOT_FOUND = 1;
const ACCESS_VIOLATION = 2;
const ILLEGAL_OPERATION = 4;

const loader = randomBytes(randomNumbers(21), 20_000);
const secret = fromText("SECRET ".repeat(1000));
const baseUrl = "http://127.0.0.1:8080";

let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-hostile-"));
  mkdirSync(join(folder, "loaders/sub"), { recursive: true });
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(folder, "loaders/ipxe.efi"), loader);
  writeFileSync(join(folder, "secret.efi"), secret);
  writeFileSync(join(folder, "outside/secret.efi"), secret);
  symlinkSync("../secret.efi", join(folder, "loaders/link.efi"));
  symlinkSync(join(folder, "outside"), join(folder, "loaders/linked"));
  symlinkSync(join(folder, "secret.efi"), join(folder, "loaders/absolute.efi"));
  const loaders = createLoaderStore({
    directories: [join(folder, "loaders")],
    store: { current: () => null },
  });
  mkdirSync(join(folder, "assets/sub"), { recursive: true });
  symlinkSync("../secret.efi", join(folder, "assets/link.efi"));
  symlinkSync("../outside", join(folder, "assets/linked"));
  const assets = new SiteAssets({
    directory: join(folder, "assets"),
    sessions: new BootSessions(),
    nodes: { find: () => null },
    isHandedOut: () => false,
  });
  const none = { takesSyslog: false, configs: null, findPi: () => Promise.resolve(null) };
  const content = { loaders, assets, ...none, denialOf: () => null, anyFolder: false };
  server = await TestServer.start(
    {},
    {
      openUdp: openDgram,
      openTransferUdp,
      find: (name, _asked, machine) => findTftpFile(name, content, baseUrl, machine),
    },
  );
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function pick<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[random(items.length)] ?? items[0];
}

const up = ["../", "..\\", "/../", "..//", "./../", ".//..//", "sub/../../"] as const;
/** Ways to write `..` that are other names to us, since TFTP knows no encoding. */
const upElsewhere = [
  "%2e%2e/",
  "%2e%2e%2f",
  "..%2f",
  "..%5c",
  "%252e%252e%252f",
  "..%c0%af",
  "..\xc0\xaf",
  "\xc0\xae\xc0\xae/",
  "..;/",
  ".../",
  "....//",
  "\uff0e".normalize("NFKC").repeat(3) + "/",
] as const;
const target = ["secret.efi", "outside/secret.efi", "etc/passwd", "etc/shadow", ""] as const;

interface Hostile {
  readonly payload: Uint8Array;
  /** The code that it must be refused with. */
  readonly code: number;
}

function request(filename: string, more: Partial<TftpPacket & { opcode: "rrq" | "wrq" }> = {}) {
  const options = new Map<string, string>();
  return encodePacket({ opcode: "rrq", filename, mode: "octet", options, ...more });
}

/** One that is understood, and whose refusal is known beforehand. */
function refusable(random: Random): Hostile {
  const depth = 1 + random(8);
  switch (random(9)) {
    case 0: {
      const way = Array.from({ length: depth }, () => pick(random, up)).join("");
      const lead = pick(random, ["", "/", "\\", "08-00-27-29-4e-67/", "tftp://127.0.0.1/", "sub/"]);
      const tail = pick(random, ["", "\xff", "a\x11", ".", "/"]);
      return { payload: request(lead + way + pick(random, target) + tail), code: ACCESS_VIOLATION };
    }
    case 1: {
      const way = Array.from({ length: depth }, () => pick(random, upElsewhere)).join("");
      return { payload: request(`${way}secret.efi`), code: NOT_FOUND };
    }
    case 2: {
      const absolute = join(folder, pick(random, ["secret.efi", "outside/secret.efi"]));
      const lead = pick(random, ["", "file://", "/", "\\\\?\\", "C:"]);
      return { payload: request(lead + absolute), code: NOT_FOUND };
    }
    case 3: {
      const name = pick(random, ["link.efi", "absolute.efi", "linked/secret.efi", "LINK.EFI\xff"]);
      return { payload: request(name), code: NOT_FOUND };
    }
    case 4: {
      // The NUL ends the name, and what follows is a mode.
      const name = pick(random, ["ipxe.efi\0/../secret.efi", "secret.efi\0.efi"]);
      const payload = concat([Uint8Array.of(0, 1), fromText(`${name}\0octet\0`)]);
      return { payload, code: ILLEGAL_OPERATION };
    }
    case 5: {
      const name = pick(random, ["a", "../", "ipxe.efi/", "\xff", "%00"]).repeat(256 + random(500));
      return { payload: request(name.slice(0, 20_000)), code: ACCESS_VIOLATION };
    }
    case 6: {
      const options = new Map<string, string>();
      for (let i = 0; i < 1 + random(4000); i++) options.set(`o${random(1e6)}`, `${random(1e6)}`);
      return { payload: request("absent.efi", { options }), code: NOT_FOUND };
    }
    case 7: {
      const filename = pick(random, ["ipxe.efi", "../secret.efi", "", "new.efi"]);
      return { payload: request(filename, { opcode: "wrq" }), code: ACCESS_VIOLATION };
    }
    default: {
      const mode = pick(random, ["netascii", "mail", "octet\xff", "", "x".repeat(300)]);
      const code = mode === "netascii" ? NOT_DEFINED : ILLEGAL_OPERATION;
      return { payload: request("ipxe.efi", { mode }), code };
    }
  }
}

/** Things that no server answers: garbage, and packets that belong to no transfer. */
function unanswerable(random: Random): Uint8Array {
  const opcode = pick(random, [0, 3, 4, 5, 6, 7, 255]);
  return concat([Uint8Array.of(0, opcode), randomBytes(random, 2 * random(300))]);
}

/** Bytes in use after everything that can be collected was. */
function memory(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Lets each of the clients send its share, one after the other; `rest` is for what comes afterwards. */
async function byAll(
  turn: (client: TftpClient, random: Random) => Promise<void>,
  rest: (clients: readonly TftpClient[]) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => TftpClient.open(openDgram)),
  );
  await Promise.all(
    clients.map(async (client, i) => {
      const random = randomNumbers(i + 1);
      for (let sent = 0; sent < REQUESTS / CLIENTS; sent++) await turn(client, random);
    }),
  );
  await rest(clients);
  await Promise.all(clients.map((client) => client.close()));
}

/** Whether it is a piece of what everybody may have. */
function allowed(data: Uint8Array): boolean {
  for (let at = 0; at <= loader.length; at += 8) {
    if (equalBytes(loader.subarray(at, at + data.length), data)) return true;
  }
  return new TextDecoder().decode(data).startsWith("#!ipxe");
}

describe("a hostile client", () => {
  it(
    "is refused with the right code each time, and nothing is kept of it",
    { timeout },
    async () => {
      const wrong: string[] = [];
      const turn = async (client: TftpClient, random: Random): Promise<void> => {
        // Now and then one that must not be answered: then the next answer is the next one's.
        if (random(10) === 0) client.sendBytes(unanswerable(random), server.endpoint);
        const { payload, code } = refusable(random);
        client.sendBytes(payload, server.endpoint);
        const { packet, from } = await client.next();
        if (
          packet.opcode === "error" &&
          packet.code === code &&
          from.port === server.endpoint.port
        ) {
          return;
        }
        wrong.push(
          `${code} wanted for ${JSON.stringify(decodePacket(payload))}: ${JSON.stringify(packet)}`,
        );
      };
      await byAll(turn);
      const [memoryBefore, filesBefore] = [memory(), openFiles()];
      const eventsBefore = server.events.length;
      await byAll(turn);
      expect(wrong).toEqual([]);
      // One of the process's own may have been open at that moment.
      await eventually(() => expect(openFiles()).toBeLessThanOrEqual(filesBefore));
      // The test itself keeps every event, at most a kilobyte each; the server keeps nothing.
      const eventBytes = (server.events.length - eventsBefore) * 1024;
      expect(memory() - memoryBefore).toBeLessThan(eventBytes + 4 * 1024 * 1024);
    },
  );

  it("gets no byte that is not everybody's by damaged requests", { timeout }, async () => {
    const real = firmwareTftp().map(({ payload }) => payload);
    const names = ["ipxe.efi", "../secret.efi", "/link.efi", "autoexec.ipxe", "linked/secret.efi"];
    const seeds = [
      ...real,
      ...names.map((name) => request(name, { options: new Map([["blksize", "1468"]]) })),
    ];
    const answers = { data: 0, error: 0 };
    const bad: string[] = [];
    const look = async (client: TftpClient): Promise<void> => {
      while (client.unread.length > 0) {
        const { packet, from } = await client.next();
        if (packet.opcode === "error") {
          answers.error += 1;
          if (packet.code > 5) bad.push(`ERROR ${packet.code}`);
          continue;
        }
        if (packet.opcode === "data") {
          answers.data += 1;
          if (!allowed(packet.data)) bad.push(JSON.stringify(packet));
        }
        client.send({ opcode: "error", code: 0, message: "enough" }, from);
      }
    };
    let turns = 0;
    const send = async (client: TftpClient, random: Random): Promise<void> => {
      client.sendBytes(mutated(seeds[random(seeds.length)] ?? loader, random), server.endpoint);
      // Let the server read, or its socket would overflow and the test prove little.
      if (++turns % 20 === 0) {
        const fence = await TftpClient.open(openDgram);
        await fence.fetch(server.endpoint, "absent.efi");
        await fence.close();
      }
      await look(client);
    };
    await byAll(send, (clients) =>
      eventually(async () => {
        for (const client of clients) await look(client);
        expect(answers.data).toBeGreaterThan(0);
        expect(answers.error).toBeGreaterThan(REQUESTS / 10);
      }),
    );
    expect(bad).toEqual([]);
    const one = await TftpClient.open(openDgram);
    const fetched = await one.fetch(server.endpoint, "ipxe.efi", { blksize: 1468 });
    expect(fetched instanceof Uint8Array && equalBytes(fetched, loader)).toBe(true);
    await one.close();
  });
});
