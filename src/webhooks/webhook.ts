import type { Emit } from "../events/types.ts";
import { type Delivery, deliver } from "./delivery.ts";
import { nextAttemptMs, type Outcome, type RetryTimes } from "./outcome.ts";
import type { QueuedEvent } from "./queue.ts";
import { QueueFile } from "./queue-file.ts";

export interface WebhookParts extends Delivery {
  /** What people know it by; nothing secret. */
  readonly name: string;
  /** Where what waits is kept. */
  readonly path: string;
  readonly keepEvents: number;
  readonly emit: Emit;
  readonly retryTimes?: RetryTimes;
}

export interface WebhookCounts {
  readonly webhook: string;
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  readonly refused: number;
  readonly dropped: number;
}

/**
 * Tells one receiver of events, one after the other and each until it takes it, also over restarts: at least once, in their
 * order. Nothing waits for it.
 */
export class Webhook {
  readonly #parts: WebhookParts;
  readonly #queue: QueueFile;
  readonly #stop = new AbortController();
  #sending: Promise<void> | null = null;
  #isStarted = false;
  /** In a row. */
  #failures = 0;
  readonly #counts = { delivered: 0, failed: 0, refused: 0, dropped: 0 };

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    const { path, keepEvents: most, name: webhook, emit } = parts;
    this.#queue = new QueueFile({
      path,
      most,
      dropped: (events) => {
        this.#counts.dropped += events;
        emit({ event: "webhook-dropped", webhook, events, keepEvents: most });
      },
      unkept: (reason) =>
        emit(
          reason === null
            ? { event: "webhook-kept", webhook }
            : { event: "webhook-unkept", webhook, reason },
        ),
      damaged: (lines) => {
        const reason = `${lines} damaged lines of ${path} were left out`;
        emit({ event: "webhook-unkept", webhook, reason });
      },
    });
  }

  /** Takes up what an earlier run could not deliver. */
  async start(): Promise<void> {
    await this.#queue.start();
    this.#isStarted = true;
    this.#send();
  }

  tell(event: QueuedEvent): void {
    this.#queue.add(event);
    this.#send();
  }

  counts(): WebhookCounts {
    return { webhook: this.#parts.name, waiting: this.#queue.size, ...this.#counts };
  }

  /** What is not delivered stays on disk for the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
    await this.#queue.close();
  }

  #send(): void {
    if (!this.#isStarted || this.#stop.signal.aborted) return;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
      if (this.#queue.size > 0) this.#send();
    });
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.#stop;
    for (let next = this.#queue.first(); next !== null; next = this.#queue.first()) {
      const outcome = await deliver(next, this.#parts, signal);
      if (signal.aborted) return;
      const waitMs = this.#note(next, outcome);
      if (waitMs > 0) await pause(waitMs, signal);
      if (signal.aborted) return;
    }
  }

  /** Returns how long to wait before the next attempt. */
  #note(sent: QueuedEvent, outcome: Outcome): number {
    const { name: webhook, emit, retryTimes } = this.#parts;
    if (outcome.kind === "failed") {
      this.#counts.failed += 1;
      this.#failures += 1;
      const { reason, retryAfterMs } = outcome;
      emit({ event: "webhook-failed", webhook, reason, waiting: this.#queue.size });
      return nextAttemptMs(this.#failures, retryAfterMs, Math.random(), retryTimes);
    }
    this.#queue.remove(sent.id);
    const failures = this.#failures;
    this.#failures = 0;
    if (outcome.kind === "refused") {
      this.#counts.refused += 1;
      emit({ event: "webhook-refused", webhook, id: sent.id, reason: outcome.reason });
      return 0;
    }
    this.#counts.delivered += 1;
    if (failures > 0) emit({ event: "webhook-restored", webhook, failures });
    return 0;
  }
}

/** Ends early when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", over);
  });
}
