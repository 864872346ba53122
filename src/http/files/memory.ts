import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Clock } from "../../lib/clock.ts";
import { type KernelBytes, loadKernelMemory } from "./kernel-memory.ts";
import type { SharedHandle } from "./shared-handles.ts";

/** What the manifest says of a file. */
export interface NamedFile {
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  /** Of its content, in hex. */
  readonly sha256: string;
}

/** A file's bytes, shared by all who send them. */
export interface HeldFile {
  readonly bytes: Uint8Array;
  /** By which the kernel takes them without a copy; absent: they are written. */
  readonly sendTo?: KernelBytes["sendTo"];
  /** As of the file that was read: milliseconds since the Unix epoch, with fractions. */
  readonly modifiedMs: number;
  /** To be called once by each who got it. */
  release(): void;
}

interface Entry {
  readonly size: number;
  readonly modifiedMs: number;
  /** Null while they are read. */
  read: ReadFile | null;
  users: number;
  usedAtMs: number;
}

type ReadFile = Pick<KernelBytes, "bytes"> & Partial<KernelBytes>;

/** A boot's files are wanted again within minutes, or not until the next machine is switched on. */
const keepMs = 15 * 60_000;
const sweepMs = 60_000;
const readBytes = 1024 * 1024;
/** Node 20 has no larger buffers than 4 GiB; a file that large is wanted by few. */
const maxFileBytes = 2 * 1024 ** 3;
/** Of fewer a copy costs less than the kernel's references to them. */
const leastKernelBytes = 128 * 1024;

/**
 * Files that were read whole, each once: sending them costs neither reads nor copies. Bounded by the
 * budget; what was used longest ago makes room, what is being sent stays. The bytes are checked against
 * their SHA-256 when they are read, so what is held is right whatever becomes of the file.
 */
export class FileMemory {
  readonly #budgetBytes: number;
  readonly #clock: Pick<Clock, "now">;
  /** By SHA-256: generations share files. */
  readonly #entries = new Map<string, Entry>();
  /** One file is read at a time. */
  #reading: Promise<unknown> = Promise.resolve();
  #sweep: NodeJS.Timeout | null = null;
  /** Loaded before there are clients, whose connections may leave no descriptors for it. */
  readonly #kernelMemory = loadKernelMemory();

  constructor(budgetBytes: number, clock: Pick<Clock, "now">) {
    this.#budgetBytes = budgetBytes;
    this.#clock = clock;
  }

  /** The file's bytes where they are in memory, else null. */
  get({ sha256 }: NamedFile): HeldFile | null {
    const entry = this.#entries.get(sha256);
    if (entry === undefined || entry.read === null) return null;
    entry.users += 1;
    entry.usedAtMs = this.#clock.now();
    const { read, modifiedMs } = entry;
    return { ...read, modifiedMs, release: () => (entry.users -= 1) };
  }

  /**
   * Reads the file, if the budget has room for it and nobody reads it yet. Resolves with whether its
   * bytes are right; null when it is not read.
   *
   * @throws the file system's error
   */
  async load(file: NamedFile, open: SharedHandle): Promise<boolean | null> {
    if (file.size > maxFileBytes || this.#entries.has(file.sha256)) return null;
    if (!this.#makeRoom(file.size)) return null;
    const usedAtMs = this.#clock.now();
    const modifiedMs = open.stats.mtimeMs;
    const entry: Entry = { size: file.size, modifiedMs, read: null, users: 1, usedAtMs };
    this.#entries.set(file.sha256, entry);
    this.#sweep ??= setInterval(() => this.#forgetUnused(), sweepMs).unref();
    const before = this.#reading;
    const read = open.share();
    const loaded = before.then(async () =>
      readWhole(read.handle, file, await this.#allocate(file.size)),
    );
    this.#reading = loaded.catch(() => {});
    try {
      entry.read = await loaded;
      return entry.read !== null;
    } finally {
      read.release();
      entry.users -= 1;
      if (entry.read === null) this.#entries.delete(file.sha256);
    }
  }

  close(): void {
    this.#forgetAll();
    void this.#kernelMemory.then((memory) => memory?.close());
  }

  async #allocate(size: number): Promise<ReadFile> {
    const kernelMemory = size < leastKernelBytes ? null : await this.#kernelMemory;
    // Never from Node's pool of small buffers, which a slice would keep in memory as a whole.
    return kernelMemory?.allocate(size) ?? { bytes: Buffer.allocUnsafeSlow(size) };
  }

  #makeRoom(size: number): boolean {
    const unused = [...this.#entries]
      .filter(([, { users }]) => users === 0)
      .toSorted(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    const heldBytes = [...this.#entries.values()].reduce((sum, entry) => sum + entry.size, 0);
    const freeableBytes = unused.reduce((sum, [, entry]) => sum + entry.size, 0);
    let missing = heldBytes + size - this.#budgetBytes;
    if (missing > freeableBytes) return false;
    for (const [sha256, entry] of unused) {
      if (missing <= 0) break;
      this.#entries.delete(sha256);
      missing -= entry.size;
    }
    return true;
  }

  #forgetUnused(): void {
    const nowMs = this.#clock.now();
    for (const [sha256, { users, usedAtMs }] of this.#entries) {
      if (users === 0 && nowMs - usedAtMs >= keepMs) this.#entries.delete(sha256);
    }
    if (this.#entries.size === 0) this.#forgetAll();
  }

  #forgetAll(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
    this.#entries.clear();
  }
}

/** Null when the file has not those bytes. */
async function readWhole(
  handle: FileHandle,
  { size, sha256 }: NamedFile,
  into: ReadFile,
): Promise<ReadFile | null> {
  const hash = createHash("sha256");
  for (let at = 0; at < size;) {
    const { bytesRead } = await handle.read(into.bytes, at, Math.min(readBytes, size - at), at);
    if (bytesRead === 0) return null;
    hash.update(into.bytes.subarray(at, at + bytesRead));
    at += bytesRead;
  }
  return hash.digest("hex") === sha256 ? into : null;
}
