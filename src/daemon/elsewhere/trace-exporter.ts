import type { Emit } from "../../events/types.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Span } from "../../telemetry/span.ts";
import { SpanQueue } from "../../telemetry/span-queue.ts";
import { nextAttemptMs, type Outcome, outcomeOf, type RetryTimes } from "../../webhooks/outcome.ts";
import type { Post } from "../../webhooks/post.ts";
import type { Encoding } from "./otlp-encoding.ts";

/** What ends within this time is sent together. */
const SEND_AFTER_MS = 1000;
const ANSWER_TIMEOUT_MS = 10_000;
/** From a second to a minute: what waits is in memory only. */
const retryTimes: RetryTimes = { firstMs: 1000, longestMs: 60_000 };

export interface TraceExporterParts {
  /** What people know the collector by. */
  readonly collector: string;
  readonly post: Post;
  readonly encoding: Encoding;
  readonly headers: Readonly<Record<string, string>>;
  readonly emit: Emit;
  readonly queue?: SpanQueue;
  readonly sendAfterMs?: number;
  readonly retryTimes?: RetryTimes;
}

/** Sends spans to a collector by OTLP over HTTP, some at a time; what it does not take waits, bounded. Nothing waits for it. */
export class TraceExporter {
  readonly #parts: TraceExporterParts;
  readonly #queue: SpanQueue;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #failures = 0;

  constructor(parts: TraceExporterParts) {
    this.#parts = parts;
    this.#queue = parts.queue ?? new SpanQueue();
  }

  readonly add = (span: Span): void => {
    if (!span.sampled) return;
    this.#queue.add(span);
    if (this.#timer === null && this.#sending === null)
      this.#sendIn(this.#parts.sendAfterMs ?? SEND_AFTER_MS);
  };

  /** Tries once more to send what waits, for so long at most. */
  async close(graceMs: number): Promise<void> {
    const over = setTimeout(() => this.#stop.abort(), graceMs);
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sending;
    if (this.#failures === 0) await this.#send();
    this.#stop.abort();
    clearTimeout(over);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #sendIn(ms: number): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#sending = this.#send().finally(() => {
        this.#sending = null;
      });
    }, ms);
    this.#timer.unref();
  }

  async #send(): Promise<void> {
    const { collector, emit } = this.#parts;
    for (let batch = this.#queue.batch(); batch.length > 0; batch = this.#queue.batch()) {
      const outcome = await this.#attempt(batch);
      if (this.#stop.signal.aborted) return;
      const dropped = this.#queue.takeDropped();
      if (dropped > 0) emit({ event: "traces-dropped", collector, spans: dropped });
      if (outcome.kind === "failed") {
        this.#failures += 1;
        emit({
          event: "traces-failed",
          collector,
          reason: outcome.reason,
          waiting: this.#queue.size,
        });
        const times = this.#parts.retryTimes ?? retryTimes;
        this.#sendIn(nextAttemptMs(this.#failures, outcome.retryAfterMs, Math.random(), times));
        return;
      }
      this.#queue.remove(batch);
      if (outcome.kind === "refused") {
        const { reason } = outcome;
        emit({ event: "traces-refused", collector, reason, spans: batch.length });
      } else if (this.#failures > 0) {
        emit({ event: "traces-restored", collector, failures: this.#failures });
      }
      this.#failures = 0;
    }
  }

  async #attempt(batch: readonly Span[]): Promise<Outcome> {
    const { post, encoding, headers } = this.#parts;
    const silent = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const all = { ...headers, "content-type": encoding.contentType };
    try {
      const signal = AbortSignal.any([silent, this.#stop.signal]);
      return outcomeOf(await post(encoding.encode(batch), all, signal));
    } catch (error) {
      const reason = silent.aborted
        ? "the collector did not answer within 10 s; look whether it hangs"
        : messageOf(error);
      return { kind: "failed", reason, retryAfterMs: null };
    }
  }
}
