import type { Mac } from "../lib/mac.ts";
import { BoundedMap } from "../lib/bounded-map.ts";

/*
 * Firmware differs in what it makes of an answer, and does not say so: what it cannot use it passes over
 * and asks again. This finds out, machine by machine, and keeps what worked. Pure but for `OfferStyleTable`.
 */

/**
 * The styles in which a PXE client can be answered, in the order in which they are tried. Events, the
 * API and `ways.json` call a style `way`.
 *
 * - `direct`: 43.6 with bit 3, "load the file of this offer". Most firmware.
 * - `boot-server`: no option 43; firmware asks port 4011, or loads the file all the same. For firmware
 *   that passes over offers with bit 3 (seen: HP ProLiant Gen9 and laptops, Supermicro), or over option 43.
 * - `menu`: a boot menu of one item with its boot server, the whole of PXE 2.1. For firmware that wants
 *   to be told where to ask.
 */
export const offerStyles = ["direct", "boot-server", "menu"] as const;
export type OfferStyle = (typeof offerStyles)[number];

/** A style that a machine's firmware has followed. */
export interface ProvenStyle {
  readonly mac: Mac;
  readonly style: OfferStyle;
  /** Milliseconds since the Unix epoch. */
  readonly provenAtMs: number;
}

/** What a machine was told since it last made progress. */
export interface Attempt {
  /** When it last asked; milliseconds since the Unix epoch. */
  readonly askedAtMs: number;
  /** The questions that its firmware passed over the answers to, and the present one. */
  readonly asks: number;
  /** The styles it was answered in, the present one last. */
  readonly offered: readonly OfferStyle[];
  /** Whether it asked our boot server after that, and whether it named the menu's item there. */
  readonly askedBootServer: "no" | "plainly" | "for-item";
  /** The loader that it was offered. */
  readonly loader: string;
  /** How often in a row it fetched that whole and was not heard as iPXE afterwards. */
  readonly silentLoads: number;
  readonly loadedAtMs: number;
  /** It is told the script in place of the loader. */
  readonly script: boolean;
}

export interface MachineStyles {
  readonly mac: Mac;
  readonly proven: ProvenStyle | null;
  readonly attempt: Attempt | null;
}

/** How to answer, and why so. */
export interface StyleAnswer {
  readonly style: OfferStyle;
  /** Tell the script's URL: what asks was handed the loader again and again, so it is one. */
  readonly script: boolean;
  /** `loop`: the script in place of the loader; `other`: another style than last time; `same`: neither. */
  readonly turn: "same" | "other" | "loop";
}

/** A question (DHCPDISCOVER of firmware). */
export interface Question {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** The loader that the machine is to be offered. */
  readonly loader: string;
  /** False for a client that knows one style only: there is nothing to try or to prove. */
  readonly choosing: boolean;
  /**
   * When another server was last heard to offer it an address, in the same time; 0: never; null: that
   * cannot be heard. A machine that asks again without one asks for that, whatever it made of our answer.
   */
  readonly addressOfferedAtMs: number | null;
}

/** The same request by another path (relay agents, bridges): PXE clients wait for 4 s, iPXE for 1 s. */
const DUPLICATE_MS = 900;
/** What a machine does later than this has nothing to do with what it was told. */
const SILENCE_MS = 10 * 60_000;
/** A machine that comes back within a day and has still not booted is answered in the next style. */
const GIVEN_UP_MS = 24 * 3_600_000;
/** iPXE asks within seconds of its start; a machine that restarts takes longer. */
const LOADER_ASKS_MS = 60_000;
/** Handed the same loader so often in a row, a client is told the script: it may be that loader. */
const SILENT_LOADS = 2;

/** The machine asks: how to answer, and what is known from now on. */
export function askedToBoot(
  machine: MachineStyles,
  question: Question,
): { readonly machine: MachineStyles; readonly answer: StyleAnswer } {
  const { proven, attempt } = machine;
  const { nowMs, loader, choosing } = question;
  const sinceMs = attempt === null ? Infinity : nowMs - attempt.askedAtMs;
  if (attempt === null || sinceMs < 0 || sinceMs > GIVEN_UP_MS) {
    const offered = choosing ? [styleFor(proven, 1)] : [];
    return answered(machine, { ...newAttempt(question), offered }, "same");
  }
  if (sinceMs < DUPLICATE_MS && attempt.asks > 0) return answered(machine, attempt, "same");
  const asked: Attempt = {
    ...attempt,
    askedAtMs: nowMs,
    askedBootServer: "no",
    loader,
    silentLoads:
      attempt.loader === loader && nowMs - attempt.loadedAtMs <= LOADER_ASKS_MS
        ? attempt.silentLoads
        : 0,
    script: false,
  };
  if (asked.silentLoads >= SILENT_LOADS) {
    // With the next question it starts over: firmware that refuses the loader wants it again.
    return answered(machine, { ...asked, silentLoads: 0, script: true }, "loop");
  }
  if (!choosing) return answered(machine, { ...asked, offered: [] }, "same");
  const former = attempt.offered.at(-1);
  const offeredAtMs = question.addressOfferedAtMs;
  const lacksAddress = offeredAtMs !== null && offeredAtMs < attempt.askedAtMs;
  if (lacksAddress && former !== undefined) return answered(machine, asked, "same");
  const asks = attempt.asks + 1;
  const style = styleFor(proven, asks);
  const tried = sinceMs <= SILENCE_MS ? attempt.offered : [];
  const offered = former === style ? attempt.offered : [...tried, style].slice(-offerStyles.length);
  const turn = former === undefined || former === style ? "same" : "other";
  return answered(machine, { ...asked, asks, offered }, turn);
}

function answered(machine: MachineStyles, attempt: Attempt, turn: StyleAnswer["turn"]) {
  const changed = { ...machine, attempt };
  return { machine: changed, answer: { ...answerNow(changed), turn } };
}

function newAttempt({ nowMs, loader }: Question): Attempt {
  return {
    askedAtMs: nowMs,
    asks: 1,
    offered: [],
    askedBootServer: "no",
    loader,
    silentLoads: 0,
    loadedAtMs: 0,
    script: false,
  };
}

/** What the machine was told last, for the requests that follow its question. */
export function answerNow({ proven, attempt }: MachineStyles): StyleAnswer {
  const style = attempt?.offered.at(-1) ?? proven?.style ?? offerStyles[0];
  return { style, script: attempt?.script ?? false, turn: "same" };
}

/**
 * An unknown machine is answered in another style each time it asks: firmware asks four times, at 0, 4, 12 and 28 s,
 * and then gives up. What worked is said twice first: something else may be slow that day.
 */
function styleFor(proven: ProvenStyle | null, asks: number): OfferStyle {
  const order =
    proven === null
      ? offerStyles
      : [proven.style, proven.style, ...offerStyles.filter((other) => other !== proven.style)];
  return order[(asks - 1) % order.length] ?? offerStyles[0];
}

/** The machine asked our boot server on port 4011; `item`: for the item of the menu. */
export function askedBootServer(machine: MachineStyles, item: boolean): MachineStyles {
  return withAttempt(machine, (attempt) => ({
    ...attempt,
    askedBootServer: item ? "for-item" : "plainly",
  }));
}

/** The machine fetches a file by TFTP: the style it was answered in is right for it. */
export function loaderStarted(machine: MachineStyles, file: string, nowMs: number): MachineStyles {
  const { mac, attempt } = machine;
  if (attempt === null || attempt.loader !== file || isPast(attempt, nowMs)) return machine;
  const style = styleTaken(attempt);
  if (style === null) return machine;
  const arrived: Attempt = { ...attempt, asks: 0, offered: [], askedBootServer: "no" };
  const known = machine.proven?.style === style;
  const proven = known ? machine.proven : { mac, style, provenAtMs: nowMs };
  return { mac, proven, attempt: arrived };
}

/** Of several styles that were offered, the one that firmware must have followed. */
function styleTaken({ offered, askedBootServer: asked }: Attempt): OfferStyle | null {
  if (asked === "for-item" && offered.includes("menu")) return "menu";
  if (asked === "plainly" && offered.includes("boot-server")) return "boot-server";
  return offered.at(-1) ?? null;
}

/** The machine has a file whole. */
export function loaderDone(machine: MachineStyles, file: string, nowMs: number): MachineStyles {
  return withAttempt(machine, (attempt) => {
    if (attempt.loader !== file || isPast(attempt, nowMs)) return attempt;
    return { ...attempt, silentLoads: attempt.silentLoads + 1, loadedAtMs: nowMs };
  });
}

/** iPXE was heard from the machine: its loader runs. */
export function loaderRuns(machine: MachineStyles): MachineStyles {
  return withAttempt(machine, (attempt) => ({
    ...attempt,
    asks: 0,
    offered: [],
    silentLoads: 0,
    script: false,
  }));
}

function withAttempt(machine: MachineStyles, step: (attempt: Attempt) => Attempt): MachineStyles {
  const { attempt } = machine;
  return attempt === null ? machine : { ...machine, attempt: step(attempt) };
}

function isPast({ askedAtMs }: Attempt, nowMs: number): boolean {
  return nowMs - askedAtMs > SILENCE_MS;
}

/** What handlers see of the machines. */
export interface OfferStyles {
  of(mac: Mac): MachineStyles;
}

/**
 * All machines. Bounded: where it is full, what was learnt last is dropped, so that a flood of unknown
 * machines cannot make it forget what has worked for long.
 */
export class OfferStyleTable implements OfferStyles {
  /** In the order in which they were learnt. */
  readonly #proven = new Map<Mac, ProvenStyle>();
  readonly #attempts: BoundedMap<Mac, Attempt>;
  readonly #maxMachines: number;

  constructor(maxMachines = 4096) {
    this.#maxMachines = maxMachines;
    this.#attempts = new BoundedMap(maxMachines);
  }

  of(mac: Mac): MachineStyles {
    return { mac, proven: this.provenOf(mac), attempt: this.#attempts.get(mac) ?? null };
  }

  /** Takes over what is known of a machine now; true when something new is proven. */
  put({ mac, proven, attempt }: MachineStyles): boolean {
    if (attempt !== null) this.#attempts.set(mac, attempt);
    if (proven === null || this.#proven.get(mac)?.style === proven.style) return false;
    this.#learn(proven);
    return true;
  }

  provenOf(mac: Mac): ProvenStyle | null {
    return this.#proven.get(mac) ?? null;
  }

  /** Everything that worked, for keeping it. */
  proven(): readonly ProvenStyle[] {
    return [...this.#proven.values()];
  }

  /** Takes up what was kept. */
  restore(proven: readonly ProvenStyle[]): void {
    for (const one of proven) this.#learn(one);
  }

  /** From now on the machine is unknown; false when nothing was known of it. */
  forget(mac: Mac): boolean {
    this.#attempts.delete(mac);
    return this.#proven.delete(mac);
  }

  #learn(one: ProvenStyle): void {
    if (!this.#proven.has(one.mac) && this.#proven.size >= this.#maxMachines) {
      const [latest] = [...this.#proven.keys()].slice(-1);
      if (latest !== undefined) this.#proven.delete(latest);
    }
    this.#proven.set(one.mac, one);
  }
}
