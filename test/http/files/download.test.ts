import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection } from "../../../src/http/connections/connection.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { BootPort, orchestratorScript, sha256 } from "../../support/boot-port.ts";

const mebibyte = 1024 * 1024;
const name = "initramfs-x86_64";
let port: BootPort;
let content: Buffer;
const sockets: Socket[] = [];

/** Bytes that are the same nowhere else. */
function bytes(length: number): Buffer {
  const made = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) made.writeUInt32LE(at, at);
  return made;
}

beforeEach(async () => {
  port = new BootPort();
  content = bytes(12 * mebibyte + 5);
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript, [name]: content });
  await port.open();
  const file = port.generations.get("g1")?.file(name);
  if (file == null) throw new InternalError("no such file");
  // It is read into memory when it is asked for.
  await eventually(async () => {
    const open = await port.files.open(file);
    const held = open?.inMemory(0, 1) ?? null;
    open?.close();
    if (held === null) throw new InternalError("it is not in memory yet");
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await port.close();
});

function connected(): Socket {
  const socket = port.connect();
  sockets.push(socket);
  return socket;
}

const get = (range: string | null = null): string =>
  `GET /artifacts/${name} HTTP/1.1\r\nHost: a\r\n${range === null ? "" : `Range: bytes=${range}\r\n`}\r\n`;

/** The bodies of answers on one connection, which is read so many bytes at a time. */
async function bodies(socket: Socket, count: number, atOnce: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  let received = Buffer.alloc(0);
  let chunks: Buffer[] = [];
  while (found.length < count) {
    const chunk: unknown = socket.read(Math.min(atOnce, socket.readableLength));
    if (chunk instanceof Buffer) chunks.push(chunk);
    if (chunk instanceof Buffer && chunks.length < 40) continue;
    await sleep(1);
    received = Buffer.concat([received, ...chunks]);
    chunks = [];
    if (socket.destroyed) throw new InternalError("the connection ended");
    const head = received.indexOf("\r\n\r\n");
    if (head === -1) continue;
    const header = received.toString("latin1", 0, head);
    const end = head + 4 + Number(/^content-length: (\d+)/im.exec(header)?.[1]);
    if (received.length < end) continue;
    found.push(received.subarray(head + 4, end));
    received = received.subarray(end);
  }
  return found;
}

describe.each([
  { isDirect: true, way: "that the kernel takes by itself" },
  { isDirect: false, way: "that is written" },
])("a download from memory $way", ({ isDirect }) => {
  // By TLS it is always written.
  beforeEach(
    () => void vi.spyOn(Connection.prototype, "isDirect", "get").mockReturnValue(isDirect),
  );
  afterEach(() => void vi.restoreAllMocks());

  test("has each byte in its place where the client reads as fast as it can", async () => {
    const response = await fetch(`${port.url}/artifacts/${name}`);
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(content));
  });

  // What the kernel takes by itself and what is written follow one another many times then.
  test("has each byte in its place where the client is slow", async () => {
    const socket = connected();
    socket.write(get());
    const [body] = await bodies(socket, 1, 100_000);
    expect(sha256(body ?? "")).toBe(sha256(content));
    await eventually(() => expect(port.named("initramfs-done")).toHaveLength(1));
  });

  test("is followed by the next one on its connection, whole or in part", async () => {
    const socket = connected();
    socket.write(get("0-0") + get(`${mebibyte}-${3 * mebibyte}`) + get() + get("-7"));
    const [first, part, whole, last] = await bodies(socket, 4, mebibyte);
    expect(first?.equals(content.subarray(0, 1))).toBe(true);
    expect(part?.equals(content.subarray(mebibyte, 3 * mebibyte + 1))).toBe(true);
    expect(sha256(whole ?? "")).toBe(sha256(content));
    expect(last?.equals(content.subarray(-7))).toBe(true);
  });

  test("that is broken off says how much was sent, and leaves the others alone", async () => {
    const broken = connected();
    broken.write(get());
    await eventually(() => expect(broken.readableLength).toBeGreaterThan(0));
    broken.destroy();
    const response = await fetch(`${port.url}/artifacts/${name}`);
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(content));
    const aborted = await port.event("download-aborted");
    expect(aborted).toMatchObject({ file: name, bytes: content.length });
    expect("bytesSent" in aborted && aborted.bytesSent).toBeLessThan(content.length);
  });
});
