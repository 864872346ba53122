import type { Clock } from "../../lib/clock.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { DiskFullError, openFile, type StoredFile } from "../store/disk.ts";
import type { FetchedFile, Incoming } from "../store/partial-downloads.ts";
import type { Origin } from "../origin/origin.ts";
import type { KnownVersion } from "../file-version.ts";
import { UnusablePartError } from "../origin/origin-errors.ts";
import type { Retries } from "../origin/retry.ts";
import type { Throttle } from "./throttle.ts";
import { limitBytesOf, verifyArtifact } from "../verify/verify.ts";

/** How far the download of a file is; `total` is null when the origin does not say. */
export interface Progress {
  readonly file: string;
  readonly bytes: number;
  readonly total: number | null;
}

export interface DownloadParts {
  readonly origin: Origin;
  readonly incoming: Incoming;
  /** Expected SHA-256 by name, in lower-case hex. */
  readonly sha256: ReadonlyMap<string, string>;
  readonly retries: Retries;
  readonly throttle: Throttle;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly onProgress: (progress: Progress) => void;
}

export type Downloaded =
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "fetched"; readonly file: FetchedFile; readonly bytes: number };

/**
 * Fetches a file unless the origin still has the version that is known. A download that breaks goes on
 * where it broke, as long as the origin still has that version.
 *
 * @throws SyncError that says what is in the way; what came so far stays for the next attempt
 */
export async function download(
  parts: DownloadParts,
  name: string,
  known: KnownVersion | null,
  signal: AbortSignal,
): Promise<Downloaded> {
  const { origin, incoming, retries, throttle, emit, clock, onProgress } = parts;
  const startedAtMs = clock.now();
  let bytes = 0;
  /** How far it ever came: what is fetched once more is no progress. */
  let furthest = 0;
  const attempt = async (): Promise<Downloaded> => {
    const beginning = await incoming.beginning(origin.url, name);
    const answer = await origin.get(name, known, signal, beginning);
    retries.reached();
    if (answer.kind === "unchanged" && known === null) {
      throw origin.unaskedAnswer(name, "with 304 (not modified) although nothing was known of it");
    }
    if (answer.kind !== "body") return answer;
    const { offset, size: total } = answer;
    let at = offset;
    const chunks = throttle.limit(answer.chunks, signal);
    const onBytes = (size: number): void => {
      bytes += size - at;
      at = size;
      furthest = Math.max(furthest, size);
      onProgress({ file: name, bytes: size, total });
    };
    try {
      const how = { limitBytes: limitBytesOf(name), onBytes };
      const file = await incoming.write(origin.url, name, answer, chunks, how);
      return { kind: "fetched", file, bytes };
    } catch (error) {
      if (error instanceof UnusablePartError) await incoming.remove(origin.url, name);
      throw error;
    }
  };
  try {
    const result = await retries.run(name, signal, attempt, () => furthest);
    if (result.kind !== "fetched") return result;
    await refuseUnfit(parts, result.file);
    const durationMs = Math.round(clock.now() - startedAtMs);
    emit({ event: "sync-file", file: name, bytes, size: result.file.size, durationMs });
    return { ...result, bytes };
  } catch (error) {
    reportIfFull(error, name, emit);
    throw error;
  }
}

export function reportIfFull(error: unknown, file: string, emit: Emit): void {
  if (!(error instanceof DiskFullError)) return;
  emit({ event: "disk-full", file, missingBytes: error.missingBytes });
}

/**
 * Refuses a file that is not what it has to be, and removes it: it must not be resumed or kept.
 *
 * @throws SyncError that says what is wrong with it
 */
export async function refuseUnfit(
  { incoming, origin, sha256 }: Pick<DownloadParts, "incoming" | "origin" | "sha256">,
  file: StoredFile,
): Promise<void> {
  try {
    const expected = sha256.get(file.name);
    if (expected !== undefined && expected !== file.sha256) {
      throw new SyncError(
        `${file.name} from the orchestrator was refused: its SHA-256 is ${file.sha256}, and artifacts.sha256 ` +
          `expects ${expected}. If the orchestrator was updated on purpose, set the new value.`,
      );
    }
    const blob = await openFile(file.path);
    try {
      await verifyArtifact(file.name, blob);
    } finally {
      await blob.close();
    }
  } catch (error) {
    await incoming.remove(origin.url, file.name);
    throw error;
  }
}
