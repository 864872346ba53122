import { hash } from "node:crypto";
import { eventCatalogue } from "../events/catalogue.ts";
import type { EventName, PxeEvent } from "../events/types.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import type { Clock } from "../lib/clock.ts";
import { type Boot, silenceMs, type Step } from "../timeline/boot.ts";
import type { BootSessions } from "../timeline/boots.ts";
import { stages } from "../timeline/stages.ts";
import type { BootTrace } from "../timeline/traces.ts";
import { bootAttributes, eventAttributes, stageAttributes } from "./attributes.ts";
import { type Span, type SpanEvent, SpanEvents } from "./span.ts";

export interface TracerParts {
  readonly sessions: BootSessions;
  readonly clock: Clock;
  /** Takes a span that has ended. */
  readonly ended: (span: Span) => void;
}

/** Boots that are traced at a time; the one that was heard of longest ago goes first. */
const MOST_BOOTS = 10_000;

/** A boot whose own span has not ended. */
interface Traced {
  readonly number: number;
  /** What happened beside the stages while no stage's span was open. */
  readonly events: SpanEvents;
  /** The latest stage, until the next one is reached; null: its span has ended. */
  open: OpenStage | null;
}

interface OpenStage {
  readonly step: Step;
  readonly events: SpanEvents;
}

const stageNames: ReadonlySet<string> = new Set(stages);

/** What is no warning, and tells why a boot went another way all the same. */
const noted: ReadonlySet<EventName> = new Set<EventName>([
  "adapted",
  "autoexec",
  "beacon",
  "download-admitted",
  "download-waiting",
  "lease-granted",
  "loader-changed",
  "local-boot",
  "once-used",
  "tftp-rescued",
]);

/**
 * Makes a trace of each boot. The boot is a span; each stage is one below it, from when it was reached until the next
 * one was, and ends as soon as that is known. What a machine did again, and what it was refused, are events of
 * the stage in which it happened.
 */
export class Tracer {
  readonly #parts: TracerParts;
  readonly #startedAtMs: number;
  /** By number; the one that was heard of last is the last. */
  readonly #boots = new Map<number, Traced>();
  /** By number: their own spans have ended. */
  readonly #ended = new BoundedMap<number, true>(MOST_BOOTS);

  constructor(parts: TracerParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.now();
  }

  readonly hear = (event: PxeEvent): void => {
    if (!("mac" in event)) return;
    if (!stageNames.has(event.event) && !isNoted(event.event)) return;
    const boot = this.#parts.sessions.latest(event);
    if (boot?.trace == null) return;
    const step = boot.steps.find(({ stage }) => stage === event.event) ?? null;
    if (step === null && !isNoted(event.event)) return;
    const traced = this.#tracedOf(boot, step);
    if (traced === null) return;
    if (step !== null && step.count === 1) this.#reached(boot, traced, step);
    else this.#note(boot, traced, event);
    if (event.event === "boot-stalled") this.#endStage(boot, traced, this.#now(), event.cause);
    if (event.event === "micro-os" || event.event === "local-boot") this.#end(boot, traced, null);
  };

  /** Ends boots of which nothing was heard for as long as makes the next sign another boot. */
  sweep(): void {
    const nowMs = this.#now();
    for (const [number, traced] of this.#boots) {
      const boot = this.#parts.sessions.byNumber(number);
      if (boot === null) this.#boots.delete(number);
      else if (nowMs - boot.updatedAtMs > silenceMs) {
        this.#end(boot, traced, "nothing more was heard of it");
      }
    }
  }

  /** Boots that are traced now. */
  get size(): number {
    return this.#boots.size;
  }

  #now(): number {
    return this.#parts.clock.now();
  }

  /** Null: what is heard of it no longer belongs to a boot. */
  #tracedOf(boot: Boot, step: Step | null): Traced | null {
    const { number } = boot;
    const before = this.#boots.get(number);
    if (before !== undefined) {
      // The one that is heard of last is the last.
      this.#boots.delete(number);
      this.#boots.set(number, before);
      return before;
    }
    const isOver = this.#ended.has(number) || boot.stage === "micro-os";
    if (isOver && step?.count !== 1) return null;
    const traced: Traced = { number, events: new SpanEvents(), open: null };
    this.#endFormer(boot);
    this.#boots.set(number, traced);
    this.#takeUp(boot, traced, step);
    const [oldest] = this.#boots.values();
    if (this.#boots.size > MOST_BOOTS && oldest !== undefined) this.#evict(oldest);
    return traced;
  }

  /** Stages that a boot came to before it was heard of: by what says no stage, or before a restart. */
  #takeUp(boot: Boot, traced: Traced, now: Step | null): void {
    // Their spans ended in the program that ran before.
    const ofThisRun = boot.steps.filter((step) => step.firstAtMs >= this.#startedAtMs);
    const former = boot.steps.filter((step) => !ofThisRun.includes(step)).slice(-1);
    const others = this.#ended.has(boot.number) ? [] : [...former, ...ofThisRun];
    for (const step of others) if (step.stage !== now?.stage) this.#reached(boot, traced, step);
  }

  /** A machine that begins another boot has ended the one before. */
  #endFormer({ mac, number }: Boot): void {
    const [, before] = mac === null ? [] : this.#parts.sessions.bootsOf(mac);
    if (before === undefined || before.number === number) return;
    const traced = this.#boots.get(before.number);
    if (traced !== undefined) this.#end(before, traced, "the machine began another boot");
  }

  #evict(traced: Traced): void {
    const boot = this.#parts.sessions.byNumber(traced.number);
    if (boot === null) this.#boots.delete(traced.number);
    else this.#end(boot, traced, "too many machines boot at once");
  }

  #reached(boot: Boot, traced: Traced, step: Step): void {
    this.#endStage(boot, traced, step.firstAtMs, null);
    traced.open = { step, events: new SpanEvents() };
  }

  #note(boot: Boot, { open, events }: Traced, event: PxeEvent): void {
    const noteOf: SpanEvent = {
      name: event.event,
      atMs: wallOf(boot, this.#now()),
      attributes: eventAttributes(event),
    };
    (open?.events ?? events).add(noteOf);
  }

  #endStage(boot: Boot, traced: Traced, atMs: number, error: string | null): void {
    const { open } = traced;
    if (open === null) return;
    traced.open = null;
    const { stage } = open.step;
    // What was seen of it last.
    const step = boot.steps.find((one) => one.stage === stage) ?? open.step;
    this.#emit(boot, {
      spanId: stageSpanId(boot, stage),
      name: stage,
      startMs: wallOf(boot, step.firstAtMs),
      endMs: wallOf(boot, Math.max(step.firstAtMs, atMs)),
      attributes: stageAttributes(step),
      events: open.events,
      error,
    });
  }

  #end(boot: Boot, traced: Traced, error: string | null): void {
    const { number, open } = traced;
    const last = Math.max(boot.updatedAtMs, open?.step.firstAtMs ?? boot.startedAtMs);
    this.#endStage(boot, traced, last, error);
    this.#boots.delete(number);
    if (this.#ended.has(number)) return;
    this.#ended.set(number, true);
    this.#emit(boot, {
      spanId: null,
      name: "network boot",
      startMs: boot.startedWallMs,
      endMs: wallOf(boot, last),
      attributes: bootAttributes(boot),
      events: traced.events,
      error,
    });
  }

  #emit(
    { trace }: Boot,
    span: Pick<Span, "name" | "startMs" | "endMs" | "attributes" | "error"> & {
      /** Null: the boot's own. */
      readonly spanId: string | null;
      readonly events: SpanEvents;
    },
  ): void {
    if (trace == null) return;
    const { traceId, sampled } = trace;
    const isBoot = span.spanId === null;
    this.#parts.ended({
      ...span,
      traceId,
      sampled,
      spanId: span.spanId ?? trace.spanId,
      parentId: isBoot ? trace.parentId : trace.spanId,
      parentIsRemote: isBoot && trace.parentId !== null,
      events: span.events.events,
      droppedEvents: span.events.dropped,
    });
  }
}

/** By the wall clock at the boot's start, so that nothing of a boot moves when the host's clock is set. */
function wallOf({ startedAtMs, startedWallMs }: Boot, atMs: number): number {
  return startedWallMs + (atMs - startedAtMs);
}

/** The same at each time, also after a restart. */
function stageSpanId({ trace }: { readonly trace?: BootTrace | null }, stage: string): string {
  const seed = `${trace?.spanId ?? ""} ${stage}`;
  return hash("sha256", seed, "hex").slice(0, 16);
}

function isNoted(name: EventName): boolean {
  const { level } = eventCatalogue[name];
  return noted.has(name) || level === "warn" || level === "error";
}
