import type { NodeEntry } from "../../boot/node.ts";
import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { concat, fromText, toText } from "../../lib/bytes.ts";
import {
  ANY_ADDRESS,
  broadcastOf,
  type Ip4,
  ip4ToBytes,
  netmaskOf,
  parseIp4,
  prefixLengthOf,
  subnetContains,
  subnetOf,
} from "../../lib/ip4.ts";
import type { FullLink } from "../link.ts";
import { leaseTimeOptions } from "./lease-time.ts";
import { withinLimit } from "../message/message-size.ts";
import { encodeOption } from "../wire/options.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { type DhcpPacket, MAX_FILE_BYTES, MessageType } from "../wire/packet.ts";
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
  readonly node: NodeEntry | null;
  /** The offer style for the machine's firmware. */
  readonly style: OfferStyle;
}

/** Options that belong to the protocol: the configuration cannot set them. */
const ownOptions: ReadonlySet<number> = new Set([
  OptionCode.REQUESTED_ADDRESS,
  OptionCode.LEASE_TIME,
  OptionCode.MESSAGE_TYPE,
  OptionCode.SERVER_IDENTIFIER,
  OptionCode.RENEWAL_TIME,
  OptionCode.REBINDING_TIME,
  OptionCode.CLIENT_IDENTIFIER,
  OptionCode.RELAY_AGENT_INFORMATION,
]);

/** DHCPOFFER of an address for some seconds. */
export function offerReply(answer: Answer, address: Ip4, leaseSeconds: number): DhcpPacket {
  const reply = startReply(answer.request, MessageType.OFFER);
  return withSettings(withLease({ ...reply, yiaddr: address }, leaseSeconds), answer);
}

/** DHCPACK for an address; it gives back the `ciaddr` of a client that renews. */
export function acknowledgeReply(answer: Answer, address: Ip4, leaseSeconds: number): DhcpPacket {
  const reply = withClientAddress(startReply(answer.request, MessageType.ACK), answer.request);
  return withSettings(withLease({ ...reply, yiaddr: address }, leaseSeconds), answer);
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

function withLease(reply: DhcpPacket, leaseSeconds: number): DhcpPacket {
  return withOptions(reply, leaseTimeOptions(leaseSeconds));
}

/** Everything that configuration and policy say: the link, then what to boot, and last the node. */
function withSettings(reply: DhcpPacket, answer: Answer): DhcpPacket {
  const { request, plan, link, node, style } = answer;
  const serverId: Option = [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(serverIdFor(request, link))];
  const network = [serverId, ...networkOptions(link, node), ...configured(link.full.options)];
  const steps = [
    (to: DhcpPacket) => withOptions(to, network),
    (to: DhcpPacket) => withNetboot(to, request, plan, link, style),
    (to: DhcpPacket) => withOwnBootFile(withOptions(to, configured(node?.options ?? [])), answer),
  ];
  return withinLimit(
    steps.reduce((to, step) => step(to), reply),
    request,
  );
}

type Option = readonly [code: number, value: Uint8Array];

function withOptions(reply: DhcpPacket, options: readonly Option[]): DhcpPacket {
  // One copy for all of them; empty values are left out, as in `withOption`.
  const filled = options.filter(([, value]) => value.length > 0);
  return filled.length === 0
    ? reply
    : { ...reply, options: new Map([...reply.options, ...filled]) };
}

function configured(options: NodeEntry["options"]): readonly Option[] {
  return options
    .filter(({ code }) => !ownOptions.has(code))
    .map(({ code, value }): Option => [code, value]);
}

/** What a machine needs to use the network; its own entry wins over the link. */
function networkOptions(link: FullLink, node: NodeEntry | null): readonly Option[] {
  const { full } = link;
  const home = isHome(link, node) ? node : null;
  const netmask = home?.netmask ?? netmaskOf(link.subnet);
  const subnet = subnetOf(
    home?.address ?? link.subnet.network,
    prefixLengthOf(netmask) ?? link.subnet.prefixLength,
  );
  const router = home?.router ?? full.router;
  return [
    [OptionCode.SUBNET_MASK, ip4ToBytes(netmask)],
    [OptionCode.ROUTER, addresses(router)],
    [OptionCode.DOMAIN_NAME_SERVER, addresses(node?.dns ?? full.dns)],
    [OptionCode.LOG_SERVER, addresses(full.logServers)],
    [OptionCode.HOST_NAME, fromText(node?.name ?? "")],
    [OptionCode.DOMAIN_NAME, fromText(node?.domain ?? full.domain ?? "")],
    [OptionCode.BROADCAST_ADDRESS, ip4ToBytes(home?.broadcast ?? broadcastOf(subnet))],
    [OptionCode.NTP_SERVERS, addresses(node?.ntp ?? full.ntp)],
    [OptionCode.DOMAIN_SEARCH, searchList(node)],
    [OptionCode.CLASSLESS_STATIC_ROUTE, routes(home, router[0])],
  ];
}

/** An entry with an address of another network describes that network, where the machine is not now. */
function isHome(link: FullLink, node: NodeEntry | null): boolean {
  const address = node?.address ?? null;
  return address === null || subnetContains(link.subnet, address);
}

function addresses(list: readonly Ip4[]): Uint8Array {
  return concat(list.map(ip4ToBytes));
}

/** The entry's own list, else its domain, as SMEE has it. */
function searchList(node: NodeEntry | null): Uint8Array {
  const domain = node?.domain ?? null;
  const own = node?.domainSearch ?? [];
  const value = own.length > 0 || domain === null ? own : [domain];
  return encodeOption(OptionCode.DOMAIN_SEARCH, { type: "domains", value });
}

/** RFC 3442: a client that knows option 121 disregards option 3, so the default route is in both. */
function routes(node: NodeEntry | null, router: Ip4 | undefined): Uint8Array {
  if (node === null || node.routes.length === 0) return new Uint8Array();
  const has = node.routes.some(({ prefixLength }) => prefixLength === 0);
  const byDefault =
    router === undefined || has ? [] : [{ network: ANY_ADDRESS, prefixLength: 0, via: router }];
  return encodeOption(OptionCode.CLASSLESS_STATIC_ROUTE, {
    type: "routes",
    value: [...node.routes, ...byDefault],
  });
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
  const siaddr = parseIp4(toText(server ?? new Uint8Array())) ?? link.address;
  const served = { ...reply, options, siaddr };
  if (file === null) return served;
  const name = toText(file);
  options.set(
    OptionCode.BOOTFILE_NAME,
    file.at(-1) === 0 ? file : concat([file, Uint8Array.of(0)]),
  );
  return { ...served, file: name.length <= MAX_FILE_BYTES ? name : "" };
}
