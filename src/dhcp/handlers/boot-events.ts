import { architectureName, architectureOf } from "../../boot/architecture.ts";
import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { printable } from "../../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4 } from "../../lib/ip4.ts";
import type { PxeEvent } from "../../events/types.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "../link.ts";
import { BROADCAST_FLAG, MessageType } from "../wire/packet.ts";
import { bootFileOf, type BootPlan } from "../message/reply.ts";
import type { DhcpRequest } from "../message/request.ts";

/*
 * The events that a network boot client's requests raise, the same in mode proxy and mode full.
 */

/** Why an ordinary client hears nothing in proxy mode; also the sign that an operating system runs. */
export const NOT_A_BOOT_CLIENT = "not a network boot client";

export function ignored(reason: string): readonly Effect[] {
  return [{ kind: "ignore", reason }];
}

/** Why a client that has nothing to boot is ignored. */
export function reasonOf(request: DhcpRequest, plan: Extract<Plan, { kind: "none" }>): string {
  return request.client.transport === null ? NOT_A_BOOT_CLIENT : plan.reason;
}

/**
 * `discover` or `ipxe-discover` for a DHCPDISCOVER that `plan` answers with something to boot; nothing
 * for any other request.
 */
export function discoverEvents(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  if (request.messageType !== MessageType.DISCOVER || !boots(plan)) return [];
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
  const event = plan.kind === "script" ? "ipxe-discover" : "discover";
  return [{ kind: "event", event: { event, ...fields } }];
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

/** `dhcp-refused`, when the machine wants to boot and `plan` refuses. */
export function refusalEvents(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  if (plan.kind !== "refused") return [];
  const fields = { mac: macOf(request), address: null, interface: link.interface };
  const reason = printable(plan.reason, 512);
  return [{ kind: "event", event: { event: "dhcp-refused", ...fields, why: plan.why, reason } }];
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
