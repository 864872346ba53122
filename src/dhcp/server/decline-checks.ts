import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { TokenBucket, TokenBuckets } from "../../lib/token-bucket.ts";
import type { Effect } from "../handlers/effects.ts";
import type { Lease, LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";
import type { AddressUse, ConflictChecks } from "./conflict-checks.ts";

/*
 * Whether a DHCPDECLINE is believed. Anybody on a link can send one in the name of any machine, so what can be
 * checked is: a machine that declines its address does not use it, and another host does.
 */

/** Addresses that one machine may have put into quarantine at once, and each second. */
const ONE_MACHINE = { burst: 3, perSecond: 1 / 600 };
/** The same for all machines without an entry together. */
const UNKNOWN_MACHINES = { burst: 20, perSecond: 1 / 5 };
const MOST_MACHINES = 4096;
/** For how long a doubted DHCPDECLINE of a reserved address is remembered. */
const DOUBTED_FOR_MS = 600_000;
const MOST_DOUBTED = 1024;

type Decline = Extract<Effect, { kind: "decline" }>;

/**
 * What becomes of the address: this lease is to be recorded; or it is in quarantine already, in memory until
 * the conflict is confirmed; or nothing, for this reason. `confirmed` are
 * quarantines that the check confirmed, which are to be written.
 */
export type Verdict = { readonly confirmed: readonly Lease[] } & (
  | { readonly kind: "record"; readonly lease: Lease }
  | { readonly kind: "in-quarantine" }
  | { readonly kind: "too-many"; readonly lease: Lease | null }
  | { readonly kind: "doubted"; readonly reason: string }
);

const NONE: readonly Lease[] = [];

export class DeclineChecks {
  readonly #leases: LeaseTable;
  readonly #conflicts: ConflictChecks;
  readonly #clock: Clock;
  readonly #machines = new TokenBuckets<Mac>(ONE_MACHINE, MOST_MACHINES);
  readonly #unknown: TokenBucket;
  readonly #doubted = new BoundedMap<Ip4, { readonly lease: Lease; readonly atMs: number }>(
    MOST_DOUBTED,
  );
  /** Machines whose DHCPDECLINE is being checked. */
  readonly #underWay = new Map<Mac, Promise<void>>();

  constructor(leases: LeaseTable, conflicts: ConflictChecks, clock: Clock) {
    this.#leases = leases;
    this.#conflicts = conflicts;
    this.#clock = clock;
    this.#unknown = new TokenBucket(UNKNOWN_MACHINES, clock.now());
  }

  /** Resolves when it is settled what becomes of the address that the machine declined; null: it declined none. */
  underWay(mac: Mac | null): Promise<void> | null {
    return mac === null ? null : (this.#underWay.get(mac) ?? null);
  }

  /** Resolves, or rejects, as the settling of a machine's DHCPDECLINE does, which is under way until then. */
  async during(mac: Mac, settling: Promise<void>): Promise<void> {
    const settled = settling.catch(() => {});
    this.#underWay.set(mac, settled);
    await settled;
    if (this.#underWay.get(mac) === settled) this.#underWay.delete(mac);
    return settling;
  }

  /** Whether the machine may have one more address put into quarantine. */
  allows({ lease, known }: Decline): boolean {
    const nowMs = this.#clock.now();
    return this.#machines.take(lease.mac, nowMs) && (known || this.#unknown.take(nowMs));
  }

  /** When it is not allowed: its lease ends, but others may have the address at once; it is checked before. */
  tooMany({ taken, reserved }: Decline): Verdict {
    const over = { ...taken, expiresAtMs: this.#clock.wall() };
    return { kind: "too-many", lease: reserved ? null : over, confirmed: NONE };
  }

  /** @param use who answers at the address; null: that could not be checked */
  judge(
    { lease, taken, unchecked, doubtful, reserved }: Decline,
    link: Link,
    use: AddressUse,
  ): Verdict {
    if (this.#leases.at(lease.address) !== lease) {
      return doubt("the machine got the address anew while it was checked");
    }
    switch (use) {
      case "machine":
        return doubt("the machine itself answers at the address, and no other host");
      case "nobody": {
        const confirmed = this.#conflicts.foundFree(link, lease.address);
        if (!reserved) return { kind: "record", lease: doubtful, confirmed };
        return { ...doubt("no host answers at the address, which is reserved for it"), confirmed };
      }
      case "other":
        if (this.#conflicts.foundInUse(link, lease.address, taken)) {
          return { kind: "in-quarantine", confirmed: NONE };
        }
        break;
      default:
    }
    if (!reserved || this.#wasDoubted(lease)) {
      return { kind: "record", lease: unchecked, confirmed: NONE };
    }
    return doubt(
      "whether another host uses the address, which is reserved for it, cannot be checked here; it is believed when it declines the address again after it got it again",
    );
  }

  /** Whether the machine declined the address before, and got it again since. */
  #wasDoubted(lease: Lease): boolean {
    const nowMs = this.#clock.now();
    const former = this.#doubted.get(lease.address);
    const recent = former !== undefined && nowMs - former.atMs < DOUBTED_FOR_MS;
    if (recent && former.lease.mac === lease.mac) return former.lease !== lease;
    this.#doubted.set(lease.address, { lease, atMs: nowMs });
    return false;
  }
}

function doubt(reason: string): Verdict {
  return { kind: "doubted", reason, confirmed: NONE };
}
