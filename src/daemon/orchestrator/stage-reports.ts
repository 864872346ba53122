import { setTimeout as sleep } from "node:timers/promises";
import type { Emit, PxeEvent } from "../../events/types.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Mac } from "../../lib/mac.ts";
import { provedIdentity } from "../../timeline/claims.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { isStage } from "../../timeline/stages.ts";
import { OrchestratorError } from "./exchange.ts";

/** What is written into a host's metadata; null takes a key away. */
export type StageMetadata = Readonly<Record<StageKey, string | null>>;

/** Keys of a host's metadata that are ours. The API takes lower case, digits, `-`, `_` and `.`. */
export const stageKeys = ["eim-pxe-stage", "eim-pxe-stage-at", "eim-pxe-cause"] as const;
type StageKey = (typeof stageKeys)[number];

export interface StageReportParts {
  /** Writes into a host's metadata; false: there is no such host. Rejects with `OrchestratorError`. */
  readonly write: (host: string, metadata: StageMetadata) => Promise<boolean>;
  /** Of the API, as people know it. */
  readonly source: string;
  readonly sessions: Pick<BootSessions, "latest">;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Default: `usualReportPace`. */
  readonly pace?: ReportPace;
}

/** Milliseconds. */
export interface ReportPace {
  /** Before each write: what a machine reaches meanwhile is one write. */
  readonly betweenMs: number;
  /** After failures in a row. */
  readonly backoffMs: readonly number[];
}

export const usualReportPace: ReportPace = {
  betweenMs: 1000,
  backoffMs: [5000, 10_000, 30_000, 60_000, 300_000],
};

/** Machines whose last stage waits to be written. */
const MOST_WAITING = 512;
const MOST_KNOWN = 4096;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * Tells the orchestrator of each registered machine how far its boot came, as metadata of its host, so that whoever looks there sees
 * early that it began to boot. Only the last stage counts. Hears of boots and writes beside them: no machine ever waits for it.
 */
export class StageReports {
  readonly #parts: StageReportParts;
  readonly #pace: ReportPace;
  /** The orchestrator's id of each registered machine. */
  readonly #hosts = new BoundedMap<Mac, string>(MOST_KNOWN);
  /** What a boot stands still for, by machine; with its boot. */
  readonly #causes = new BoundedMap<Mac, { readonly boot: string; readonly code: string }>(
    MOST_KNOWN,
  );
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<Mac>();
  /** What was last written of a machine. */
  readonly #written = new BoundedMap<Mac, string>(MOST_KNOWN);
  readonly #stopping = new AbortController();
  #failures = 0;
  #running: Promise<void> | null = null;

  constructor(parts: StageReportParts) {
    this.#parts = parts;
    this.#pace = parts.pace ?? usualReportPace;
  }

  /** Hears of every event; returns at once. */
  readonly hear = (event: PxeEvent): void => {
    if (!("mac" in event) || event.mac === null) return;
    if (event.event === "registered") this.#hosts.set(event.mac, event.host);
    else if (event.event === "boot-stalled") {
      this.#causes.set(event.mac, { boot: event.boot, code: event.code });
    } else if (!isStage(event.event)) return;
    this.#want(event.mac);
  };

  /** What is not written by now is not written. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #want(mac: Mac): void {
    if (!this.#hosts.has(mac) || this.#waiting.has(mac)) return;
    const [oldest] = this.#waiting;
    if (this.#waiting.size >= MOST_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.add(mac);
    this.#run();
  }

  #run(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = null;
      // What came in between.
      if (this.#waiting.size > 0) this.#run();
    });
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    const { emit, source } = this.#parts;
    while (this.#waiting.size > 0 && (await this.#slept(this.#pace.betweenMs))) {
      const [mac] = this.#waiting;
      if (mac === undefined) return;
      try {
        await this.#writeOne(mac);
        if (this.#failures > 0) emit({ event: "orchestrator-answers", source });
        this.#failures = 0;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        await this.#slept(this.#failed(error, mac));
      }
    }
  }

  async #writeOne(mac: Mac): Promise<void> {
    // What it reaches while this is written is written next.
    this.#waiting.delete(mac);
    const host = this.#hosts.get(mac);
    const metadata = this.#metadataOf(mac);
    if (host === undefined || metadata === null) return;
    const content = JSON.stringify([host, metadata]);
    if (this.#written.get(mac) === content) return;
    if (await this.#parts.write(host, metadata)) this.#written.set(mac, content);
    else if (this.#hosts.get(mac) === host) this.#hosts.delete(mac);
  }

  #metadataOf(mac: Mac): StageMetadata | null {
    const { sessions, clock } = this.#parts;
    const boot = sessions.latest({ mac, address: null });
    // Whoever only calls itself by a machine's UUID writes nothing into that machine's host.
    const { uuid, serial } = provedIdentity(boot);
    if (boot === null || (uuid === null && serial === null)) return null;
    const step = boot.steps.find(({ stage }) => stage === boot.stage);
    const sinceMs = clock.now() - (step?.firstAtMs ?? boot.updatedAtMs);
    const cause = this.#causes.get(mac);
    const standsStill = cause?.boot === boot.id && boot.stage !== "micro-os";
    return {
      "eim-pxe-stage": boot.stage,
      "eim-pxe-stage-at": metadataTime(clock.wall() - sinceMs),
      "eim-pxe-cause": standsStill ? cause.code : null,
    };
  }

  /** How long to wait. */
  #failed(error: unknown, mac: Mac): number {
    const { backoffMs } = this.#pace;
    this.#failures += 1;
    const isOurs = error instanceof OrchestratorError;
    const why = isOurs
      ? error.explained
      : { code: "orchestrator-answer-odd", cause: messageOf(error), remedy: "" };
    const { code, cause: reason, remedy } = why;
    this.#waiting.add(mac);
    const waiting = this.#waiting.size;
    this.#parts.emit({ event: "stages-untold", code, reason, remedy, waiting });
    const usualMs = backoffMs[Math.min(this.#failures, backoffMs.length) - 1] ?? 0;
    const askedMs = isOurs ? (error.retryAfterMs ?? 0) : 0;
    return Math.min(Math.max(usualMs, askedMs), LONGEST_PAUSE_MS);
  }

  /** False when the server stops meanwhile. */
  async #slept(ms: number): Promise<boolean> {
    const { signal } = this.#stopping;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    return !signal.aborted;
  }
}

/** UTC as a value of metadata may be: `2026-03-06t10.00.00z`. */
function metadataTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).toLowerCase().replaceAll(":", ".")}z`;
}
