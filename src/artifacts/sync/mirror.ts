import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, InternalError, messageOf, SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { CertificateWatch } from "../origin/certificate-watch.ts";
import type { Progress } from "./download.ts";
import { isArtifactName } from "../store/manifest.ts";
import { TransientError, UntrustedError } from "../origin/origin-errors.ts";
import { ProgressEvents } from "./progress-events.ts";
import type { Pause } from "../origin/retry.ts";
import type { Source } from "../origin/trusted-origin.ts";
import type { GenerationStore } from "../store/generation-store.ts";
import { runSync, type SyncOutcome } from "./sync-run.ts";

/** After a failure the next try comes sooner than the interval, and later with each further one. */
const FIRST_RETRY_MS = 5_000;
/** A mistake at the origin, or on the way to it, must not keep the mirror from asking for days. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** A timer of Node's for longer than this rings at once. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;
/** Sites with the same interval must not ask an orchestrator all at once. */
const JITTER = 0.1;

export type { Progress };

export interface MirrorOptions {
  /** Where to fetch from; a further one is asked when those before it failed. Closed together with the mirror. */
  readonly sources: readonly [Source, ...Source[]];
  readonly store: GenerationStore;
  /** Names below the origin that are mirrored; all of them have to be there. */
  readonly files: readonly string[];
  /** Names that are mirrored where the origin has them. */
  readonly optionalFiles?: readonly string[];
  /** Expected SHA-256 in hex, by name. */
  readonly sha256: Readonly<Record<string, string>>;
  /** What all downloads together may take; null or absent: no limit. */
  readonly maxBytesPerSecond?: number | null;
  readonly intervalMs: number;
  readonly emit: Emit;
  readonly clock: Clock;
  /** A number in [0, 1), for the jitter. */
  readonly random?: () => number;
  /** Waits between attempts. */
  readonly pause?: Pause;
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
  const { sources, store, files, optionalFiles = [], emit, clock, random = Math.random } = options;
  const { pause = pauseFor, maxBytesPerSecond = null } = options;
  const wrong = [...files, ...optionalFiles].filter((name) => !isArtifactName(name));
  if (wrong.length > 0) {
    throw new ConfigError(wrong.map((name) => `artifacts.files: ${name} cannot be mirrored`));
  }
  const sha256 = new Map(
    Object.entries(options.sha256).map(([name, sum]) => [name, sum.toLowerCase()]),
  );
  const job = { store, files, optionalFiles, sha256, maxBytesPerSecond };
  const parts = { emit, clock, pause, random };
  const closing = new AbortController();
  const certificates = new CertificateWatch(emit, clock);
  let running: Run | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let started = false;
  let failures = 0;
  let notBeforeMs = 0;

  const runWith = async (source: Source, run: Pick<Run, "stop" | "listeners">) => {
    const { signal } = run.stop;
    signal.throwIfAborted();
    emit({ event: "sync-start", origin: source.url });
    const progress = new ProgressEvents(emit, clock);
    const onProgress = (state: Progress): void => {
      progress.update(state);
      for (const listener of run.listeners) listener(state);
    };
    const attempt = async () => {
      const origin = await source.origin();
      const outcome = await runSync({ ...job, ...parts, origin }, linked(signal), onProgress);
      certificates.look(origin);
      return outcome;
    };
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UntrustedError)) throw error;
      if (await source.renewTrust()) return attempt();
      const { url, remedy } = source;
      const presented = error.presented?.fingerprint ?? null;
      emit({ event: "origin-untrusted", origin: url, presented, reason: error.message, remedy });
      throw error;
    }
  };

  const perform = async (run: Pick<Run, "stop" | "listeners">): Promise<SyncResult> => {
    const startedAtMs = clock.now();
    for (const source of sources) {
      try {
        const outcome = await runWith(source, run);
        const durationMs = Math.round(clock.now() - startedAtMs);
        const { generation, changed } = outcome;
        notBeforeMs = 0;
        emit({ event: "sync-done", generation, changed, durationMs });
        return { ...outcome, durationMs };
      } catch (error) {
        const failure = run.stop.signal.aborted ? new SyncStopped() : asSyncError(error);
        if (failure instanceof SyncStopped) throw failure;
        const wait = failure instanceof TransientError ? (failure.retryAfterMs ?? 0) : 0;
        const longest = Math.max(options.intervalMs, LONGEST_RETRY_AFTER_MS);
        notBeforeMs = clock.now() + Math.min(wait, longest);
        // The whole of it was event `origin-untrusted`.
        const reason = failure instanceof UntrustedError ? failure.headline : failure.message;
        if (source !== sources.at(-1)) {
          emit({ event: "origin-failed", origin: source.url, reason });
          continue;
        }
        const serving = store.current()?.id ?? null;
        emit({ event: "sync-failed", origin: source.url, reason, serving });
        throw failure;
      }
    }
    throw new InternalError("a mirror without a source");
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
    const soonestMs = notBeforeMs - clock.now();
    const wait =
      failures === 0
        ? options.intervalMs
        : Math.min(options.intervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 16));
    const spread = Math.max(wait, soonestMs) * (1 - JITTER + 2 * JITTER * random());
    // Never before the time that the origin asked for.
    const pauseMs = Math.max(spread, soonestMs);
    timer = setTimeout(() => void repeat(), Math.min(pauseMs, LONGEST_PAUSE_MS));
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
      for (const source of sources) await source.close();
    },
  };
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

/** A controller of its own for a run that is stopped with all the others. */
function linked(signal: AbortSignal): AbortController {
  const own = new AbortController();
  const stop = (): void => own.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { signal: own.signal });
  return own;
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
