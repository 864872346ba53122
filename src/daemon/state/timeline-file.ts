import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../../events/types.ts";
import { replaceOpen, syncPath } from "../../lib/atomic-file.ts";
import { type Clock, type Moment, momentOf } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { piecesOf } from "../../lib/lists/pieces.ts";
import type { Boot } from "../../timeline/boot.ts";
import type { HistoryListener } from "../../timeline/boot-history.ts";
import { bootLine, eventLine, headerLine, timelineVersion } from "../../timeline/boot-record.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { readTimeline } from "./timeline-reader.ts";
import { WaitingTimeline } from "./waiting-timeline.ts";

/*
 * The timelines in a file of the data folder, so that they survive a restart: lines are appended, and what is
 * out of date is left out by writing the file anew when it has become twice as long as it has to be.
 */

/** What happens within this time is written together; a crash loses no more. */
const WRITE_AFTER_MS = 1000;
/** How long after a failure it is tried again. */
const RETRY_AFTER_MS = 5000;
/** A file below this size is not written anew. */
const COMPACT_ABOVE_BYTES = 4 * 1024 * 1024;
/** So much is made and written before other work has its turn: half a millisecond, since machines wait meanwhile. */
const PIECE_CHARACTERS = 64 * 1024;

export interface TimelineKeeperParts {
  readonly sessions: BootSessions;
  readonly dataDir: string;
  readonly keepBoots: number;
  readonly emit: Emit;
  readonly clock: Clock;
}

export function timelineFile(dataDir: string): string {
  return join(dataDir, "timeline.jsonl");
}

/** Keeps the timelines on disk. What goes wrong is reported, and never stops anything. */
export class TimelineKeeper implements HistoryListener {
  readonly #parts: TimelineKeeperParts;
  readonly #path: string;
  #file: FileHandle | null = null;
  /** Up to here the file is whole. */
  #size = 0;
  #compactAt = COMPACT_ABOVE_BYTES;
  #waiting: WaitingTimeline;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  /** The last write failed. */
  #isFailing = false;
  #isClosed = false;

  constructor(parts: TimelineKeeperParts) {
    this.#parts = parts;
    this.#path = timelineFile(parts.dataDir);
    this.#waiting = this.#nothing();
  }

  /** Takes up what was kept, and keeps what comes. */
  async start(): Promise<void> {
    const { sessions } = this.#parts;
    try {
      await mkdir(this.#parts.dataDir, { recursive: true, mode: 0o750 });
      await this.#takeUp();
    } catch (error) {
      await this.#putAside(messageOf(error));
    }
    sessions.follow(this);
    await this.#write();
  }

  changed(boot: Boot): void {
    this.#waiting.changed(boot);
    this.#writeSoon();
  }

  event(number: number, text: string): void {
    this.#waiting.event(number, text);
    this.#writeSoon();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#writing;
    await this.#write();
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#file?.close();
    this.#file = null;
  }

  async #takeUp(): Promise<void> {
    const { sessions, keepBoots, emit, clock } = this.#parts;
    const read = await readTimeline(this.#path);
    if (read === null) return;
    const { version } = read;
    if (version !== timelineVersion) {
      return this.#putAside(version === null ? "it has no header" : `it is of version ${version}`);
    }
    const { boots, bytes, damaged } = read.reader.boots(keepBoots, momentOf(clock));
    sessions.restore(boots, clock.now());
    this.#size = read.wholeBytes;
    this.#compactAt = Math.max(COMPACT_ABOVE_BYTES, 2 * bytes);
    this.#file = await open(this.#path, "a", 0o640);
    // A torn line must not become the beginning of the next one.
    await this.#file.truncate(this.#size);
    if (damaged === 0 && read.tornBytes === 0) return;
    const reason = `${damaged} damaged lines and ${read.tornBytes} bytes at its end were left out`;
    emit({ event: "timeline-unread", reason, lost: "some" });
  }

  /** A file that cannot be used stays for people to look at. */
  async #putAside(why: string): Promise<void> {
    const old = `${this.#path}.old`;
    const became = await rename(this.#path, old).then(
      () => `it was renamed to ${old}`,
      (error: unknown) => `it could not be renamed: ${messageOf(error)}`,
    );
    const reason = `${this.#path} cannot be read (${why}); ${became}`;
    this.#parts.emit({ event: "timeline-unread", reason, lost: "all" });
  }

  #writeSoon(): void {
    if (this.#timer !== null || this.#isClosed) return;
    const afterMs = this.#isFailing ? RETRY_AFTER_MS : WRITE_AFTER_MS;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#write();
    }, afterMs);
    // The process may end without it: closing writes what is left.
    this.#timer.unref();
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = null;
      if (!this.#waiting.isEmpty) this.#writeSoon();
    });
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = this.#nothing();
    try {
      if (this.#file === null) await this.#writeAnew();
      else if (this.#size <= this.#compactAt || !(await this.#compacted())) {
        await this.#append(this.#file, waiting);
      }
      if (this.#isFailing) this.#parts.emit({ event: "timeline-kept" });
      this.#isFailing = false;
    } catch (error) {
      // What came meanwhile is newer.
      waiting.add(this.#waiting);
      this.#waiting = waiting;
      if (!this.#isFailing) {
        this.#parts.emit({ event: "timeline-unkept", reason: messageOf(error) });
      }
      this.#isFailing = true;
    }
  }

  /** Tries to write the file anew, with all that waits; false: the old one is as good as before, only long. */
  async #compacted(): Promise<boolean> {
    try {
      await this.#writeAnew();
      return true;
    } catch {
      this.#compactAt = this.#size + COMPACT_ABOVE_BYTES;
      return false;
    }
  }

  #nothing(): WaitingTimeline {
    const { sessions, keepBoots } = this.#parts;
    return new WaitingTimeline({
      isKept: (number) => sessions.byNumber(number) !== null,
      keepBoots,
    });
  }

  async #append(file: FileHandle, waiting: WaitingTimeline): Promise<void> {
    if (waiting.isEmpty) return;
    try {
      const written = await appendPieces(file, linesOf(waiting, momentOf(this.#parts.clock)));
      await file.datasync();
      this.#size += written;
    } catch (error) {
      // A full disk may have taken a part of it; if it cannot be cut off, the next start leaves it out.
      await file.truncate(this.#size).catch(() => {});
      throw error;
    }
  }

  /** At every moment either the old file or the whole new one is there under the name. */
  async #writeAnew(): Promise<void> {
    const before = this.#file;
    const { file, result } = await replaceOpen(this.#path, (fresh) =>
      appendPieces(fresh, this.#allLines()),
    );
    this.#file = file;
    this.#size = result;
    this.#compactAt = Math.max(COMPACT_ABOVE_BYTES, 2 * result);
    await before?.close();
    await syncPath(this.#parts.dataDir);
  }

  /** Of the whole file. */
  *#allLines(): Iterable<string> {
    const { sessions, clock } = this.#parts;
    yield headerLine;
    for (const { number } of sessions.list()) {
      // It may have gone on, or may be kept no longer.
      const latest = sessions.byNumber(number);
      if (latest === null) continue;
      // A copy: more may come before these are written.
      for (const text of sessions.eventsOf(latest).slice()) yield eventLine(number, text);
      yield bootLine(latest, momentOf(clock));
    }
  }
}

/** What waits, the boots in their state at this moment. */
function* linesOf(waiting: WaitingTimeline, now: Moment): Iterable<string> {
  yield* waiting.lines;
  for (const boot of waiting.boots) yield bootLine(boot, now);
}

/** Appends lines as they are made, others having their turns in between. Resolves with their length in bytes. */
async function appendPieces(file: FileHandle, lines: Iterable<string>): Promise<number> {
  let size = 0;
  for (const piece of piecesOf(lines, PIECE_CHARACTERS)) {
    const bytes = Buffer.from(piece);
    await file.appendFile(bytes);
    size += bytes.length;
  }
  return size;
}
