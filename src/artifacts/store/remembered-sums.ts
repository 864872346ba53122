import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../lib/atomic-file.ts";
import type { KnownSums } from "./generation.ts";

/* What a start need not read again: the sums of files that were read lately and have not been touched since. */

/** After so long everything is read again, as once a day while the server runs: a disk loses bits without a trace. */
const VALID_MS = 24 * 3_600_000;

/** The kernel's clock of files goes in steps: one that changed just before it was read may have changed again since. */
const SETTLED_MS = 2000;

const record = z.strictObject({
  version: z.literal(1),
  /** When the oldest of the sums was made, in ISO 8601. */
  since: z.iso.datetime(),
  /** By device, inode, size, and the times of content and inode. */
  sums: z.record(z.string().regex(/^\d+(:\d+){4}$/), z.string().regex(/^[0-9a-f]{64}$/)),
});

/** Sums that are still good, and since when they are; none where nothing is remembered. Never rejects. */
export interface RememberedSums {
  readonly sums: KnownSums;
  readonly sinceMs: number;
}

export async function recallSums(directory: string, nowMs: number): Promise<RememberedSums> {
  const nothing = { sums: new Map<string, string>(), sinceMs: nowMs };
  try {
    const { since, sums } = record.parse(JSON.parse(await readFile(fileIn(directory), "utf8")));
    const sinceMs = Date.parse(since);
    // A clock that was set back says nothing of how long ago it was.
    const isGood = sinceMs <= nowMs && nowMs - sinceMs < VALID_MS;
    return isGood ? { sums: new Map(Object.entries(sums)), sinceMs } : nothing;
  } catch {
    // There is none, or it is damaged: everything is read.
    return nothing;
  }
}

/** Never rejects: what is not remembered is read again. */
export async function rememberSums(
  directory: string,
  { sums, sinceMs }: RememberedSums,
  nowMs: number,
): Promise<void> {
  const settled = [...sums].filter(([inode]) => changedAtMs(inode) + SETTLED_MS < nowMs);
  const content: z.input<typeof record> = {
    version: 1,
    since: new Date(sinceMs).toISOString(),
    sums: Object.fromEntries(settled),
  };
  await replaceFile(fileIn(directory), JSON.stringify(content), { durable: false }).catch(() => {});
}

/** `dev:ino:size:mtimeNs:ctimeNs`, as `generation.ts` makes them. */
function changedAtMs(inode: string): number {
  return Number(inode.split(":").at(-1)) / 1e6;
}

function fileIn(directory: string): string {
  return join(directory, "verified.json");
}
