import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { addressEvents, ignored, nothingToBoot, offerEvents, unanswered } from "./boot-events.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "../link.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BOOTREQUEST, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import {
  type BootPlan,
  MENU_ITEM,
  nextServerOf,
  startReply,
  withBootSource,
  withClientAddress,
  withServerId,
  withServerName,
  withVendorClass,
  withVendorOption43,
} from "../message/reply.ts";
import { namesAnotherServer, serverIdFor } from "../message/relay.ts";
import { withinLimit } from "../message/message-size.ts";
import type { DhcpRequest } from "../message/request.ts";
import { routeFromBootServer } from "../message/destination.ts";
import {
  type PxeBootItem,
  pxeVendorOptions,
  readPxeVendorOptions,
} from "../wire/vendor-options.ts";

/** PXE 2.1, table 2-1: the type of a boot item that means "the bootstrap server". */
const BOOTSTRAP = 0;

/**
 * A boot server on port 4011 (PXE 2.1, 2.2.4). Firmware asks here when the offer told it to, when it
 * disregards 43.6, or when the site's server sent option 60; iPXE when an offer lacked something. The
 * answer goes back to the source port (EDK2 listens on 4011, iPXE on 68) and must leave from 4011.
 *
 * @param plan what the policy has this machine boot, the same as on port 67
 * @param style the style of the offer on port 67
 */
export function handleBootServer(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle = "boot-server",
): readonly Effect[] {
  if (request.packet.op !== BOOTREQUEST) return ignored("not a BOOTREQUEST");
  const { messageType } = request;
  if (messageType !== MessageType.REQUEST && messageType !== MessageType.INFORM) {
    return unanswered(request, link, "boot server");
  }
  // UEFI HTTP boot knows no boot servers: an answer here would only mislead a PXE client.
  if (request.client.transport === "http") {
    return unanswered(request, link, "boot server");
  }
  if (plan.kind === "none") return nothingToBoot(request, plan, link);
  // A client may copy option 54 of the server that gave it its address: asked at our address, we are
  // meant. What it asks of everybody who listens is for the one that it names.
  if (request.source.isBroadcast === true && namesAnotherServer(request, link)) {
    return ignored("addressed to another server");
  }
  const item = bootItemOf(request);
  if (item !== null && !isOurs(item)) return ignored("a boot item that is not ours");
  if (plan.kind === "refused") return nothingToBoot(request, plan, link);
  const reply = bootServerReply(request, plan, link, item);
  return [
    ...addressEvents(request, link),
    { kind: "send", packet: reply, to: routeFromBootServer(request) },
    ...offerEvents(request, plan, link, null, style),
  ];
}

/**
 * A boot server's acknowledgement. `siaddr` and the boot file are what iPXE waits for, option 60 too.
 * Option 43 only gives back the boot item: with discovery control in it, firmware that came here
 * because it disregards that would start over.
 */
export function bootServerReply(
  request: DhcpRequest,
  plan: BootPlan,
  link: Link,
  item: PxeBootItem | null,
): DhcpPacket {
  const steps = [
    (to: DhcpPacket) => withClientAddress(to, request),
    (to: DhcpPacket) => withServerId(to, serverIdFor(request, link)),
    (to: DhcpPacket) => withServerName(to, nextServerOf(plan, link)),
    (to: DhcpPacket) => withVendorClass(to, request),
    (to: DhcpPacket) => withBootSource(to, request, plan, link),
    (to: DhcpPacket) =>
      item === null ? to : withVendorOption43(to, pxeVendorOptions({ bootItem: item })),
  ];
  const reply = steps.reduce((to, step) => step(to), startReply(request, MessageType.ACK));
  return withinLimit(reply, request);
}

/** The boot item (43.71) that a client asks for; null when it names none or its option 43 is malformed. */
export function bootItemOf(request: DhcpRequest): PxeBootItem | null {
  const value = request.packet.options.get(OptionCode.VENDOR_SPECIFIC);
  if (value === undefined) return null;
  return decodedOrNull(() => readPxeVendorOptions(value).bootItem);
}

/** Whether a client asks for what we serve: the bootstrap, or the one item of our menu. */
export function isOurs(item: PxeBootItem): boolean {
  return item.type === BOOTSTRAP || item.type === MENU_ITEM;
}
