import { isNamed, type NodeEntry } from "../../boot/node.ts";
import {
  type Ip4,
  ip4FromNumber,
  ip4ToNumber,
  isBroadcastOf,
  subnetContains,
} from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { isActive, isQuarantine, type Lease, type Leases } from "./lease-table.ts";
import { type FullLink, isOurs } from "../link.ts";
import type { Offer, Offers } from "./offer-table.ts";
import { inRanges, isAmongLast, pickAddress, poolSize } from "./pool.ts";

/** One of so many addresses of the pools may be kept for machines with an entry. */
const KEPT_PART = 10;

/** What decides which address a machine may have. */
export interface AllocationContext {
  readonly mac: Mac;
  /** The entry of the machine; null when none matches. */
  readonly node: NodeEntry | null;
  /** The link's own network, or one behind relay agents. */
  readonly link: FullLink;
  readonly leases: Leases;
  readonly offers: Offers;
  /** The entry that reserves an address; null when none does. */
  readonly reservedFor: (address: Ip4) => NodeEntry | null;
  /** How many machines have an entry that reserves no address for them. */
  readonly entriesWithoutAddress: number;
  /** Addresses of the relay agent that the request came through. */
  readonly relayAgent: readonly Ip4[];
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** The address that its entry reserves for the machine, if it is in this link's network. */
export function reservedAddress({ node, link }: AllocationContext): Ip4 | null {
  const address = node?.address ?? null;
  return address !== null && subnetContains(link.subnet, address) ? address : null;
}

/** A machine that an entry names, or that had an address in this network before: when addresses are short it goes first. */
export function isKnown({ node, leases, mac, link }: AllocationContext): boolean {
  return isNamed(node, mac) || leases.ofMachine(mac, link.subnet) !== null;
}

/**
 * The address that is the machine's own in this network now: the reserved one, that of its lease, past or present, or
 * the one that it was offered. Null when it has none, or another machine has it, or the configuration changed.
 */
export function ownAddress(context: AllocationContext): Ip4 | null {
  const reserved = reservedAddress(context);
  if (reserved !== null && mayHave(context, reserved)) return reserved;
  const { mac, link, leases, offers, nowMs } = context;
  const leased = leases.ofMachine(mac, link.subnet)?.address ?? null;
  if (leased !== null && mayHave(context, leased)) return leased;
  const offered = offers.ofMachine(mac, link.subnet, nowMs)?.address ?? null;
  return offered !== null && mayHave(context, offered) ? offered : null;
}

/**
 * The address to offer: the machine's own, else the one that it wishes for, else one from the pools
 * (RFC 2131 4.3.1). Null when there is none.
 */
export function addressToOffer(context: AllocationContext, wish: Ip4 | null): Ip4 | null {
  const own = ownAddress(context);
  if (own !== null) return own;
  if (wish !== null && mayHave(context, wish)) return wish;
  const { mac, link, leases, offers, nowMs } = context;
  const known = isKnown(context);
  const freeSince = (number: number): number | null => {
    const lease = leases.atNumber(number);
    if (lease === null ? !leases.hasRoom : isActive(lease, nowMs)) return null;
    const offer = offers.atNumber(number, nowMs);
    // Taken from an unknown client only when there is no other.
    if (offer !== null) return isHeld(offer, mac, known) ? null : nowMs;
    return lease === null ? 0 : lease.expiresAtMs;
  };
  const mayGive = (number: number): boolean => isAllotted(context, ip4FromNumber(number));
  return pickAddress(link.full.pools, mac, freeSince, mayGive);
}

/**
 * When no address is left: the one that went into quarantine longest ago, or is to leave it first; the host that
 * was found there may be gone, or was never there.
 */
export function oldestQuarantine(context: AllocationContext): Lease | null {
  const { mac, link, leases, offers, nowMs, reservedFor } = context;
  const known = isKnown(context);
  const endsAt = (number: number): number | null => {
    const lease = leases.atNumber(number);
    const quarantined = lease !== null && isQuarantine(lease) && isActive(lease, nowMs);
    return quarantined ? lease.expiresAtMs : null;
  };
  const mayGive = (number: number): boolean => {
    const address = ip4FromNumber(number);
    // Another machine may be about to get it.
    const offer = offers.atNumber(number, nowMs);
    if (offer !== null && isHeld(offer, mac, known)) return false;
    return reservedFor(address) === null && isAllotted(context, address);
  };
  const address = pickAddress(link.full.pools, mac, endsAt, mayGive);
  return address === null ? null : leases.at(address);
}

/** Whether the configuration gives the machine this address and no other machine has it now. */
export function mayHave(context: AllocationContext, address: Ip4): boolean {
  return isAllotted(context, address) && isFree(context, address);
}

/** Whether the address is reserved for the machine, or is in a pool and not reserved. */
export function isAllotted(context: AllocationContext, address: Ip4): boolean {
  const { link, node, mac, relayAgent, reservedFor } = context;
  if (!isHostAddress(link, address) || relayAgent.includes(address)) return false;
  const owner = reservedFor(address);
  if (owner !== null) return node?.address === address;
  return inRanges(link.full.pools, address) && (isNamed(node, mac) || !isKept(context, address));
}

/**
 * How many addresses at the end of the pools are kept for machines with an entry: whoever sends DHCPDISCOVERs of
 * ever new hardware addresses can use up all others.
 */
function keptAddresses({ link, entriesWithoutAddress }: AllocationContext): number {
  return Math.min(Math.floor(poolSize(link.full.pools) / KEPT_PART), entriesWithoutAddress);
}

/** Whether an address is kept for machines with an entry; one that the machine has already is not. */
function isKept(context: AllocationContext, address: Ip4): boolean {
  const kept = keptAddresses(context);
  if (kept === 0 || !isAmongLast(context.link.full.pools, kept, address)) return false;
  const lease = context.leases.at(address);
  return lease === null || isQuarantine(lease) || lease.mac !== context.mac;
}

/** What the addresses of the pools of a network are used for. */
export interface PoolUse {
  readonly addresses: number;
  readonly leased: number;
  readonly quarantined: number;
  /** Of those that are left: for machines with an entry only. */
  readonly kept: number;
}

export function poolUse(context: AllocationContext): PoolUse {
  const { link, leases, nowMs, node, mac } = context;
  const { pools } = link.full;
  const bounds = pools.map(({ first, last }) => [ip4ToNumber(first), ip4ToNumber(last)] as const);
  let [leased, quarantined] = [0, 0];
  // A pool may have millions of addresses; there are no more leases than memory is set aside for.
  for (const [number, lease] of leases.byAddress()) {
    const isInPool = bounds.some(([first, last]) => first <= number && number <= last);
    if (!isInPool || !isActive(lease, nowMs)) continue;
    if (isQuarantine(lease)) quarantined += 1;
    else leased += 1;
  }
  const addresses = poolSize(pools);
  const left = addresses - leased - quarantined;
  const kept = isNamed(node, mac) ? 0 : Math.min(left, keptAddresses(context));
  return { addresses, leased, quarantined, kept };
}

/** An address of the link's network that no other use is known for. */
function isHostAddress(link: FullLink, address: Ip4): boolean {
  const { subnet, full } = link;
  if (!subnetContains(subnet, address) || isOurs(link, address)) return false;
  // RFC 3021: a network of two addresses has neither a network nor a broadcast address.
  const wide = subnet.prefixLength < 31;
  if (wide && (address === subnet.network || isBroadcastOf(subnet, address))) return false;
  const { router, dns, ntp, logServers } = full;
  const isServer = router.includes(address) || dns.includes(address) || ntp.includes(address);
  return !isServer && !logServers.includes(address);
}

function isFree(context: AllocationContext, address: Ip4): boolean {
  const { mac, leases, offers, nowMs } = context;
  const offer = offers.at(address, nowMs);
  if (offer !== null && isHeld(offer, mac, isKnown(context))) return false;
  const lease = leases.at(address);
  if (lease === null) return leases.hasRoom || context.node?.address === address;
  return (lease.mac === mac && !isQuarantine(lease)) || !isActive(lease, nowMs);
}

/** Whether an offer keeps its address from this machine: a known machine goes before an unknown client. */
function isHeld(offer: Offer, mac: Mac, known: boolean): boolean {
  return offer.mac !== mac && (offer.known || !known);
}
