import { NOT_A_BOOT_CLIENT, type Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import {
  addressEvents,
  discoverEvents,
  ignored,
  offerEvents,
  nothingToBoot,
  unanswered,
} from "./boot-events.ts";
import { bootItemOf, bootServerReply, isOurs } from "./boot-server.ts";
import type { Effect } from "./effects.ts";
import type { Link } from "../link.ts";
import { BOOTREQUEST, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import {
  type BootPlan,
  startReply,
  withBroadcastFlag,
  withNetboot,
  withServerId,
} from "../message/reply.ts";
import { namesAnotherServer, serverIdFor } from "../message/relay.ts";
import { withinLimit } from "../message/message-size.ts";
import type { DhcpRequest } from "../message/request.ts";
import { route } from "../message/destination.ts";

/**
 * Proxy DHCP on port 67 (PXE 2.1, 2.2.3): boot information beside the site's own server, never an
 * address. Only network boot clients are answered; from the others' requests, which are broadcast, it
 * learns which machine has which address.
 *
 * @param plan what the policy has this machine boot
 * @param link a link in mode proxy; its `address` is our server identifier, TFTP and HTTP address
 * @param style the offer style for the machine's firmware
 */
export function handleProxy(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle = "direct",
): readonly Effect[] {
  if (request.packet.op !== BOOTREQUEST) return ignored("not a BOOTREQUEST");
  switch (request.messageType) {
    case MessageType.DISCOVER:
      return answer(request, plan, link, style, (booting) =>
        proxyReply(request, booting, link, style, MessageType.OFFER),
      );
    case MessageType.REQUEST:
      return [...addressEvents(request, link), ...handleRequest(request, plan, link, style)];
    default:
      return unanswered(request, link, "proxy");
  }
}

function handleRequest(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle,
): readonly Effect[] {
  if (request.client.transport === null) return ignored(NOT_A_BOOT_CLIENT);
  if (namesAnotherServer(request, link)) return ignored("addressed to another server");
  const item = bootItemOf(request);
  if (item !== null && !isOurs(item)) return ignored("a boot item that is not ours");
  // PXE 2.1, 2.2.4: a client looks for boot servers by broadcast with a boot item and no server
  // identifier. RFC 2131 4.3.2: others without one mean the server that leased their address.
  if (request.serverId === null && item === null) return ignored("addressed to no server");
  return answer(request, plan, link, style, (booting) =>
    item === null
      ? proxyReply(request, booting, link, style, MessageType.ACK)
      : withBroadcastFlag(bootServerReply(request, booting, link, item), request),
  );
}

function answer(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle,
  replyFor: (plan: BootPlan) => DhcpPacket,
): readonly Effect[] {
  if (plan.kind === "none" || plan.kind === "refused") return nothingToBoot(request, plan, link);
  const reply = replyFor(plan);
  return [
    ...discoverEvents(request, plan, link),
    { kind: "send", packet: reply, to: route(request, reply) },
    ...offerEvents(request, plan, link, null, style),
  ];
}

function proxyReply(
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle,
  messageType: number,
): DhcpPacket {
  const reply = withServerId(startReply(request, messageType), serverIdFor(request, link));
  const whole = withNetboot(reply, request, plan, link, style);
  return withinLimit(withBroadcastFlag(whole, request), request);
}
