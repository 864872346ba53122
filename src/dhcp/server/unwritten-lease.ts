import { leaseTimeOptions } from "../handlers/lease-time.ts";
import type { Effect } from "../handlers/effects.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import type { Lease } from "../leases/lease-table.ts";

/*
 * What becomes of a request whose lease could not be written, because the disk is full or broken. A machine
 * that renews may keep its address for as long as the journal already says, since that survives a crash; no
 * longer. No new lease is granted.
 */

/** A lease that expires sooner is not acknowledged: the client would be asking all the time. */
const LEAST_SECONDS = 30;

/** Why nothing is offered, for people. */
export function unwritable({ place = "dataDir" }: LeaseStore): string {
  return `no lease can be written to ${place}, so no address is offered`;
}

/**
 * For how many seconds the machine may have the address of `lease` by what is on disk; null when it may not.
 *
 * @param written what the journal on disk says of that address
 */
export function safeSeconds(lease: Lease, written: Lease | null, nowMs: number): number | null {
  if (lease.state !== "bound" || written?.state !== "bound" || written.mac !== lease.mac) {
    return null;
  }
  const seconds = Math.floor((Math.min(written.expiresAtMs, lease.expiresAtMs) - nowMs) / 1000);
  return seconds < LEAST_SECONDS ? null : seconds;
}

/** The effect of an acknowledgement, for a lease of no more than so many seconds. */
export function shortened(effect: Effect, seconds: number): Effect {
  if (effect.kind === "send") {
    const options = new Map([...effect.packet.options, ...leaseTimeOptions(seconds)]);
    return { ...effect, packet: { ...effect.packet, options } };
  }
  if (effect.kind === "event" && effect.event.event === "lease-granted") {
    return { ...effect, event: { ...effect.event, leaseSeconds: seconds } };
  }
  return effect;
}
