import { BoundedMap } from "../lib/bounded-map.ts";
import type { Mac } from "../lib/mac.ts";

/** An unknown machine that wants to boot and may not. Times in milliseconds since the Unix epoch. */
export interface WaitingMachine {
  readonly mac: Mac;
  readonly uuid: string | null;
  readonly serial: string | null;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** A machine repeats its request after some seconds; who makes up hardware addresses has ever new ones. */
const ASKS_AGAIN_MS = 1000;
/** One that did not ask for so long makes room for another. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000;

/**
 * The unknown machines that wait for a decision. Those that asked more than once are kept apart from those that
 * were seen once, so that a flood of made-up hardware addresses pushes out none of them.
 */
export class WaitingMachines {
  readonly #max: number;
  readonly #waiting = new Map<Mac, WaitingMachine>();
  readonly #seenOnce: BoundedMap<Mac, WaitingMachine>;

  constructor(max = 1024, maxSeenOnce = 4096) {
    this.#max = max;
    this.#seenOnce = new BoundedMap(maxSeenOnce);
  }

  /** All of them, the one that waits longest first. */
  get all(): readonly WaitingMachine[] {
    return [...this.#waiting.values(), ...this.#seenOnce.values()];
  }

  get(mac: Mac): WaitingMachine | null {
    return this.#waiting.get(mac) ?? this.#seenOnce.get(mac) ?? null;
  }

  /** A machine asked and was turned away. True when it waits from now on. */
  note(machine: Omit<WaitingMachine, "firstAtMs" | "lastAtMs">, nowMs: number): boolean {
    const { mac } = machine;
    const known = this.get(mac);
    const next: WaitingMachine = {
      mac,
      uuid: machine.uuid ?? known?.uuid ?? null,
      serial: machine.serial ?? known?.serial ?? null,
      firstAtMs: known?.firstAtMs ?? nowMs,
      lastAtMs: nowMs,
    };
    if (this.#waiting.has(mac)) {
      this.#waiting.set(mac, next);
      return false;
    }
    if (known !== null && nowMs - known.firstAtMs >= ASKS_AGAIN_MS && this.#makeRoom(nowMs)) {
      this.#seenOnce.delete(mac);
      this.#waiting.set(mac, next);
      return true;
    }
    this.#seenOnce.set(mac, next);
    return known === null;
  }

  /** Somebody decided about it. */
  remove(mac: Mac): void {
    this.#waiting.delete(mac);
    this.#seenOnce.delete(mac);
  }

  #makeRoom(nowMs: number): boolean {
    if (this.#waiting.size < this.#max) return true;
    for (const { mac, lastAtMs } of this.#waiting.values()) {
      if (nowMs - lastAtMs <= FORGOTTEN_MS) continue;
      this.#waiting.delete(mac);
      return true;
    }
    return false;
  }
}
