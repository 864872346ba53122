import { createHash } from "node:crypto";
import { z } from "zod";

/** What is known of a file on its way in; it lies beside its bytes. */
const record = z.strictObject({
  origin: z.string(),
  name: z.string(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
  /** When the origin answered so, by its own clock; records of 0.1.0 have no such field. */
  seenAtMs: z.number().nullable().default(null),
  /** Bytes of the whole file, where the origin said so. */
  size: z.int().nonnegative().nullable(),
  /** Of the whole file; null while it is not there. */
  sha256: z.string().nullable(),
  /** How much of it is on the disk for sure, even if the power failed. */
  safeBytes: z.int().nonnegative(),
  /** The boot of this machine that wrote it: as long as it lasts, what was written can be read. */
  boot: z.string(),
});
export type IncomingRecord = z.output<typeof record>;

/** Under which name a file of an origin lies in the folder. */
export function keyOf(origin: string, name: string): string {
  return createHash("sha256").update(`${origin}\n${name}`).digest("hex").slice(0, 32);
}

/** The record in `text`, or null when it is damaged. */
export function parseRecord(text: string): IncomingRecord | null {
  try {
    return record.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
