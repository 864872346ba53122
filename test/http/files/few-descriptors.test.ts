import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { BootPort } from "../../support/boot-port.ts";

/** Runs it as a module of a process of its own, which may open no more than 64 files; with what it writes. */
async function run(script: string, ...words: readonly string[]): Promise<unknown> {
  const limited = ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath];
  const args = ["--import", "tsx", "--input-type=module", "-e", common + script, ...words];
  const { stdout } = await promisify(execFile)("/bin/sh", [...limited, ...args]);
  return JSON.parse(stdout);
}

const common = `
  import { closeSync, openSync, readFileSync } from "node:fs";
  import { createHash } from "node:crypto";
  import { setImmediate } from "node:timers/promises";
  import { Files } from "./src/http/files/files.ts";
  import { loadKernelMemory } from "./src/http/files/kernel-memory.ts";
  /** Takes all descriptors that are left. */
  function takeAll() {
    const taken = [];
    try {
      while (true) taken.push(openSync("/dev/null"));
    } catch {
      return taken;
    }
  }
`;

test("memory that the kernel sends from needs three descriptors, and gives back what it got of fewer", async () => {
  const leftBehind = await run(`
    // Its code is loaded.
    await loadKernelMemory();
    const taken = takeAll();
    const leftBehind = [];
    for (const left of [0, 1, 2, 3]) {
      for (const descriptor of taken.splice(0, left)) closeSync(descriptor);
      const memory = await loadKernelMemory();
      const isThere = memory !== null;
      const free = takeAll();
      memory?.close();
      const closed = takeAll();
      leftBehind.push({ left, isThere, free: free.length, closed: closed.length });
      taken.push(...free, ...closed);
    }
    console.log(JSON.stringify(leftBehind));
  `);
  expect(leftBehind).toEqual([
    { left: 0, isThere: false, free: 0, closed: 0 },
    { left: 1, isThere: false, free: 1, closed: 0 },
    { left: 2, isThere: false, free: 2, closed: 0 },
    { left: 3, isThere: true, free: 0, closed: 3 },
  ]);
});

test("files are sent by the kernel also where descriptors are short when the first one is read", async () => {
  const port = new BootPort();
  onTestFinished(() => port.close());
  const path = port.write("file", Buffer.alloc(1024 * 1024, "x"));
  const script = `
    const path = process.argv.at(-1);
    const bytes = readFileSync(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const options = { memoryBytes: 2 ** 24, maxBytesPerSecond: null, queue: null };
    const files = new Files({ ...options, clock: performance });
    // Asked for later, it is there later.
    await loadKernelMemory();
    closeSync(takeAll()[0]);
    const file = { path, size: bytes.length, sha256 };
    (await files.open(file)).close();
    while (files.inMemory(file) === null) await setImmediate();
    console.log(JSON.stringify(typeof files.inMemory(file).sendTo));
    process.exit();
  `;
  expect(await run(script, path)).toBe("function");
});
