import { architectureName, architectureOf } from "../../boot/architecture.ts";
import { NOT_A_BOOT_CLIENT, type Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { printable } from "../../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { PxeEvent } from "../../events/types.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "../link.ts";
import { BROADCAST_FLAG } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import {
  damagedRequest,
  noLoaderFits,
  type Refusal,
  unansweredMessage,
  unknownVendorClass,
} from "../../boot/refusals.ts";
import { machineDenied } from "../../boot/causes.ts";
import { filledIn, type Values } from "../../lib/finding.ts";
import { bootFileOf, type BootPlan } from "../message/reply.ts";
import type { DhcpRequest } from "../message/request.ts";

/*
 * The events that a network boot client's requests raise, the same in mode proxy and mode full.
 */

/** Message types to which a client expects an answer; 0 is BOOTP, which has none. */
const questions: ReadonlySet<number> = new Set([
  0,
  MessageType.DISCOVER,
  MessageType.REQUEST,
  MessageType.INFORM,
]);

export function ignored(reason: string): readonly Effect[] {
  return [{ kind: "ignore", reason }];
}

/** Whether its machine waits for something to boot; of an unknown class it does when it asks anew. */
export function wantsToBoot({ client, messageType }: DhcpRequest): boolean {
  const asks = client.unknownClass && messageType === MessageType.DISCOVER;
  return client.transport !== null || asks;
}

/** What becomes of a request that `plan` gives nothing to boot, where no address is leased either. */
export function nothingToBoot(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  const refusals = refusalEvents(request, plan, link);
  if (request.client.transport !== null)
    return [...discoverEvents(request, plan, link), ...refusals];
  return refusals.length > 0 ? refusals : ignored(NOT_A_BOOT_CLIENT);
}

/**
 * `discover` or `ipxe-discover` for a network boot client's DHCPDISCOVER, whatever becomes of it; nothing
 * for any other request.
 */
export function discoverEvents(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  if (request.messageType !== MessageType.DISCOVER || request.client.transport === null) return [];
  const { client, packet } = request;
  const known = client.architectures.find((code) => architectureOf(code) !== null);
  const fields = {
    mac: macOf(request),
    address: null,
    interface: link.interface,
    architecture: architectureName(known ?? client.architectures[0] ?? null),
    firmware: printable(client.vendorClass),
    uuid: client.uuid,
    broadcast: (packet.flags & BROADCAST_FLAG) !== 0 && packet.giaddr === ANY_ADDRESS,
    userClass: client.userClasses.length === 0 ? null : printable(client.userClasses.join(" ")),
  };
  const isIpxe = plan.kind === "script" || (plan.kind !== "loader" && client.ipxe);
  const event: PxeEvent = isIpxe
    ? { event: "ipxe-discover", ...fields }
    : { event: "discover", ...fields, secs: packet.secs };
  return [{ kind: "event", event }];
}

/** `offer` or `ipxe-offer`: what the machine was told to boot; nothing when `plan` boots nothing. */
export function offerEvents(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  address: Ip4 | null,
  style: OfferStyle,
): readonly Effect[] {
  if (!boots(plan)) return [];
  const boot = printable(bootFileOf(plan), 512);
  const fields = { mac: macOf(request), address, interface: link.interface, boots: boot };
  const event: PxeEvent =
    plan.kind === "script"
      ? { event: "ipxe-offer", ...fields }
      : { event: "offer", ...fields, way: style };
  return [{ kind: "event", event }];
}

/**
 * Why `plan` gives a network boot client nothing to boot, and what announces an architecture without being
 * one that is known; nothing when it does, and for other clients.
 */
export function refusalEvents(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  const { client, messageType } = request;
  if (plan.kind === "none" && plan.why === "unknown-class") {
    if (messageType !== MessageType.DISCOVER) return [];
    const event = refusal(macOf(request), link, unknownVendorClass, announced(request));
    return [{ kind: "event", event }];
  }
  if (client.transport === null || boots(plan)) return [];
  if (plan.kind === "none") return refused(request, link, damagedRequest, { fault: plan.reason });
  if (plan.why === "denied") return refused(request, link, machineDenied, { reason: plan.reason });
  return refused(request, link, noLoaderFits, announced(request));
}

/** What `noLoaderFits` names. */
export function announced({ client }: DhcpRequest): Values {
  const architectures = client.architectures.join(", ") || "nothing";
  return { architectures, vendorClass: client.vendorClass };
}

/** A request that is not answered for this reason: `dhcp-refused` where its machine wants to boot. */
export function refused(
  request: DhcpRequest,
  link: Link,
  why: Refusal,
  values: Values = {},
): readonly Effect[] {
  const event = refusal(macOf(request), link, why, values);
  return wantsToBoot(request) ? [{ kind: "event", event }] : ignored(event.reason);
}

/** `dhcp-refused` of a machine that wants to boot. */
export function refusal(mac: Mac | null, link: Link, why: Refusal, values: Values) {
  const names = { mac: mac ?? "this machine", interface: link.interface, ...values };
  const { cause, remedy } = filledIn(why, names);
  return {
    event: "dhcp-refused",
    mac,
    address: null,
    interface: link.interface,
    why: why.code,
    reason: printable(cause, 512),
    remedy: printable(remedy, 512),
  } as const;
}

/** The same where nothing was said of the request yet. */
export function unserved(
  request: DhcpRequest,
  link: Link,
  why: Refusal,
  values: Values = {},
): readonly Effect[] {
  return [
    ...discoverEvents(request, { kind: "none", reason: "" }, link),
    ...refused(request, link, why, values),
  ];
}

/** A message that has no answer: `dhcp-refused` where its machine may be waiting for one. */
export function unanswered(
  request: DhcpRequest,
  link: Link,
  role: "proxy" | "server" | "boot server",
): readonly Effect[] {
  const { messageType: type, client } = request;
  if (!questions.has(type)) return ignored(`message type ${type} is not for a ${role}`);
  const name = client.transport === "http" ? "UEFI HTTP boot" : "PXE";
  return unserved(request, link, unansweredMessage, { role, type, client: name });
}

/**
 * `address-learned`, when a DHCPREQUEST tells which address its sender has or is about to have. A
 * DHCPDISCOVER tells nothing: its option 50 is a wish, perhaps for what is another machine's by now.
 */
export function addressEvents(request: DhcpRequest, link: Link): readonly Effect[] {
  const address = request.requestedAddress ?? request.clientAddress;
  const mac = macOf(request);
  if (request.messageType !== MessageType.REQUEST || address === null || mac === null) return [];
  const event = { event: "address-learned", mac, address, interface: link.interface } as const;
  return [{ kind: "event", event }];
}

function boots(plan: Plan): plan is BootPlan {
  return plan.kind === "loader" || plan.kind === "script";
}

function macOf(request: DhcpRequest): string | null {
  return request.mac === "" ? null : request.mac;
}
