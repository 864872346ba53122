import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "../../lib/errors.ts";
import { TimelineReader, timelineVersion, versionOf } from "../../timeline/boot-record.ts";

/** So much is read before other work has its turn. */
const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 10;

export interface ReadTimeline {
  readonly version: number | null;
  readonly reader: TimelineReader;
  /** Up to the end of the last whole line. */
  readonly wholeBytes: number;
  /** Behind that: a line that was not written to its end. */
  readonly tornBytes: number;
}

/** Reads the file of the timelines, piece by piece; null where there is none. */
export async function readTimeline(path: string): Promise<ReadTimeline | null> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    return await readLines(file);
  } finally {
    await file.close();
  }
}

async function readLines(file: FileHandle): Promise<ReadTimeline> {
  const reader = new TimelineReader();
  const piece = Buffer.alloc(PIECE_BYTES);
  let version: number | null = null;
  let isFirst = true;
  let rest = Buffer.alloc(0);
  let wholeBytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null);
    if (bytesRead === 0) return { version, reader, wholeBytes, tornBytes: rest.length };
    const bytes = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    rest = bytes.subarray(end);
    // No line of ours is as long: this is another file.
    if (rest.length > 4 * PIECE_BYTES)
      return { version, reader, wholeBytes, tornBytes: rest.length };
    wholeBytes += end;
    for (const line of bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1)) {
      if (isFirst) version = versionOf(line);
      else reader.add(line);
      isFirst = false;
    }
    if (!isFirst && version !== timelineVersion) {
      return { version, reader, wholeBytes, tornBytes: 0 };
    }
  }
}
