import {
  addressElsewhere,
  damagedRequest,
  networkNotServed,
  noAddressForMachine,
  noAddressLeft,
  reservedAddressInUse,
} from "../../boot/refusals.ts";
import { filledIn } from "../../lib/finding.ts";
import { formatSubnet, type Ip4 } from "../../lib/ip4.ts";
import { type AllocationContext, isAllotted, mayHave, type PoolUse } from "../leases/allocator.ts";
import { isActive, isQuarantine } from "../leases/lease-table.ts";
import type { FullLink } from "../link.ts";
import type { DhcpRequest } from "../message/request.ts";
import { refused, unserved } from "./boot-events.ts";
import type { Effect } from "./effects.ts";

/*
 * What mode full does not serve, in words for whoever looks after the site.
 */

/** A relay agent forwards a request of a network that is not configured: nobody there is answered. */
export function fromElsewhere(request: DhcpRequest, link: FullLink): readonly Effect[] {
  const { giaddr: relay } = request.packet;
  const network = request.relay?.linkSelection ?? relay;
  const { interface: name } = link;
  const { cause: reason, remedy } = filledIn(networkNotServed, { relay, network, interface: name });
  const fields = { interface: name, relay, network, reason, remedy };
  return [
    { kind: "event", event: { event: "relay-not-served", ...fields } },
    ...unserved(request, link, networkNotServed, { relay, network }),
  ];
}

/**
 * @param pools what the addresses of the pools are used for
 * @param reserved the address that is set aside for the machine; null: none is
 */
export function nothingToOffer(
  request: DhcpRequest,
  link: FullLink,
  pools: PoolUse,
  reserved: Ip4 | null,
): readonly Effect[] {
  const network = formatSubnet(link.subnet);
  if (link.full.pools.length > 0) {
    const machine = { mac: request.mac, address: null, interface: link.interface };
    return [
      { kind: "event", event: { event: "pool-full", ...machine, network, ...pools } },
      ...refused(request, link, noAddressLeft, { network }),
    ];
  }
  return reserved === null
    ? refused(request, link, noAddressForMachine, { network })
    : refused(request, link, reservedAddressInUse, { address: reserved });
}

/**
 * `reservation-held`, when another hardware address has the one that the machine's entry reserves: the other
 * card of a machine whose entry names a UUID, or a machine whose lease is older than the reservation.
 *
 * @param address what the machine is offered; null: nothing is left
 */
export function reservationHeld(
  { mac, link, leases, offers, nowMs }: AllocationContext,
  reserved: Ip4 | null,
  address: Ip4 | null,
): readonly Effect[] {
  if (reserved === null || reserved === address) return [];
  const lease = leases.at(reserved);
  const bound = lease !== null && lease.state === "bound" && isActive(lease, nowMs);
  const holder = bound ? lease.mac : (offers.at(reserved, nowMs)?.mac ?? mac);
  if (holder === mac) return [];
  const fields = { mac, address, interface: link.interface, reserved, holder };
  return [{ kind: "event", event: { event: "reservation-held", ...fields } }];
}

export function requestsNoAddress(request: DhcpRequest, link: FullLink): readonly Effect[] {
  return refused(request, link, damagedRequest, { fault: "it requests no address" });
}

/** A DHCPINFORM of a client whose address is not of this network. */
export function informsElsewhere(
  request: DhcpRequest,
  link: FullLink,
  address: Ip4,
): readonly Effect[] {
  return refused(request, link, addressElsewhere, { address, network: formatSubnet(link.subnet) });
}

/**
 * Another replica has led, with a journal of its own: machines have leases that are not known here, and what is known of
 * a machine or an address may be older. Nobody is refused then until all have renewed. Returns what has to be done
 * before a machine is acknowledged an address that it says is its own; null: it may be another
 * machine's, so nothing is said, and the machine keeps what it has.
 *
 * @param used the address that it uses already (`ciaddr`); null: none yet
 */
export function recoverable(
  context: AllocationContext,
  used: Ip4 | null,
  address: Ip4,
): readonly Effect[] | null {
  if (mayHave(context, address)) return [];
  const held = context.leases.at(address);
  // The host that was found there by a check may well be this machine.
  const isItsOwn = used === address && held !== null && isQuarantine(held);
  if (!isItsOwn || !isAllotted(context, address)) return null;
  return [{ kind: "record", lease: { ...held, expiresAtMs: context.nowMs } }];
}
