import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { descriptorOf } from "../../../src/lib/descriptors.ts";
import { type KernelMemory, loadKernelMemory } from "../../../src/http/files/kernel-memory.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { eventually } from "../../support/eventually.ts";

const mebibyte = 1024 * 1024;
let memory: KernelMemory;
const toClose: (() => void)[] = [];

beforeEach(async () => {
  const loaded = await loadKernelMemory();
  if (loaded === null) throw new InternalError("koffi is a dependency of these tests");
  memory = loaded;
});
afterEach(() => {
  memory.close();
  for (const close of toClose.splice(0)) close();
});

/** Memory with bytes that differ at every offset. */
function filled(size: number) {
  const allocated = memory.allocate(size);
  if (allocated === null) throw new InternalError("the system gave no memory");
  for (let at = 0; at + 4 <= size; at += 4) allocated.bytes.writeUInt32LE(at, at);
  return allocated;
}

/** Both ends of a TCP connection, and the descriptor of the first. */
async function connection(): Promise<{ other: Socket; descriptor: number }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new InternalError("no address");
  const other = connect(address.port, "127.0.0.1");
  const own = await accepted;
  server.close();
  toClose.push(() => [own, other].forEach((end) => end.destroy()));
  for (const end of [own, other]) end.on("error", () => {});
  const descriptor = descriptorOf(own);
  if (descriptor === null) throw new InternalError("it is closed");
  return { other, descriptor };
}

/** What the process has of address space, in bytes. */
function addressSpace(): number {
  return Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

describe("memory that the kernel sends from", () => {
  test("arrives as it was written, from any place", async () => {
    const { bytes, sendTo } = filled(mebibyte);
    const { other, descriptor } = await connection();
    const expected = bytes.subarray(1001, 1001 + 50_000);
    expect(sendTo(descriptor, 1001, 50_000)).toBe(50_000);
    let received = Buffer.alloc(0);
    other.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    await eventually(() => expect(received.length).toBe(50_000));
    expect(received.equals(expected)).toBe(true);
  });

  test("is taken as far as there is room, and then not at all until the other end has read some", async () => {
    const { bytes, sendTo } = filled(64 * mebibyte);
    const { other, descriptor } = await connection();
    const taken = sendTo(descriptor, 0, bytes.length);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(bytes.length);
    let at = taken;
    let received = 0;
    other.on("data", (chunk: Buffer) => {
      expect(chunk.equals(bytes.subarray(received, received + chunk.length))).toBe(true);
      received += chunk.length;
    });
    await eventually(() => {
      at += sendTo(descriptor, at, bytes.length - at);
      expect(received).toBe(bytes.length);
    });
  });

  test("is not taken by a connection that is gone, which stops nothing", async () => {
    const { sendTo } = filled(mebibyte);
    const { other, descriptor } = await connection();
    other.resetAndDestroy();
    await eventually(() => expect(sendTo(descriptor, 0, mebibyte)).toBe(0));
    expect(sendTo(-1, 0, mebibyte)).toBe(0);
  });

  test("is not taken once that is closed, whatever has its descriptors then", async () => {
    const { sendTo } = filled(mebibyte);
    const { descriptor } = await connection();
    memory.close();
    expect(sendTo(descriptor, 0, 1000)).toBe(0);
  });

  // What a connection has no room for would else be sent to the next one.
  test("goes to the connection that it is for, when another one is full", async () => {
    const { sendTo } = filled(64 * mebibyte);
    const full = await connection();
    expect(sendTo(full.descriptor, 0, 64 * mebibyte)).toBeLessThan(64 * mebibyte);
    expect(sendTo(full.descriptor, 0, mebibyte)).toBeLessThan(mebibyte);
    const { bytes, sendTo: send } = filled(mebibyte);
    bytes.fill(7);
    const { other, descriptor } = await connection();
    expect(send(descriptor, 0, 1000)).toBe(1000);
    const [received] = await once(other, "data");
    expect(Buffer.alloc(1000, 7).equals(received)).toBe(true);
  });

  test("is given back when nothing refers to it", async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function") throw new InternalError("no gc");
    const size = 512 * mebibyte;
    const allocate = () => memory.allocate(size)?.bytes.subarray(0, 10);
    const before = addressSpace();
    const slices = [allocate(), allocate()];
    expect(addressSpace()).toBeGreaterThan(before + size);
    collect();
    expect(slices.map((slice) => slice?.writeUInt32LE(4, 4))).toEqual([8, 8]);
    slices.length = 0;
    await eventually(() => {
      collect();
      expect(addressSpace()).toBeLessThan(before + size);
    });
  });

  test.each([0, 2 ** 50])("is not given for %d bytes", (size) => {
    expect(memory.allocate(size)).toBeNull();
  });
});
