import type { KnownVersion } from "../file-version.ts";
import type { FetchedFile } from "../store/partial-downloads.ts";
import { type DownloadParts, reportIfFull } from "./download.ts";

/** A file that the origin has in another version than what is here. */
export interface Missing {
  readonly name: string;
  /** What the origin is asked by. */
  readonly known: KnownVersion | null;
  /** What is here of that version. */
  readonly file: FetchedFile | null;
  /** Bytes of the version that the origin has; null when it does not say. */
  readonly size: number | null;
}

/**
 * Makes sure, before the first byte is fetched, that all that has to be fetched fits onto the disk.
 *
 * @throws DiskFullError, which is also reported as an event, with the largest of the files
 */
export async function requireRoomFor(
  missing: readonly Missing[],
  { incoming, origin, emit }: Pick<DownloadParts, "incoming" | "origin" | "emit">,
): Promise<void> {
  let bytes = 0;
  let largest = { name: "", bytes: 0 };
  for (const { name, size } of missing) {
    const beginning = await incoming.beginning(origin.url, name);
    const more = Math.max(0, (size ?? 0) - (beginning?.bytes ?? 0));
    bytes += more;
    if (more > largest.bytes) largest = { name, bytes: more };
  }
  if (bytes === 0) return;
  try {
    await incoming.requireRoom(largest.name, bytes);
  } catch (error) {
    reportIfFull(error, largest.name, emit);
    throw error;
  }
}
