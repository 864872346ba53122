import type { Mac } from "../lib/mac.ts";
import { putRecent } from "../lib/recent.ts";

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
  /** How often it asked without progress. */
  readonly asks: number;
  /** The ways it was answered in, the present one last. */
  readonly offered: readonly Way[];
  /** Whether it asked our boot server, and whether it named the menu's item there. */
  readonly askedBootServer: "no" | "plainly" | "for-item";
  /** Loaders that it fetched whole and of which nothing was heard since. */
  readonly silentLoaders: number;
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

/** The same request by another path (relay agents, bridges): PXE clients wait for 4 s, iPXE for 1 s. */
const DUPLICATE_MS = 900;
/** Who asks after a longer silence starts anew: EDK2's last wait is 32 s, a machine restarts within minutes. */
const SILENCE_MS = 10 * 60_000;
/** Handed so many loaders that said nothing, a client is told the script: it may be a loader itself. */
const SILENT_LOADERS = 2;

/**
 * The machine asks (DHCPDISCOVER of firmware): how to answer, and what is known from now on.
 *
 * @param choosing false for a client that knows one way only: there is nothing to try, and nothing that
 *   its success would prove
 */
export function askedToBoot(
  machine: MachineWays,
  nowMs: number,
  choosing = true,
): { readonly machine: MachineWays; readonly answer: WayAnswer } {
  const { proven, attempt } = machine;
  const sinceMs = attempt === null ? Infinity : nowMs - attempt.askedAtMs;
  if (attempt === null || sinceMs < 0 || sinceMs > SILENCE_MS) {
    const offered = choosing ? [wayFor(proven, 1)] : [];
    return answered(machine, { ...newAttempt(nowMs), offered }, "same");
  }
  if (sinceMs < DUPLICATE_MS && attempt.asks > 0) return answered(machine, attempt, "same");
  if (attempt.silentLoaders >= SILENT_LOADERS) {
    // With the next question it starts over: firmware that refuses the loader wants it again.
    const looping = { ...attempt, askedAtMs: nowMs, silentLoaders: 0, script: true };
    return answered(machine, looping, "loop");
  }
  const asks = attempt.asks + 1;
  if (!choosing) {
    const again = { ...attempt, askedAtMs: nowMs, asks, offered: [], script: false };
    return answered(machine, again, "same");
  }
  const way = wayFor(proven, asks);
  const former = attempt.offered.at(-1);
  const offered = former === way ? attempt.offered : [...attempt.offered, way].slice(-ways.length);
  const turn = former === undefined || former === way ? "same" : "other";
  return answered(machine, { ...attempt, askedAtMs: nowMs, asks, offered, script: false }, turn);
}

function answered(machine: MachineWays, attempt: Attempt, turn: WayAnswer["turn"]) {
  const changed = { ...machine, attempt };
  return { machine: changed, answer: { ...answerNow(changed), turn } };
}

function newAttempt(nowMs: number): Attempt {
  return {
    askedAtMs: nowMs,
    asks: 1,
    offered: [],
    askedBootServer: "no",
    silentLoaders: 0,
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
 * and then gives up. What worked is said twice first: the site's own server may be slow that day.
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
  const { attempt } = machine;
  if (attempt === null) return machine;
  return { ...machine, attempt: { ...attempt, askedBootServer: item ? "for-item" : "plainly" } };
}

/** The machine fetches its loader: the way it was answered in is right for it. */
export function loaderStarted(machine: MachineWays, nowMs: number): MachineWays {
  const { mac, attempt } = machine;
  const way = attempt === null ? null : wayTaken(attempt);
  if (attempt === null || way === null) return machine;
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

/** The machine has its loader whole. */
export function loaderDone(machine: MachineWays): MachineWays {
  const { attempt } = machine;
  if (attempt === null) return machine;
  return { ...machine, attempt: { ...attempt, silentLoaders: attempt.silentLoaders + 1 } };
}

/** iPXE was heard from the machine: its loader runs. */
export function loaderRuns(machine: MachineWays): MachineWays {
  const { attempt } = machine;
  if (attempt === null) return machine;
  const running = { ...attempt, asks: 0, offered: [], silentLoaders: 0, script: false };
  return { ...machine, attempt: running };
}

/** What handlers see of the machines. */
export interface Ways {
  of(mac: Mac): MachineWays;
}

/** All machines. Bounded; a flood of strangers cannot make it forget what worked for a machine. */
export class WayTable implements Ways {
  readonly #proven = new Map<Mac, ProvenWay>();
  readonly #attempts = new Map<Mac, Attempt>();
  readonly #maxMachines: number;

  constructor(maxMachines = 4096) {
    this.#maxMachines = maxMachines;
  }

  of(mac: Mac): MachineWays {
    const proven = this.#proven.get(mac) ?? null;
    return { mac, proven, attempt: this.#attempts.get(mac) ?? null };
  }

  /** Takes over what is known of a machine now; true when something new is proven. */
  put({ mac, proven, attempt }: MachineWays): boolean {
    if (attempt !== null) putRecent(this.#attempts, mac, attempt, this.#maxMachines);
    const news = proven !== null && this.#proven.get(mac)?.way !== proven.way;
    if (proven !== null) putRecent(this.#proven, mac, proven, this.#maxMachines);
    return news;
  }

  /** Everything that worked, for keeping it. */
  proven(): readonly ProvenWay[] {
    return [...this.#proven.values()];
  }

  /** Takes up what was kept. */
  restore(proven: readonly ProvenWay[]): void {
    for (const one of proven) putRecent(this.#proven, one.mac, one, this.#maxMachines);
  }

  /** From now on the machine is a newcomer; false when nothing was known of it. */
  forget(mac: Mac): boolean {
    this.#attempts.delete(mac);
    return this.#proven.delete(mac);
  }
}
