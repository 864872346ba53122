import type { Clock } from "../lib/clock.ts";
import { ConfigError, messageOf, SyncError } from "../lib/errors.ts";
import type { Emit } from "../observe/events.ts";
import type { GenerationStore } from "./store.ts";
import { isArtifactName } from "./manifest.ts";
import type { Origin } from "./origin.ts";
import { runSync, type SyncOutcome, type Progress } from "./sync-run.ts";

/** After a failure the next try comes sooner than the interval, and later with each further one. */
const FIRST_RETRY_MS = 5_000;
/** A timer of Node's for longer than this rings at once. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;
/** Sites with the same interval must not ask an orchestrator all at once. */
const JITTER = 0.1;

export type { Progress };

export interface MirrorOptions {
  /** Closed together with the mirror. */
  readonly origin: Origin;
  readonly store: GenerationStore;
  /** Names below the origin that are mirrored; all of them have to be there. */
  readonly files: readonly string[];
  /** Names that are mirrored where the origin has them. */
  readonly optionalFiles?: readonly string[];
  /** Expected SHA-256 in hex, by name. */
  readonly sha256: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  readonly emit: Emit;
  readonly clock: Clock;
  /** A number in [0, 1), for the jitter. */
  readonly random?: () => number;
}

export interface SyncResult extends SyncOutcome {
  readonly durationMs: number;
}

export interface Mirror {
  /**
   * Synchronises now; joins the synchronisation that is running, if one is. A caller whose `signal`
   * aborts leaves; when all have left, the run ends.
   *
   * @throws SyncError; the former generation then stays current
   */
  sync(signal?: AbortSignal, onProgress?: (progress: Progress) => void): Promise<SyncResult>;
  /** Synchronises at once, and again and again. */
  start(): void;
  /** Ends a running synchronisation and the repetition, and closes the origin. */
  close(): Promise<void>;
}

interface Run {
  readonly result: Promise<SyncResult>;
  readonly stop: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
  callers: number;
}

/** @throws ConfigError when a file's name cannot be mirrored */
export function createMirror(options: MirrorOptions): Mirror {
  const { origin, store, files, optionalFiles = [], emit, clock, random = Math.random } = options;
  const wrong = [...files, ...optionalFiles].filter((name) => !isArtifactName(name));
  if (wrong.length > 0) {
    throw new ConfigError(wrong.map((name) => `artifacts.files: ${name} cannot be mirrored`));
  }
  const sha256 = new Map(
    Object.entries(options.sha256).map(([name, sum]) => [name, sum.toLowerCase()]),
  );
  const job = { origin, store, files, optionalFiles, sha256, emit, clock };
  const closing = new AbortController();
  let running: Run | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let started = false;
  let failures = 0;

  const perform = async (run: Pick<Run, "stop" | "listeners">): Promise<SyncResult> => {
    const startedAtMs = clock.now();
    emit({ event: "sync-start", origin: origin.url });
    try {
      const outcome = await runSync(job, run.stop, (progress) => {
        for (const listener of run.listeners) listener(progress);
      });
      const durationMs = Math.round(clock.now() - startedAtMs);
      const { generation, changed } = outcome;
      emit({ event: "sync-done", generation, changed, durationMs });
      return { ...outcome, durationMs };
    } catch (error) {
      const failure = asSyncError(error);
      if (!(failure instanceof SyncStopped)) {
        const serving = store.current()?.id ?? null;
        emit({ event: "sync-failed", origin: origin.url, reason: failure.message, serving });
      }
      throw failure;
    }
  };

  const begin = (): Run => {
    const stop = new AbortController();
    const listeners: Run["listeners"] = new Set();
    const result = perform({ stop, listeners }).finally(() => {
      running = null;
    });
    // Every caller has a promise of its own.
    result.catch(() => {});
    return { result, stop, listeners, callers: 0 };
  };

  const sync: Mirror["sync"] = async (signal, onProgress) => {
    const leave = AbortSignal.any(
      signal === undefined ? [closing.signal] : [closing.signal, signal],
    );
    if (leave.aborted) throw new SyncStopped();
    running ??= begin();
    const run = running;
    run.callers += 1;
    if (onProgress !== undefined) run.listeners.add(onProgress);
    try {
      return await unlessAborted(run.result, leave);
    } finally {
      run.callers -= 1;
      if (onProgress !== undefined) run.listeners.delete(onProgress);
      if (run.callers === 0) run.stop.abort(new SyncStopped());
    }
  };

  const repeat = async (): Promise<void> => {
    timer = null;
    try {
      await sync();
      failures = 0;
    } catch {
      // It was reported as an event.
      failures += 1;
    }
    if (closing.signal.aborted) return;
    const pause =
      failures === 0
        ? options.intervalMs
        : Math.min(options.intervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 16));
    const spread = pause * (1 - JITTER + 2 * JITTER * random());
    timer = setTimeout(() => void repeat(), Math.min(spread, LONGEST_PAUSE_MS));
  };

  return {
    sync,
    start: () => {
      if (started || closing.signal.aborted) return;
      started = true;
      void repeat();
    },
    close: async () => {
      closing.abort();
      if (timer !== null) clearTimeout(timer);
      await running?.result.catch(() => {});
      await origin.close();
    },
  };
}

/** Nobody waits for the synchronisation any more. Nothing is wrong, so no event tells of it. */
class SyncStopped extends SyncError {
  constructor() {
    super("the synchronisation was stopped; the former generation stays");
  }
}

function asSyncError(error: unknown): SyncError {
  return error instanceof SyncError ? error : new SyncError(messageOf(error), { cause: error });
}

/** The promise's outcome, or `SyncStopped` as soon as the signal aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new SyncStopped());
    signal.addEventListener("abort", onAbort);
    promise
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort))
      .catch(() => {});
  });
}
