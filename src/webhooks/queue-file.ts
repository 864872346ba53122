import { type FileHandle, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { replaceOpen, syncPath } from "../lib/atomic-file.ts";
import { errnoOf, messageOf } from "../lib/errors.ts";
import { addedLine, doneLine, type QueuedEvent, WebhookQueue } from "./queue.ts";

/** A file below this size is not written anew. */
const COMPACT_ABOVE_BYTES = 256 * 1024;
/** What comes within this time is written and synced together; a crash loses no more. */
const GATHER_MS = 50;
/** How long after a failure it is tried again. */
const RETRY_AFTER_MS = 5000;

export interface QueueFileParts {
  readonly path: string;
  /** Events that wait at most. */
  readonly most: number;
  /** So many were dropped since there was no room for them. */
  readonly dropped: (events: number) => void;
  /** The disk takes nothing; null: it does again. Called once for each turn. */
  readonly unkept: (reason: string | null) => void;
  /** Lines of the file were damaged and left out. */
  readonly damaged: (lines: number) => void;
}

/**
 * What waits for one webhook, on disk: lines are appended and synced, those of 50 ms together, and the file is
 * written anew when most of it is done with. While the disk takes nothing all of it is in memory, within the same bound.
 */
export class QueueFile {
  readonly #parts: QueueFileParts;
  readonly #queue: WebhookQueue;
  #file: FileHandle | null = null;
  #bytes = 0;
  #pending = "";
  /** What is in the file is not what waits, or not known yet: it has to be written anew. */
  #isStale = true;
  #isFailing = false;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #gathering: NodeJS.Timeout | null = null;

  constructor(parts: QueueFileParts) {
    this.#parts = parts;
    this.#queue = new WebhookQueue(parts.most);
  }

  get size(): number {
    return this.#queue.size;
  }

  first(): QueuedEvent | null {
    return this.#queue.first();
  }

  /** Takes up what an earlier run left. What is added before that, or meanwhile, waits behind it. */
  async start(): Promise<void> {
    const { path, dropped, damaged } = this.#parts;
    let text = "";
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o750 });
      text = await readFile(path, "utf8");
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") this.#fails(error);
    }
    // A line that was not written to its end swallows none of what was added meanwhile.
    const found = this.#queue.restore(`${text}\n${this.#queue.lines()}`);
    if (found.damaged > 0) damaged(found.damaged);
    if (found.dropped > 0) dropped(found.dropped);
    await this.#write();
  }

  add(event: QueuedEvent): void {
    const dropped = this.#queue.add(event);
    this.#append(addedLine(event.body) + dropped.map(doneLine).join(""));
    if (dropped.length > 0) this.#parts.dropped(dropped.length);
  }

  remove(id: string): void {
    if (this.#queue.remove(id)) this.#append(doneLine(id));
  }

  /** Resolves when all that was added is on disk, or the disk takes nothing. */
  async settled(): Promise<void> {
    while (this.#writing !== null || this.#pending !== "") await this.#write();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    await this.settled();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#isStale || this.#pending !== "") await this.#write();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#file?.close();
    this.#file = null;
  }

  #append(lines: string): void {
    // While it fails, or is to be written anew, what waits is in the queue.
    if (this.#isStale) return;
    this.#pending += lines;
    this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#writing !== null || this.#gathering !== null) return;
    this.#gathering = setTimeout(() => void this.#write(), GATHER_MS);
    // Closing writes what is left.
    this.#gathering.unref();
  }

  #write(): Promise<void> {
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#gathering = null;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
      if (this.#pending !== "") this.#writeSoon();
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#isStale || this.#pending !== "") {
        const isLong =
          this.#bytes > COMPACT_ABOVE_BYTES && this.#bytes > 2 * this.#queue.characters;
        if (this.#isStale || this.#file === null || isLong) await this.#writeAnew();
        else await this.#appendPending(this.#file);
      }
      if (this.#isFailing) this.#parts.unkept(null);
      this.#isFailing = false;
    } catch (error) {
      this.#pending = "";
      this.#isStale = true;
      this.#fails(error);
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        void this.#write();
      }, RETRY_AFTER_MS);
      this.#timer.unref();
    }
  }

  #fails(error: unknown): void {
    if (!this.#isFailing) this.#parts.unkept(messageOf(error));
    this.#isFailing = true;
  }

  async #appendPending(file: FileHandle): Promise<void> {
    const bytes = Buffer.from(this.#pending);
    this.#pending = "";
    await file.appendFile(bytes);
    await file.datasync();
    this.#bytes += bytes.length;
  }

  async #writeAnew(): Promise<void> {
    const { path } = this.#parts;
    const former = this.#file;
    // What comes while it is written is appended behind it.
    const bytes = Buffer.from(this.#queue.lines());
    this.#pending = "";
    this.#isStale = false;
    const { file } = await replaceOpen(path, (fresh) => fresh.appendFile(bytes));
    this.#file = file;
    this.#bytes = bytes.length;
    await former?.close();
    await syncPath(dirname(path));
  }
}
