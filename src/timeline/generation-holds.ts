import type { Ip4 } from "../lib/ip4.ts";
import { putRecent } from "../lib/bounded-map.ts";

interface Pin {
  readonly generation: string;
  readonly setAtMs: number;
  readonly usedAtMs: number;
}

// Longer than any boot on the slowest link: nobody can keep a generation on the disk for ever.
const longestMs = 6 * 3600_000;

/**
 * Which generation each address boots from, so that its script, kernel and initramfs belong together
 * while the mirror switches. It goes by the address that a connection comes from: unlike the MAC in a
 * URL or in a DHCP packet, no other machine can claim it. Bounded in memory.
 */
export class GenerationPins {
  readonly #maxAddresses: number;
  readonly #lapseMs: number;
  /** Least recently used first. */
  readonly #pins = new Map<Ip4, Pin>();

  /** @param lapseMs a pin that was not used for longer is void */
  constructor(maxAddresses: number, lapseMs: number) {
    this.#maxAddresses = maxAddresses;
    this.#lapseMs = lapseMs;
  }

  set(address: Ip4, generation: string, nowMs: number): void {
    this.#put(address, { generation, setAtMs: nowMs, usedAtMs: nowMs });
  }

  get(address: Ip4, nowMs: number): string | null {
    const pin = this.#pins.get(address);
    return pin !== undefined && this.#holds(pin, nowMs) ? pin.generation : null;
  }

  /** The address is still at it. */
  refresh(address: Ip4, nowMs: number): void {
    const pin = this.#pins.get(address);
    if (pin !== undefined && this.#holds(pin, nowMs)) {
      this.#put(address, { ...pin, usedAtMs: nowMs });
    }
  }

  inUse(nowMs: number): ReadonlySet<string> {
    const held = [...this.#pins.values()].filter((pin) => this.#holds(pin, nowMs));
    return new Set(held.map(({ generation }) => generation));
  }

  #holds({ setAtMs, usedAtMs }: Pin, nowMs: number): boolean {
    return nowMs - usedAtMs <= this.#lapseMs && nowMs - setAtMs <= longestMs;
  }

  #put(address: Ip4, pin: Pin): void {
    putRecent(this.#pins, address, pin, this.#maxAddresses);
  }
}
