import { InternalError } from "../../lib/errors.ts";

/** A range of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export function portsIn({ first, last }: PortRange): number {
  return last - first + 1;
}

/**
 * The ports of one address that transfers may use. They are handed out in turn, so that a port is
 * unused as long as possible: late packets of a former transfer must not reach the next one.
 */
export class DataPorts {
  readonly #range: PortRange;
  readonly #taken = new Set<number>();
  #next: number;

  constructor(range: PortRange) {
    if (range.first > range.last) throw new InternalError("a port range must not be empty");
    this.#range = range;
    this.#next = range.first;
  }

  /** How many ports there are in all. */
  get size(): number {
    return portsIn(this.#range);
  }

  /** The next free port, or null when all are taken. */
  take(): number | null {
    for (let tries = 0; tries < this.size; tries++) {
      const port = this.#next;
      this.#next = port === this.#range.last ? this.#range.first : port + 1;
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      return port;
    }
    return null;
  }

  giveBack(port: number): void {
    this.#taken.delete(port);
  }
}
