import { readHttpDate } from "../file-version.ts";
import { TooSlowError, TransientError } from "./origin-errors.ts";

/** How often a request is made again before the run is given up, unless it gets further meanwhile. */
const ATTEMPTS = 5;
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** An origin that wants to be left alone for longer is asked again by the next run. */
const PATIENCE_MS = 120_000;

/** Waits; ends early, by throwing, when the signal aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export interface RetryParts {
  readonly pause: Pause;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Told before each pause. */
  readonly onRetry: (file: string, error: TransientError, delayMs: number) => void;
}

/**
 * Makes requests again that failed for a reason that may go away. An origin that never answered in
 * this run is not waited for: the next run is soon enough, and whoever waits for this one learns at once.
 */
export class Retries {
  readonly #parts: RetryParts;
  #reached = false;

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  /** The origin answered. */
  reached(): void {
    this.#reached = true;
  }

  /**
   * @param work may be called again; what it says it has got so far tells whether it gets further
   * @throws what `work` throws in the end
   */
  async run<T>(
    file: string,
    signal: AbortSignal,
    work: () => Promise<T>,
    progress: () => number = () => 0,
  ): Promise<T> {
    let before = progress();
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work();
        this.#reached = true;
        return result;
      } catch (error) {
        if (!(error instanceof TransientError) || signal.aborted) throw error;
        if (progress() > before && !(error instanceof TooSlowError)) attempt = 1;
        before = progress();
        if (attempt >= ATTEMPTS || !(error.answered || this.#reached)) throw error;
        const delayMs = retryDelayMs(attempt, error.retryAfterMs, this.#parts.random());
        if (delayMs > PATIENCE_MS) throw error;
        this.#parts.onRetry(file, error, delayMs);
        await this.#parts.pause(delayMs, signal);
      }
    }
  }
}

/**
 * How long to wait before the next attempt: twice as long as before, with half of it by chance so
 * that sites that failed together do not come back together, and never less than the origin asks for.
 */
export function retryDelayMs(attempt: number, retryAfterMs: number | null, random: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  return Math.round(
    Math.max((longest * (1 + random)) / 2, (retryAfterMs ?? 0) * (1 + random / 10)),
  );
}

/** `Retry-After` (RFC 9110 10.2.3), seconds or a date, in milliseconds from now; null where there is none. */
export function readRetryAfter(value: string | null, wallMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = readHttpDate(text);
  return at === null ? null : Math.max(0, at - wallMs);
}
