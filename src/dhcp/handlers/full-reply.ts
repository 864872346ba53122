import type { NodeEntry } from "../../boot/node.ts";
import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { concat, fromText, toText } from "../../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4, ip4ToBytes, parseIp4 } from "../../lib/ip4.ts";
import { advertisedAddress, type FullLink } from "../link.ts";
import { leaseTimeOptions } from "./lease-time.ts";
import {
  nodeOptions,
  type Option,
  withDefaultRoute,
  withDefaultSearch,
  withOptions,
} from "./network-options.ts";
import { withinLimit } from "../message/message-size.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { type DhcpPacket, MAX_FILE_BYTES } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import {
  startReply,
  withBroadcastFlag,
  withClientAddress,
  withNetboot,
  withOption,
  withServerId,
} from "../message/reply.ts";
import { serverIdFor } from "../message/relay.ts";
import type { DhcpRequest } from "../message/request.ts";

/* The replies of mode full. */

/** Whom and what a reply of mode full is about. */
export interface Answer {
  readonly request: DhcpRequest;
  readonly plan: Plan;
  readonly link: FullLink;
  /** What is said of its network. */
  readonly network: readonly Option[];
  readonly node: NodeEntry | null;
  /** The offer style for the machine's firmware. */
  readonly style: OfferStyle;
}

/** DHCPOFFER of an address for some seconds. */
export function offerReply(answer: Answer, address: Ip4, leaseSeconds: number): DhcpPacket {
  const reply = startReply(answer.request, MessageType.OFFER);
  return withSettings({ ...reply, yiaddr: address }, answer, leaseTimeOptions(leaseSeconds));
}

/** DHCPACK for an address; it gives back the `ciaddr` of a client that renews. */
export function acknowledgeReply(answer: Answer, address: Ip4, leaseSeconds: number): DhcpPacket {
  const reply = withClientAddress(startReply(answer.request, MessageType.ACK), answer.request);
  return withSettings({ ...reply, yiaddr: address }, answer, leaseTimeOptions(leaseSeconds));
}

/** DHCPACK for a DHCPINFORM: RFC 2131 4.3.5 forbids `yiaddr` and lease times. */
export function informReply(answer: Answer): DhcpPacket {
  const { request } = answer;
  const reply = withClientAddress(startReply(request, MessageType.ACK), request);
  return withSettings(withBroadcastFlag(reply, request), answer);
}

/** DHCPNAK, which has no settings, only a reason (RFC 2131 4.3.1, table 3). */
export function nakReply(request: DhcpRequest, link: FullLink, reason: string): DhcpPacket {
  const reply = withServerId(startReply(request, MessageType.NAK), serverIdFor(request, link));
  const explained = withOption(reply, OptionCode.MESSAGE, fromText(reason));
  // RFC 2131 4.3.2: the relay is to broadcast it, since the client may not have the right address.
  const relayed = request.packet.giaddr !== ANY_ADDRESS;
  return relayed ? withBroadcastFlag(explained, request) : explained;
}

/** Everything that configuration and policy say, behind what the lease says: the network, then what to boot, and last the node. */
function withSettings(
  reply: DhcpPacket,
  answer: Answer,
  leased: readonly Option[] = [],
): DhcpPacket {
  const { request, plan, link, network, node, style } = answer;
  const serverId: Option = [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(serverIdFor(request, link))];
  const placed = withOptions(reply, [...leased, serverId, ...network]);
  const booting = withNetboot(placed, request, plan, link, style);
  const named = withOptions(booting, nodeOptions(link, node));
  const routed = withDefaultRoute(withDefaultSearch(named, node));
  return withinLimit(withOwnBootFile(routed, answer), request);
}

/**
 * A node's own options 66 and 67 hold for firmware that reads the header, too, and 67 ends with NUL as
 * ours does. Discovery control is about our boot file: beside another one it is left out, as SMEE does.
 */
function withOwnBootFile(reply: DhcpPacket, { node, plan, link }: Answer): DhcpPacket {
  const own = (code: number): Uint8Array | null =>
    node?.options.find((option) => option.code === code)?.value ?? null;
  const server = own(OptionCode.TFTP_SERVER_NAME);
  const file = own(OptionCode.BOOTFILE_NAME);
  if (server === null && file === null) return reply;
  const options = new Map(reply.options);
  const discovers = plan.kind === "loader" || plan.kind === "script";
  if (discovers && own(OptionCode.VENDOR_SPECIFIC) === null) {
    options.delete(OptionCode.VENDOR_SPECIFIC);
  }
  const siaddr = parseIp4(toText(server ?? new Uint8Array())) ?? advertisedAddress(link);
  const served = { ...reply, options, siaddr };
  if (file === null) return served;
  const name = toText(file);
  options.set(
    OptionCode.BOOTFILE_NAME,
    file.at(-1) === 0 ? file : concat([file, Uint8Array.of(0)]),
  );
  return { ...served, file: name.length <= MAX_FILE_BYTES ? name : "" };
}
