import { z } from "zod";

/** What the thread that writes and hashes is given when it starts. */
export interface HashJob {
  /** Of the file, open for reading and writing. */
  readonly fd: number;
  /** How much of the file is there already: it is read first, as a part of what is hashed. */
  readonly offset: number;
  /** Where bytes are handed over in. */
  readonly buffers: readonly SharedArrayBuffer[];
}

/** So many bytes of a buffer are the next ones of the file; or: there are no more. */
export type HashOrder = { readonly slot: number; readonly length: number } | "finish";

/** The answer to each order: the buffer is free again, the SHA-256 in hex, or what the disk refused. */
export const hashReply = z.union([
  z.strictObject({ slot: z.int() }),
  z.strictObject({ sha256: z.string() }),
  z.strictObject({ code: z.string(), message: z.string() }),
]);
export type HashReply = z.output<typeof hashReply>;
