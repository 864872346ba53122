import type { PxeEvent } from "../events/types.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Refusal } from "./limits.ts";

/** Senders that are told apart in one report. */
const MOST_NAMED = 64;

/** Counts lines that were dropped, until they are reported: a flood is one event for each sender, not one for each line. */
export class DroppedLines {
  readonly #bySender = new Map<Ip4, number>();
  /** Of all others. */
  #rest = 0;

  /** Whether this is the first one since the last report. */
  add(sender: Ip4, reason: Refusal): boolean {
    const isFirst = this.#bySender.size === 0 && this.#rest === 0;
    const before = this.#bySender.get(sender);
    const isNamed = reason === "this machine writes too much";
    if (isNamed && (before !== undefined || this.#bySender.size < MOST_NAMED)) {
      this.#bySender.set(sender, (before ?? 0) + 1);
    } else {
      this.#rest += 1;
    }
    return isFirst;
  }

  /** What there is to be reported, once. */
  take(): readonly PxeEvent[] {
    const found = [...this.#bySender].map(([address, lines]): PxeEvent => {
      const reason: Refusal = "this machine writes too much";
      return { event: "syslog-dropped", mac: null, address, lines, reason };
    });
    if (this.#rest > 0) {
      const reason: Refusal = "too many machines write";
      const all = { mac: null, address: null, lines: this.#rest, reason };
      found.push({ event: "syslog-dropped", ...all });
    }
    this.#bySender.clear();
    this.#rest = 0;
    return found;
  }
}
