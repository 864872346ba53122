import { readFile, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import { openConfined } from "../../lib/disk/confined-file.ts";
import { FileMemory, type HeldFile, type NamedFile } from "./memory.ts";
import type { OpenFile, ReadBytes } from "./open-file.ts";
import { DownloadQueue } from "./queue.ts";
import { ReadBuffers } from "./read-buffers.ts";
import { type SharedHandle, SharedHandles } from "./shared-handles.ts";
import { Turns } from "./turns.ts";

export interface FilesOptions {
  /** What files of generations may take of the memory, in bytes. */
  readonly memoryBytes: number;
  /** What all downloads together may take of the line; null: all. */
  readonly maxBytesPerSecond: number | null;
  /** Machines that download large files at the same time; null: all. */
  readonly queue: number | null;
  readonly clock: Pick<Clock, "now">;
}

const maxDamaged = 1000;

/**
 * The files that the HTTP ports send. Each is open once however many downloads of it there are, and read
 * once where the memory suffices; downloads take turns.
 */
export class Files {
  readonly turns: Turns;
  /** Null: nobody has to wait. */
  readonly queue: DownloadQueue | null;
  readonly #memory: FileMemory;
  readonly #handles = new SharedHandles();
  readonly #buffers = new ReadBuffers();
  /** By path: when a file was modified that had other bytes than its manifest says. */
  readonly #damaged = new BoundedMap<string, number>(maxDamaged);

  readonly #etags = new WeakMap<object, string>();

  constructor({ memoryBytes, maxBytesPerSecond, queue, clock }: FilesOptions) {
    this.turns = new Turns({ maxBytesPerSecond, clock });
    this.queue = queue === null ? null : new DownloadQueue({ places: queue, clock });
    this.#memory = new FileMemory(memoryBytes, clock);
  }

  /** A file of a generation at once; null: it is not in memory. */
  inMemory(file: NamedFile): OpenFile | null {
    const held = this.#memory.get(file);
    return held === null ? null : new HeldBytes(held);
  }

  /** A file of a generation; null when there is another one, or none. */
  async open(file: NamedFile): Promise<OpenFile | null> {
    const inMemory = this.inMemory(file);
    if (inMemory !== null) return inMemory;
    if (await this.#isDamaged(file.path)) return null;
    const shared = await this.#handles.open(file.path);
    if (shared === null) return null;
    if (shared.stats.size !== file.size) {
      shared.release();
      return null;
    }
    void this.#load(file, shared);
    return new DiskFile(shared, this.#buffers, {
      held: () => this.#memory.get(file),
      isDamaged: () => this.#damaged.get(file.path) === shared.stats.mtimeMs,
    });
  }

  /** A file that no manifest names; null when there is none. */
  async openPath(path: string): Promise<OpenFile | null> {
    const shared = await this.#handles.open(path);
    if (shared === null) return null;
    return new DiskFile(shared, this.#buffers, { held: () => null, isDamaged: () => false });
  }

  /**
   * A file of a folder that it must not leave; null when it is not there any more.
   *
   * @param folder a real path
   * @param path the file's real path
   */
  async openWithin(folder: string, path: string): Promise<OpenFile | null> {
    const shared = await this.#handles.open(path, (name) => openConfined(folder, name));
    if (shared === null) return null;
    return new DiskFile(shared, this.#buffers, { held: () => null, isDamaged: () => false });
  }

  /** A small text of a generation; null when there is another one. */
  async text({ path, sha256 }: NamedFile): Promise<string | null> {
    const bytes = await readFile(path);
    return sha256Of(bytes) === sha256 ? bytes.toString("utf8") : null;
  }

  /** A text of the site's own, as it is now. */
  readNow(path: string): Promise<string> {
    return readFile(path, "utf8");
  }

  /** A strong entity tag, with its quotes, of the bytes that `owner` always has. */
  etagOf(owner: object, bytes: Uint8Array): string {
    const etag = this.#etags.get(owner) ?? `"${sha256Of(bytes)}"`;
    this.#etags.set(owner, etag);
    return etag;
  }

  /** Forgets what is in memory, and who waits. */
  close(): void {
    this.queue?.close();
    this.#memory.close();
  }

  async #load(file: NamedFile, shared: SharedHandle): Promise<void> {
    try {
      const isRight = await this.#memory.load(file, shared);
      if (isRight === false) this.#damaged.set(file.path, shared.stats.mtimeMs);
    } catch {
      // The disk refused: whoever reads the file for a download gets the error.
    }
  }

  async #isDamaged(path: string): Promise<boolean> {
    const modifiedMs = this.#damaged.get(path);
    if (modifiedMs === undefined) return false;
    const now = await stat(path).catch(() => null);
    if (now?.mtimeMs === modifiedMs) return true;
    // It was put right, or is gone.
    this.#damaged.delete(path);
    return false;
  }
}

/** Bytes in memory, as a file. */
export class HeldBytes implements OpenFile {
  readonly #held: HeldFile;

  constructor(held: HeldFile) {
    this.#held = held;
  }

  get size(): number {
    return this.#held.bytes.length;
  }

  get modifiedMs(): number {
    return this.#held.modifiedMs;
  }

  inMemory(offset: number, length: number): Uint8Array {
    return this.#held.bytes.subarray(offset, offset + length);
  }

  get sendTo(): OpenFile["sendTo"] {
    return this.#held.sendTo;
  }

  read(offset: number, length: number): Promise<ReadBytes> {
    return Promise.resolve({ bytes: this.inMemory(offset, length), release: () => {} });
  }

  close(): void {
    this.#held.release();
  }
}

interface Knowledge {
  /** The file's bytes when they have come to be in memory. */
  held(): HeldFile | null;
  isDamaged(): boolean;
}

/** A file on disk, from the moment on in memory when it is read whole. */
class DiskFile implements OpenFile {
  readonly #shared: SharedHandle;
  readonly #buffers: ReadBuffers;
  readonly #knowledge: Knowledge;
  #held: HeldFile | null = null;

  constructor(shared: SharedHandle, buffers: ReadBuffers, knowledge: Knowledge) {
    this.#shared = shared;
    this.#buffers = buffers;
    this.#knowledge = knowledge;
  }

  get size(): number {
    return this.#shared.stats.size;
  }

  get modifiedMs(): number {
    return this.#shared.stats.mtimeMs;
  }

  inMemory(offset: number, length: number): Uint8Array | null {
    this.#held ??= this.#knowledge.held();
    return this.#held?.bytes.subarray(offset, offset + length) ?? null;
  }

  get sendTo(): OpenFile["sendTo"] {
    this.#held ??= this.#knowledge.held();
    return this.#held?.sendTo;
  }

  async read(offset: number, length: number): Promise<ReadBytes> {
    const read = await this.#buffers.read(this.#shared.handle, offset, length);
    if (!this.#knowledge.isDamaged()) return read;
    read.release();
    return { bytes: new Uint8Array(), release: () => {} };
  }

  close(): void {
    this.#held?.release();
    this.#shared.release();
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
