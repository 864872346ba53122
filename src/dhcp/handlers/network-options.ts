import type { NodeEntry } from "../../boot/node.ts";
import { concat, fromText } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import {
  ANY_ADDRESS,
  broadcastOf,
  type Ip4,
  ip4FromBytes,
  ip4ToBytes,
  netmaskOf,
  prefixLengthOf,
  subnetContains,
  subnetOf,
} from "../../lib/ip4.ts";
import type { FixedOption, FullLink, FullSettings } from "../link.ts";
import { encodeRoutes } from "../wire/classless-routes.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { decodeOption, encodeOption } from "../wire/options.ts";
import type { DhcpPacket } from "../wire/packet.ts";

/*
 * What a machine needs to use its network. One order holds for all of it: what a machine's own entry says
 * wins over its network (the one behind the relay agent, or else the link), and in each of the two an option
 * by number wins over a key. An empty list says "none".
 */

export type Option = readonly [code: number, value: Uint8Array];

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

/** The reply with these options; an empty value takes one away: old ROMs drop replies with empty options. */
export function withOptions(reply: DhcpPacket, options: readonly Option[]): DhcpPacket {
  if (options.length === 0) return reply;
  // One copy for all of them.
  const changed = new Map(reply.options);
  for (const [code, value] of options) {
    if (value.length === 0) changed.delete(code);
    else changed.set(code, value);
  }
  return { ...reply, options: changed };
}

/** Options by number, without those that the server computes. */
export function configured(options: readonly FixedOption[]): readonly Option[] {
  return options
    .filter(({ code }) => !ownOptions.has(code))
    .map(({ code, value }): Option => [code, value]);
}

/** What is said of the network: `link` is the one that the machine is in. */
export function networkOptions(link: FullLink): readonly Option[] {
  const { full, subnet } = link;
  return [
    [OptionCode.SUBNET_MASK, ip4ToBytes(netmaskOf(subnet))],
    [OptionCode.ROUTER, addresses(full.router)],
    [OptionCode.DOMAIN_NAME_SERVER, addresses(full.dns)],
    [OptionCode.LOG_SERVER, addresses(full.logServers)],
    [OptionCode.DOMAIN_NAME, fromText(full.domain ?? "")],
    [OptionCode.BROADCAST_ADDRESS, ip4ToBytes(broadcastOf(subnet))],
    [OptionCode.NTP_SERVERS, addresses(full.ntp)],
    ...said(OptionCode.DOMAIN_SEARCH, filled(full.domainSearch ?? []), searchList),
    ...configured(full.options),
  ];
}

/** The same, encoded once for each network that is served. */
export function rememberedNetworkOptions(): (link: FullLink) => readonly Option[] {
  const known = new WeakMap<FullSettings, readonly Option[]>();
  return (link) => {
    // Settings are of one network.
    const options = known.get(link.full) ?? networkOptions(link);
    known.set(link.full, options);
    return options;
  };
}

/** What the machine's entry says; nothing of what it does not. */
export function nodeOptions(link: FullLink, node: NodeEntry | null): readonly Option[] {
  if (node === null) return [];
  return [
    ...(isHome(link, node) ? addressOptions(node) : []),
    ...said(OptionCode.DOMAIN_NAME_SERVER, node.dns, addresses),
    ...said(OptionCode.HOST_NAME, node.name, fromText),
    ...said(OptionCode.DOMAIN_NAME, node.domain, fromText),
    ...said(OptionCode.NTP_SERVERS, node.ntp, addresses),
    ...said(OptionCode.DOMAIN_SEARCH, filled(node.domainSearch), searchList),
    ...configured(node.options),
  ];
}

/** What goes with the entry's own address. */
function addressOptions(node: NodeEntry): readonly Option[] {
  return [
    ...said(OptionCode.SUBNET_MASK, node.netmask, ip4ToBytes),
    ...said(OptionCode.ROUTER, node.router, addresses),
    ...said(OptionCode.BROADCAST_ADDRESS, node.broadcast ?? broadcastIn(node), ip4ToBytes),
    ...said(OptionCode.CLASSLESS_STATIC_ROUTE, filled(node.routes), encodeRoutes),
  ];
}

/** An entry with an address of another network describes that network, where the machine is not now. */
function isHome(link: FullLink, { address }: NodeEntry): boolean {
  return address === null || subnetContains(link.subnet, address);
}

/** The broadcast address of an entry with a netmask of its own. */
function broadcastIn({ address, netmask }: NodeEntry): Ip4 | null {
  const length = netmask === null ? null : prefixLengthOf(netmask);
  return address === null || length === null ? null : broadcastOf(subnetOf(address, length));
}

function said<T>(
  code: number,
  value: T | null,
  encode: (value: T) => Uint8Array,
): readonly Option[] {
  return value === null ? [] : [[code, encode(value)]];
}

/** Lists of the entry that say nothing when they are empty. */
function filled<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function addresses(list: readonly Ip4[]): Uint8Array {
  return concat(list.map(ip4ToBytes));
}

function searchList(domains: readonly string[]): Uint8Array {
  return encodeOption(OptionCode.DOMAIN_SEARCH, { type: "domains", value: domains });
}

/** Where nobody names a search list, an entry's own domain is that, as SMEE has it. */
export function withDefaultSearch(reply: DhcpPacket, node: NodeEntry | null): DhcpPacket {
  const domain = node?.domain ?? null;
  if (domain === null || reply.options.has(OptionCode.DOMAIN_SEARCH)) return reply;
  return withOptions(reply, [[OptionCode.DOMAIN_SEARCH, searchList([domain])]]);
}

/**
 * RFC 3442: a client that knows option 121 disregards option 3, so the default route is in both, wherever
 * either of them comes from. Routes that cannot be read stay as they are.
 */
export function withDefaultRoute(reply: DhcpPacket): DhcpPacket {
  const code = OptionCode.CLASSLESS_STATIC_ROUTE;
  const routers = reply.options.get(OptionCode.ROUTER);
  const routes = reply.options.get(code);
  if (routers === undefined || routers.length < 4 || routes === undefined) return reply;
  const read = decodedOrNull(() => decodeOption(code, routes));
  if (read?.type !== "routes") return reply;
  if (read.value.some(({ prefixLength }) => prefixLength === 0)) return reply;
  const byDefault = { network: ANY_ADDRESS, prefixLength: 0, via: ip4FromBytes(routers) };
  return withOptions(reply, [[code, concat([routes, encodeRoutes([byDefault])])]]);
}
