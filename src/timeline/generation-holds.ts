import type { Ip4 } from "../lib/ip4.ts";
import { BoundedMap } from "../lib/bounded-map.ts";

interface Hold {
  readonly generation: string;
  readonly begunAtMs: number;
  readonly usedAtMs: number;
}

// Longer than any boot on the slowest link: nobody can keep a generation on the disk for ever.
const longestMs = 6 * 3600_000;

/**
 * Which generation each address boots from, so that its script, kernel and initramfs belong together
 * while the mirror switches. It goes by the address that a connection comes from: unlike the MAC in a
 * URL or in a DHCP packet, no other machine can claim it. Bounded in memory.
 */
export class GenerationHolds {
  readonly #lapseMs: number;
  /** Least recently used first. */
  readonly #holds: BoundedMap<Ip4, Hold>;

  /** @param lapseMs a hold that was not used for longer has ended */
  constructor(maxAddresses: number, lapseMs: number) {
    this.#holds = new BoundedMap(maxAddresses);
    this.#lapseMs = lapseMs;
  }

  /** The address begins to boot from a generation. */
  begin(address: Ip4, generation: string, nowMs: number): void {
    this.#holds.set(address, { generation, begunAtMs: nowMs, usedAtMs: nowMs });
  }

  get(address: Ip4, nowMs: number): string | null {
    const hold = this.#holds.get(address);
    return hold !== undefined && this.#lasts(hold, nowMs) ? hold.generation : null;
  }

  /** The address goes on booting. */
  refresh(address: Ip4, nowMs: number): void {
    const hold = this.#holds.get(address);
    if (hold !== undefined && this.#lasts(hold, nowMs)) {
      this.#holds.set(address, { ...hold, usedAtMs: nowMs });
    }
  }

  inUse(nowMs: number): ReadonlySet<string> {
    const held = [...this.#holds.values()].filter((hold) => this.#lasts(hold, nowMs));
    return new Set(held.map(({ generation }) => generation));
  }

  #lasts({ begunAtMs, usedAtMs }: Hold, nowMs: number): boolean {
    return nowMs - usedAtMs <= this.#lapseMs && nowMs - begunAtMs <= longestMs;
  }
}
