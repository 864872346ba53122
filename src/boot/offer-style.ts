import type { Mac } from "../lib/mac.ts";
import { putRecent } from "../lib/bounded-map.ts";

/*
 * Firmware differs in what it makes of an answer, and does not say so: what it cannot use it passes over
 * and asks again. This finds out, machine by machine, and keeps what worked. Pure but for `WayTable`.
 */

/**
 * The ways to answer a PXE client, in the order in which they are tried.
 *
 * - `direct`: 43.6 with bit 3, "load the file of this offer". Most firmware.
 * - `boot-server`: no option 43; firmware asks port 4011, or loads the file all the same. For firmware
 *   that passes over offers with bit 3 (seen: HP ProLiant Gen9 and laptops, Supermicro), or over option 43.
 * - `menu`: a boot menu of one item with its boot server, the whole of PXE 2.1. For firmware that wants
 *   to be told where to ask.
 */
export const ways = ["direct", "boot-server", "menu"] as const;
export type Way = (typeof ways)[number];

/** What a machine is known to be content with. */
export interface ProvenWay {
  readonly mac: Mac;
  readonly way: Way;
  /** Milliseconds since the Unix epoch. */
  readonly provenAtMs: number;
}

/** What a machine was told since it last made progress. */
export interface Attempt {
  /** When it last asked; milliseconds since the Unix epoch. */
  readonly askedAtMs: number;
  /** The questions that its firmware passed over the answers to, and the present one. */
  readonly asks: number;
  /** The ways it was answered in, the present one last. */
  readonly offered: readonly Way[];
  /** Whether it asked our boot server after that, and whether it named the menu's item there. */
  readonly askedBootServer: "no" | "plainly" | "for-item";
  /** The loader that it was told of. */
  readonly loader: string;
  /** How often in a row it fetched that whole and was not heard as iPXE afterwards. */
  readonly silentLoads: number;
  readonly loadedAtMs: number;
  /** It is told the script in place of the loader. */
  readonly script: boolean;
}

export interface MachineWays {
  readonly mac: Mac;
  readonly proven: ProvenWay | null;
  readonly attempt: Attempt | null;
}

/** How to answer, and why so. */
export interface WayAnswer {
  readonly way: Way;
  /** Tell the script's URL: what asks was handed the loader again and again, so it is one. */
  readonly script: boolean;
  /** `loop`: the script in place of the loader; `other`: another way than last time; `same`: neither. */
  readonly turn: "same" | "other" | "loop";
}

/** A question (DHCPDISCOVER of firmware). */
export interface Question {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** The loader that the machine is to be told of. */
  readonly loader: string;
  /** False for a client that knows one way only: there is nothing to try or to prove. */
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
/** A machine that comes back within a day and has still not booted is answered in the next way. */
const GIVEN_UP_MS = 24 * 3_600_000;
/** iPXE asks within seconds of its start; a machine that restarts takes longer. */
const LOADER_ASKS_MS = 60_000;
/** Handed the same loader so often in a row, a client is told the script: it may be that loader. */
const SILENT_LOADS = 2;

/** The machine asks: how to answer, and what is known from now on. */
export function askedToBoot(
  machine: MachineWays,
  question: Question,
): { readonly machine: MachineWays; readonly answer: WayAnswer } {
  const { proven, attempt } = machine;
  const { nowMs, loader, choosing } = question;
  const sinceMs = attempt === null ? Infinity : nowMs - attempt.askedAtMs;
  if (attempt === null || sinceMs < 0 || sinceMs > GIVEN_UP_MS) {
    const offered = choosing ? [wayFor(proven, 1)] : [];
    return answered(machine, { ...newAttempt(question), offered }, "same");
  }
  if (sinceMs < DUPLICATE_MS && attempt.asks > 0) return answered(machine, attempt, "same");
  const asked: Attempt = {
    ...attempt,
    askedAtMs: nowMs,
    askedBootServer: "no",
    loader,
    silentLoads: nowMs - attempt.loadedAtMs <= LOADER_ASKS_MS ? attempt.silentLoads : 0,
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
  const way = wayFor(proven, asks);
  const tried = sinceMs <= SILENCE_MS ? attempt.offered : [];
  const offered = former === way ? attempt.offered : [...tried, way].slice(-ways.length);
  const turn = former === undefined || former === way ? "same" : "other";
  return answered(machine, { ...asked, asks, offered }, turn);
}

function answered(machine: MachineWays, attempt: Attempt, turn: WayAnswer["turn"]) {
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
export function answerNow({ proven, attempt }: MachineWays): WayAnswer {
  const way = attempt?.offered.at(-1) ?? proven?.way ?? ways[0];
  return { way, script: attempt?.script ?? false, turn: "same" };
}

/**
 * A newcomer is answered in another way each time it asks: firmware asks four times, at 0, 4, 12 and 28 s,
 * and then gives up. What worked is said twice first: something else may be slow that day.
 */
function wayFor(proven: ProvenWay | null, asks: number): Way {
  const order =
    proven === null
      ? ways
      : [proven.way, proven.way, ...ways.filter((other) => other !== proven.way)];
  return order[(asks - 1) % order.length] ?? ways[0];
}

/** The machine asked our boot server on port 4011; `item`: for the item of the menu. */
export function askedBootServer(machine: MachineWays, item: boolean): MachineWays {
  return withAttempt(machine, (attempt) => ({
    ...attempt,
    askedBootServer: item ? "for-item" : "plainly",
  }));
}

/** The machine fetches a file by TFTP: the way it was answered in is right for it. */
export function loaderStarted(machine: MachineWays, file: string, nowMs: number): MachineWays {
  const { mac, attempt } = machine;
  if (attempt === null || attempt.loader !== file || isPast(attempt, nowMs)) return machine;
  const way = wayTaken(attempt);
  if (way === null) return machine;
  const arrived: Attempt = { ...attempt, asks: 0, offered: [], askedBootServer: "no" };
  const known = machine.proven?.way === way;
  const proven = known ? machine.proven : { mac, way, provenAtMs: nowMs };
  return { mac, proven, attempt: arrived };
}

/** Of several ways that were offered, the one that firmware must have followed. */
function wayTaken({ offered, askedBootServer: asked }: Attempt): Way | null {
  if (asked === "for-item" && offered.includes("menu")) return "menu";
  if (asked === "plainly" && offered.includes("boot-server")) return "boot-server";
  return offered.at(-1) ?? null;
}

/** The machine has a file whole. */
export function loaderDone(machine: MachineWays, file: string, nowMs: number): MachineWays {
  return withAttempt(machine, (attempt) => {
    if (attempt.loader !== file || isPast(attempt, nowMs)) return attempt;
    return { ...attempt, silentLoads: attempt.silentLoads + 1, loadedAtMs: nowMs };
  });
}

/** iPXE was heard from the machine: its loader runs. */
export function loaderRuns(machine: MachineWays): MachineWays {
  return withAttempt(machine, (attempt) => ({
    ...attempt,
    asks: 0,
    offered: [],
    silentLoads: 0,
    script: false,
  }));
}

function withAttempt(machine: MachineWays, step: (attempt: Attempt) => Attempt): MachineWays {
  const { attempt } = machine;
  return attempt === null ? machine : { ...machine, attempt: step(attempt) };
}

function isPast({ askedAtMs }: Attempt, nowMs: number): boolean {
  return nowMs - askedAtMs > SILENCE_MS;
}

/** What handlers see of the machines. */
export interface Ways {
  of(mac: Mac): MachineWays;
}

/**
 * All machines. Bounded: where it is full, what was learnt last gives way, so that a flood of strangers
 * cannot make it forget what has worked for long.
 */
export class WayTable implements Ways {
  /** In the order in which they were learnt. */
  readonly #proven = new Map<Mac, ProvenWay>();
  readonly #attempts = new Map<Mac, Attempt>();
  readonly #maxMachines: number;

  constructor(maxMachines = 4096) {
    this.#maxMachines = maxMachines;
  }

  of(mac: Mac): MachineWays {
    return { mac, proven: this.provenOf(mac), attempt: this.#attempts.get(mac) ?? null };
  }

  /** Takes over what is known of a machine now; true when something new is proven. */
  put({ mac, proven, attempt }: MachineWays): boolean {
    if (attempt !== null) putRecent(this.#attempts, mac, attempt, this.#maxMachines);
    if (proven === null || this.#proven.get(mac)?.way === proven.way) return false;
    this.#learn(proven);
    return true;
  }

  provenOf(mac: Mac): ProvenWay | null {
    return this.#proven.get(mac) ?? null;
  }

  /** Everything that worked, for keeping it. */
  proven(): readonly ProvenWay[] {
    return [...this.#proven.values()];
  }

  /** Takes up what was kept. */
  restore(proven: readonly ProvenWay[]): void {
    for (const one of proven) this.#learn(one);
  }

  /** From now on the machine is a newcomer; false when nothing was known of it. */
  forget(mac: Mac): boolean {
    this.#attempts.delete(mac);
    return this.#proven.delete(mac);
  }

  #learn(one: ProvenWay): void {
    if (!this.#proven.has(one.mac) && this.#proven.size >= this.#maxMachines) {
      const [latest] = [...this.#proven.keys()].slice(-1);
      if (latest !== undefined) this.#proven.delete(latest);
    }
    this.#proven.set(one.mac, one);
  }
}
