import { renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Files } from "../../../src/http/files/files.ts";
import type { NamedFile } from "../../../src/http/files/memory.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { BootPort, sha256 } from "../../support/boot-port.ts";
import { openFilesBelow } from "../../support/open-files.ts";
import { eventually } from "../../support/eventually.ts";

const mebibyte = 1024 * 1024;
let port: BootPort;
let nowMs = 0;

function files(memoryBytes: number): Files {
  const made = new Files({
    memoryBytes,
    maxBytesPerSecond: null,
    queue: null,
    clock: { now: () => nowMs },
  });
  opened.push(made);
  return made;
}
const opened: Files[] = [];

beforeEach(() => {
  port = new BootPort();
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(async () => {
  vi.useRealTimers();
  for (const one of opened.splice(0)) one.close();
  await port.close();
});

/** Bytes that differ at every offset within 64 KiB, and from file to file. */
function content(bytes: number, seed = 0): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = Math.imul(at + seed, 2654435761);
  return new Uint8Array(words.buffer, 0, bytes);
}

function stored(name: string, bytes: Uint8Array): NamedFile {
  return { path: port.write(name, bytes), size: bytes.length, sha256: sha256(bytes) };
}

/** The file's bytes as a download gets them, and where they came from. */
async function whole(from: Files, file: NamedFile) {
  const open = await from.open(file);
  if (open === null) return null;
  const pieces: Uint8Array[] = [];
  let reads = 0;
  for (let at = 0; at < open.size;) {
    const held = open.inMemory(at, 300_000);
    const piece = held ?? (await open.read(at, 300_000));
    if (held === null) reads += 1;
    const bytes = Uint8Array.from(piece instanceof Uint8Array ? piece : piece.bytes);
    if (!(piece instanceof Uint8Array)) piece.release();
    if (bytes.length === 0) break;
    pieces.push(bytes);
    at += bytes.length;
  }
  open.close();
  return { sha256: sha256(Buffer.concat(pieces)), reads };
}

/** Waits until a file has come to be in memory. */
async function inMemory(from: Files, file: NamedFile): Promise<void> {
  await eventually(async () => expect((await whole(from, file))?.reads).toBe(0));
}

describe("a file of a generation", () => {
  test("is read from disk at first, and sent from memory when it is there", async () => {
    const file = stored("a", content(3 * mebibyte));
    const from = files(4 * mebibyte);
    expect(await whole(from, file)).toMatchObject({ sha256: file.sha256 });
    await inMemory(from, file);
    expect(openFilesBelow(port.folder)).toBe(0);
  });

  test("comes from disk where the budget has no room, with one open file for all", async () => {
    const file = stored("a", content(3 * mebibyte));
    const from = files(2 * mebibyte);
    const many = await Promise.all(Array.from({ length: 20 }, () => from.open(file)));
    expect(openFilesBelow(port.folder)).toBe(1);
    const more = await Promise.all(Array.from({ length: 20 }, () => whole(from, file)));
    expect(new Set(more.map((one) => one?.sha256))).toEqual(new Set([file.sha256]));
    expect(more.every((one) => (one?.reads ?? 0) > 0)).toBe(true);
    for (const one of many) one?.close();
    await eventually(() => expect(openFilesBelow(port.folder)).toBe(0));
  });

  test("makes room for another when it was used longest ago, but not while it is sent", async () => {
    const from = files(2 * mebibyte);
    const [a, b, c] = [1, 2, 3].map((seed) => stored(`${seed}`, content(mebibyte, seed)));
    if (a === undefined || b === undefined || c === undefined) throw new InternalError("three");
    await inMemory(from, a);
    nowMs += 1;
    await inMemory(from, b);
    const sending = await from.open(a);
    await inMemory(from, c);
    expect(sha256(sending?.inMemory(0, mebibyte) ?? "")).toBe(a.sha256);
    sending?.close();
    nowMs += 1;
    expect((await whole(from, b))?.reads).toBeGreaterThan(0);
  });

  test("is sent by the kernel where it is large", async () => {
    const from = files(64 * mebibyte);
    const large = stored("large", content(128 * 1024));
    const small = stored("small", content(128 * 1024 - 1));
    for (const file of [small, large]) await inMemory(from, file);
    const open = await Promise.all([small, large].map((file) => from.open(file)));
    expect(open.map((one) => one?.sendTo !== undefined)).toEqual([false, true]);
    for (const one of open) one?.close();
  });

  test("is forgotten when nobody wanted it for a while", async () => {
    const from = files(2 * mebibyte);
    const file = stored("a", content(mebibyte));
    await inMemory(from, file);
    nowMs += 14 * 60_000;
    vi.advanceTimersByTime(60_000);
    expect((await whole(from, file))?.reads).toBe(0);
    nowMs += 15 * 60_000;
    vi.advanceTimersByTime(60_000);
    expect((await whole(from, file))?.reads).toBeGreaterThan(0);
  });

  test("is sent from memory as it was stored, whatever becomes of it on disk", async () => {
    const from = files(2 * mebibyte);
    const file = stored("a", content(mebibyte));
    await inMemory(from, file);
    writeFileSync(file.path, content(mebibyte, 7));
    expect((await whole(from, file))?.sha256).toBe(file.sha256);
    rmSync(file.path);
    expect((await whole(from, file))?.sha256).toBe(file.sha256);
  });

  test("that is damaged on disk is not served, until it is mended", async () => {
    const from = files(2 * mebibyte);
    const right = content(mebibyte);
    const file = stored("a", right);
    writeFileSync(file.path, content(mebibyte, 7));
    const first = await from.open(file);
    await eventually(async () => expect(await whole(from, file)).toBeNull());
    // A download that had begun ends before the wrong bytes are all sent.
    expect((await first?.read(0, 1000))?.bytes.length).toBe(0);
    first?.close();
    writeFileSync(file.path, right);
    utimesSync(file.path, 1, 2);
    expect((await whole(from, file))?.sha256).toBe(file.sha256);
  });

  test("that is not there, has another size or is no file is not served", async () => {
    const from = files(2 * mebibyte);
    const file = stored("a", content(1000));
    truncateSync(file.path, 999);
    expect(await from.open(file)).toBeNull();
    rmSync(file.path);
    expect(await from.open(file)).toBeNull();
    expect(await from.open({ ...file, path: port.folder })).toBeNull();
    expect(openFilesBelow(port.folder)).toBe(0);
  });

  test("goes on to be the one that was opened when another takes its name", async () => {
    const from = files(0);
    const file = stored("a", content(2 * mebibyte));
    const open = await from.open(file);
    renameSync(port.write("b", content(2 * mebibyte, 7)), file.path);
    const piece = await open?.read(mebibyte, 5);
    expect(Uint8Array.from(piece?.bytes ?? [])).toEqual(
      content(2 * mebibyte).subarray(mebibyte, mebibyte + 5),
    );
    // Who comes now gets what lies there now; its bytes are judged when they are read whole.
    const next = await from.openPath(file.path);
    expect(Uint8Array.from((await next?.read(0, 5))?.bytes ?? [])).toEqual(content(5, 7));
    piece?.release();
    open?.close();
    next?.close();
    await eventually(() => expect(openFilesBelow(port.folder)).toBe(0));
  });
});

describe("a script of a generation", () => {
  test("is what was stored, or nothing", async () => {
    const from = files(0);
    const file = stored("boot.ipxe", Buffer.from("#!ipxe\n"));
    expect(await from.text(file)).toBe("#!ipxe\n");
    writeFileSync(file.path, "#!ipxe\nshell\n");
    expect(await from.text(file)).toBeNull();
    rmSync(file.path);
    await expect(from.text(file)).rejects.toThrow("ENOENT");
  });
});

describe.each([0, 64 * mebibyte])("downloads with %i bytes of memory", (memoryBytes) => {
  const size = 5 * mebibyte + 7;
  let served: BootPort;

  beforeEach(async () => {
    served = new BootPort({ files: files(memoryBytes) });
    served.addGeneration("g1", { "initramfs-x86_64": content(size) });
    await served.open();
  });
  afterEach(() => served.close());

  test("are right to the byte, whole and in parts, while generations change", async () => {
    const url = `${served.url}/artifacts/initramfs-x86_64`;
    const former = content(size);
    const later = content(size, 7);
    const formerTag = `"${sha256(former)}"`;
    const sums = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        if (index === 30) {
          served.addGeneration("g2", { "initramfs-x86_64": later });
          served.generations.delete("g1");
          rmSync(join(served.folder, "g1"), { recursive: true });
        }
        const first = (index * 99_991) % size;
        const headers: Record<string, string> =
          index % 2 === 0 ? {} : { range: `bytes=${first}-${first + 400_000}` };
        const reply = await fetch(url, { headers });
        const bytes = reply.headers.get("etag") === formerTag ? former : later;
        const wanted = index % 2 === 0 ? bytes : bytes.subarray(first, first + 400_001);
        return Buffer.compare(Buffer.from(await reply.arrayBuffer()), wanted);
      }),
    );
    expect(sums).toEqual(sums.map(() => 0));
    await eventually(() => expect(openFilesBelow(served.folder)).toBe(0));
  });

  test("that nobody reads keep no other waiting", async () => {
    served.addGeneration("g2", { "initramfs-x86_64": content(16 * mebibyte) });
    const stalled = Array.from({ length: 100 }, () => served.connect().on("error", () => {}));
    for (const socket of stalled) {
      socket.pause().write("GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    await eventually(() => expect(served.named("initramfs-start")).toHaveLength(100));
    const reply = await fetch(`${served.url}/artifacts/initramfs-x86_64`);
    expect(sha256(new Uint8Array(await reply.arrayBuffer()))).toBe(sha256(content(16 * mebibyte)));
    expect(openFilesBelow(served.folder)).toBeLessThanOrEqual(1);
    for (const socket of stalled) socket.destroy();
    await eventually(() => expect(openFilesBelow(served.folder)).toBe(0));
  });

  test("end when the file shrinks under them", async () => {
    served.addGeneration("g2", { "initramfs-x86_64": content(64 * mebibyte) });
    const socket = served.connect();
    socket.pause().write("GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n");
    await served.event("initramfs-start");
    const path = join(served.folder, "g2", "initramfs-x86_64");
    truncateSync(path, statSync(path).size / 2);
    socket.on("error", () => {}).resume();
    if (memoryBytes === 0) await once(socket, "close");
    else socket.destroy();
    await served.event("download-aborted");
    expect(served.named("initramfs-done")).toEqual([]);
  });
});
