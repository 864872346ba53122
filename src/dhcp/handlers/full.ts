import type { NodeEntry } from "../../boot/node.ts";
import { noAddressForMachine, noHardwareAddress } from "../../boot/refusals.ts";
import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { ANY_ADDRESS, formatSubnet, type Ip4, subnetContains } from "../../lib/ip4.ts";
import {
  addressToOffer,
  type AllocationContext,
  isKnown,
  mayHave,
  oldestQuarantine,
  ownAddress,
  poolUse,
  reservedAddress,
} from "../leases/allocator.ts";
import type { FullLink } from "../link.ts";
import {
  discoverEvents,
  ignored,
  offerEvents,
  refusalEvents,
  refused,
  unanswered,
  unserved,
  wantsToBoot,
} from "./boot-events.ts";
import type { Effect } from "./effects.ts";
import {
  fromElsewhere,
  informsElsewhere,
  nothingToOffer,
  recoverable,
  requestsNoAddress,
  reservationHeld,
} from "./full-refusals.ts";
import { acknowledgeReply, type Answer, informReply, offerReply, nakReply } from "./full-reply.ts";
import { decline, QUARANTINE_MS, release } from "./give-back.ts";
import { leaseOf } from "./lease-from-request.ts";
import { leaseSecondsFor } from "./lease-time.ts";
import { networkOptions, type Option } from "./network-options.ts";
import { isActive, type Lease, type Leases, type LeaseState } from "../leases/lease-table.ts";
import type { Offers } from "../leases/offer-table.ts";
import { BOOTREQUEST, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import { namesAnotherServer, networkOf, relayAddresses } from "../message/relay.ts";
import type { DhcpRequest } from "../message/request.ts";
import { route } from "../message/destination.ts";

/** For how long an offered address waits for its DHCPREQUEST: EDK2 takes up to 12 s to decide. */
const OFFER_MS = 15_000;

/** What mode full knows besides the request. */
export interface FullState {
  readonly leases: Leases;
  readonly offers: Offers;
  /** The entry that reserves an address; null when none does. */
  readonly reservedFor: (address: Ip4) => NodeEntry | null;
  /** How many machines have an entry that reserves no address for them; default: none. */
  readonly entriesWithoutAddress?: () => number;
  /** Whether machines may have leases of a former leader that `leases` lacks; default: none has. */
  readonly mayLackLeases?: () => boolean;
  /** `networkOptions`, made once for each network; default: made for each reply. */
  readonly networkOptions?: (link: FullLink) => readonly Option[];
}

/** A request with everything that decides about it. */
interface Context extends Answer, AllocationContext {
  readonly recovering: boolean;
}

/**
 * A whole DHCP server for one link and the networks behind its relay agents (RFC 2131 4.3): pools,
 * reservations, leases by hardware address.
 *
 * @param plan what the policy has this machine boot; a refused machine gets an address all the same
 * @param node the machine's entry, null when none matches
 * @param nowMs milliseconds since the Unix epoch
 * @param style the offer style for the machine's firmware
 */
export function handleFull(
  request: DhcpRequest,
  plan: Plan,
  link: FullLink,
  node: NodeEntry | null,
  state: FullState,
  nowMs: number,
  style: OfferStyle = "direct",
): readonly Effect[] {
  const { mac } = request;
  if (request.packet.op !== BOOTREQUEST) return ignored("not a BOOTREQUEST");
  if (mac === "") return unserved(request, link, noHardwareAddress);
  const network = networkOf(request, link);
  if (network === null) return fromElsewhere(request, link);
  const { leases, offers, reservedFor } = state;
  // Written out: a spread into so many fields costs more than all that follows.
  const context: Context = {
    leases,
    offers,
    reservedFor,
    entriesWithoutAddress: state.entriesWithoutAddress?.() ?? 0,
    recovering: state.mayLackLeases?.() ?? false,
    request,
    plan,
    link: network,
    network: (state.networkOptions ?? networkOptions)(network),
    node,
    style,
    mac,
    relayAgent: relayAddresses(request),
    nowMs,
  };
  switch (request.messageType) {
    case MessageType.DISCOVER:
      return discover(context);
    case MessageType.REQUEST:
      return requested(context);
    case MessageType.DECLINE:
      return decline(context);
    case MessageType.RELEASE:
      return release(context);
    case MessageType.INFORM:
      return inform(context);
    default:
      return unanswered(request, link, "server");
  }
}

/** RFC 2131 4.3.1. */
function discover(context: Context): readonly Effect[] {
  const { request, plan, link } = context;
  const seen = [...discoverEvents(request, plan, link), ...refusalEvents(request, plan, link)];
  const free = addressToOffer(context, request.requestedAddress);
  const quarantined = free === null ? oldestQuarantine(context) : null;
  const address = free ?? quarantined?.address ?? null;
  const reserved = reservedAddress(context);
  const told = [...seen, ...reservationHeld(context, reserved, address)];
  if (address === null)
    return [...told, ...nothingToOffer(request, link, poolUse(context), reserved)];
  const reply = offerReply(context, address, leaseSecondsFor(context));
  const held = context.leases.at(address);
  // A machine that starts again keeps its lease until it takes up the offer; one that ends before does not hold it.
  const lasts = held?.state === "bound" && isActive(held, context.nowMs + OFFER_MS);
  const keeps = lasts && !context.recovering;
  return [
    ...told,
    ...(keeps ? [] : hold(context, address, quarantined === null)),
    ...(quarantined === null ? [] : endQuarantine(context, quarantined)),
    send(request, reply),
    ...offerEvents(request, plan, link, address, context.style),
  ];
}

/** The address is held for the machine. One that its machine declined only when a check finds it free by now; one that we found in use at once. */
function endQuarantine(context: Context, quarantine: Lease): readonly Effect[] {
  const { mac, nowMs, request, link } = context;
  const ended: Effect = { kind: "record", lease: { ...quarantine, expiresAtMs: nowMs } };
  if (quarantine.state !== "declined" && !context.recovering) return [ended];
  const { address } = quarantine;
  const event = { event: "address-in-use", ...machine(context, address) } as const;
  const inUse = leaseOf(context, address, "in-use", QUARANTINE_MS);
  const nothing = nothingToOffer(request, link, poolUse(context), reservedAddress(context));
  const unchecked: readonly Effect[] = [{ kind: "withdraw", mac, address }, ...nothing];
  const { recovering } = context;
  return [{ kind: "check", address, mac, quarantine: inUse, event, unchecked, recovering }, ended];
}

/** RFC 2131 4.3.1: before an address is offered anew, it is checked whether it is in use. */
function hold(context: Context, address: Ip4, mayCheck: boolean): readonly Effect[] {
  const { mac, nowMs, offers } = context;
  const network = context.link.subnet;
  const offer = { mac, address, network, untilMs: nowMs + OFFER_MS, known: isKnown(context) };
  const checked = offers.ofMachine(mac, network, nowMs)?.address === address;
  if ((checked && !context.recovering) || !mayCheck) return [{ kind: "offer", offer }];
  const event = { event: "address-in-use", ...machine(context, address) } as const;
  // A machine with a reserved address has no other: it finds out itself, and declines it if need be.
  const reserved = context.reservedFor(address) !== null;
  const quarantine = reserved ? null : leaseOf(context, address, "in-use", QUARANTINE_MS);
  const { recovering } = context;
  const unchecked = recovering ? ignored("its address is checked when it asks again") : null;
  return [
    { kind: "offer", offer },
    { kind: "check", address, mac, quarantine, event, unchecked, recovering },
  ];
}

/** RFC 2131 4.3.2: which kind of DHCPREQUEST it is follows from what is filled in. */
function requested(context: Context): readonly Effect[] {
  const { request, link } = context;
  // SELECTING: the client has chosen a server, and repeats what that offered.
  if (request.serverId !== null) {
    if (namesAnotherServer(request, link)) return takenElsewhere(context);
    const { ciaddr } = request.packet;
    const address = request.requestedAddress ?? (ciaddr === ANY_ADDRESS ? null : ciaddr);
    if (address === null) return requestsNoAddress(request, link);
    const refusal = refusalOf(context, address);
    return refusal === null ? acknowledge(context, address) : refuse(context, address, refusal);
  }
  // RENEWING and REBINDING have a `ciaddr`; INIT-REBOOT has none and names the address in option 50.
  const address = request.clientAddress ?? request.requestedAddress;
  if (address === null) return requestsNoAddress(request, link);
  // RFC 2131 4.3.2: a server that has no record of the client stays silent.
  if (mayBeOfAnotherServer(context)) return ignored("another server may know this machine");
  if (!subnetContains(link.subnet, address)) {
    return link.full.authoritative
      ? refuse(context, address, "this address is of another network")
      : ignored("it asks for an address of another network");
  }
  const refusal = refusalOf(context, address);
  if (refusal === null) return acknowledge(context, address);
  if (!context.recovering) return refuse(context, address, refusal);
  const first = recoverable(context, request.clientAddress, address);
  return first === null
    ? ignored("a former leader may know this lease, which is not known here")
    : [...first, ...acknowledge(context, address)];
}

/**
 * Whether a machine may have its address from another server: we have no record of it, and we are not
 * authoritative for every machine of the link, either because the configuration says so or because
 * there is no pool, only addresses for the machines that have an entry.
 */
function mayBeOfAnotherServer(context: Context): boolean {
  const { leases, link, mac } = context;
  if (leases.ofMachine(mac, link.subnet) !== null || reservedAddress(context) !== null)
    return false;
  return !link.full.authoritative || link.full.pools.length === 0;
}

/** Why the machine cannot have the address, or null when it can. */
function refusalOf(context: Context, address: Ip4): string | null {
  const own = ownAddress(context);
  if (own !== null) return own === address ? null : "another address is this machine's";
  return mayHave(context, address) ? null : "this address is not for this machine";
}

/** RFC 2131 4.3.2: the client took another server's offer, so ours is free again. */
function takenElsewhere(context: Context): readonly Effect[] {
  const { mac, offers, nowMs, request, link } = context;
  const offered = offers.ofMachine(mac, link.subnet, nowMs);
  const { serverId: server } = request;
  const withdrawn: readonly Effect[] =
    offered === null ? [] : [{ kind: "withdraw", mac, address: offered.address }];
  if (server === null) return [...withdrawn, ...ignored("addressed to another server")];
  // A relay agent may well forward to several servers.
  const competing = request.packet.giaddr === ANY_ADDRESS;
  const seen = { event: "other-dhcp-server", interface: link.interface, offered: null } as const;
  const taken = { event: "taken-elsewhere", mac, address: request.requestedAddress } as const;
  const by = { interface: link.interface, server, shared: false };
  return [
    ...withdrawn,
    ...(competing ? [{ kind: "event", event: { ...seen, server } } as const] : []),
    ...(wantsToBoot(request) ? [{ kind: "event", event: { ...taken, ...by } } as const] : []),
    ...ignored("addressed to another server"),
  ];
}

function acknowledge(context: Context, address: Ip4): readonly Effect[] {
  const { request } = context;
  const leaseSeconds = leaseSecondsFor(context);
  const event = { event: "lease-granted", ...machine(context, address), leaseSeconds } as const;
  return [
    record(context, address, "bound", leaseSeconds * 1000),
    send(request, acknowledgeReply(context, address, leaseSeconds)),
    { kind: "event", event },
  ];
}

function refuse(context: Context, address: Ip4, reason: string): readonly Effect[] {
  const event = { event: "lease-refused", ...machine(context, address), reason } as const;
  return [
    send(context.request, nakReply(context.request, context.link, reason)),
    { kind: "event", event },
  ];
}

/** RFC 2131 4.3.5: it has an address and wants the rest. */
function inform(context: Context): readonly Effect[] {
  const { ciaddr } = context.request.packet;
  if (ciaddr !== ANY_ADDRESS && !subnetContains(context.link.subnet, ciaddr)) {
    return informsElsewhere(context.request, context.link, ciaddr);
  }
  if (context.link.full.pools.length === 0 && context.node === null) {
    return refused(context.request, context.link, noAddressForMachine, {
      network: formatSubnet(context.link.subnet),
    });
  }
  return [send(context.request, informReply(context))];
}

function send(request: DhcpRequest, packet: DhcpPacket): Effect {
  return { kind: "send", packet, to: route(request, packet) };
}

function record(context: Context, address: Ip4, state: LeaseState, forMs: number): Effect {
  return { kind: "record", lease: leaseOf(context, address, state, forMs) };
}

function machine({ mac, link }: Context, address: Ip4 | null) {
  return { mac, address, interface: link.interface };
}
