import type { NodeEntry } from "../../boot/node.ts";
import { isSmeeRaspberryPi, type SmeeFlavour } from "../../boot/smee-layout.ts";
import { type TraceContext, traceparentBytes } from "../../boot/trace-context.ts";
import { concat, fromText, toText, u32 } from "../../lib/bytes.ts";
import {
  ANY_ADDRESS,
  broadcastOf,
  type Ip4,
  ip4ToBytes,
  prefixLengthOf,
  subnetOf,
} from "../../lib/ip4.ts";
import { advertisedAddress, type Link, tftpAddress } from "../link.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { encodeOption } from "../wire/options.ts";
import { type DhcpPacket, MAX_FILE_BYTES } from "../wire/packet.ts";
import { startReply, withClientId, withOption, withRelayInformation } from "../message/reply.ts";
import type { DhcpRequest } from "../message/request.ts";
import { buildSubOptions, pxeVendorOptions } from "../wire/vendor-options.ts";

/* SMEE's replies, as its builders put them together. */

/** What a machine is told to boot, as SMEE decides it. */
export interface SmeeBoot {
  /** The header's `file`. */
  readonly file: string;
  /** The loader or script is really named; otherwise `file` says that it is not allowed. */
  readonly allowed: boolean;
  /** The trace that the offer belongs to. */
  readonly trace: TraceContext | null;
}

/** What of the settings a reservation's reply depends on. */
export interface ReservationSettings {
  readonly flavour: SmeeFlavour;
  readonly dnsDefaults?: boolean;
}

/** Who serves what the machine is told to boot. */
export function nextServer({ client }: DhcpRequest, link: Link): Ip4 {
  return client.transport === "http" ? advertisedAddress(link) : tftpAddress(link);
}

/** In proxy and auto-proxy: eight options and nothing of the machine's entry. */
export function smeeProxyReply(
  request: DhcpRequest,
  messageType: number,
  address: Ip4,
  boot: SmeeBoot,
): DhcpPacket {
  const http = request.client.transport === "http";
  const machineId = request.packet.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER);
  const reply = withOption(
    {
      ...startReply(request, messageType),
      siaddr: address,
      sname: address,
      file: cut(fromText(boot.file)),
    },
    OptionCode.SERVER_IDENTIFIER,
    ip4ToBytes(address),
  );
  const options = new Map(reply.options)
    .set(OptionCode.VENDOR_SPECIFIC, discovery(request))
    .set(OptionCode.VENDOR_CLASS_IDENTIFIER, fromText(http ? "HTTPClient" : "PXEClient"))
    // Even without one in the request: then with no bytes.
    .set(OptionCode.CLIENT_MACHINE_IDENTIFIER, machineId ?? new Uint8Array());
  return { ...reply, options };
}

/**
 * In reservation: all that the machine's entry says, asked for or not; for network boot clients also
 * what to boot.
 *
 * @param boot null when the client is no valid network boot client
 */
export function smeeReservationReply(
  request: DhcpRequest,
  messageType: number,
  node: NodeEntry,
  link: Link,
  settings: ReservationSettings,
  boot: SmeeBoot | null,
): DhcpPacket {
  const start: DhcpPacket = {
    ...startReply(request, messageType),
    // SMEE turns the operation round, whatever it was.
    op: request.packet.op === 1 ? 2 : 1,
    yiaddr: node.address ?? ANY_ADDRESS,
    siaddr: advertisedAddress(link),
  };
  const settled = networkOptions(node, link, settings).reduce(
    (reply, [code, value]) => withOption(reply, code, value),
    start,
  );
  const named = settings.flavour === "smee" ? withBootFileOptions(settled, node) : settled;
  const reply =
    named === settled && boot !== null ? withNetboot(settled, request, link, boot) : named;
  return withRelayInformation(withClientId(reply, request), request);
}

function networkOptions(
  node: NodeEntry,
  link: Link,
  { flavour, dnsDefaults = false }: ReservationSettings,
): readonly (readonly [number, Uint8Array])[] {
  const full = link.mode === "full" ? link.full : null;
  const logServers = full?.logServers ?? [];
  const current = flavour === "smee";
  const own = current ? (node.domain === null ? [] : [node.domain]) : node.domainSearch;
  const searched = dnsDefaults && node.domainSearch.length > 0 ? node.domainSearch : own;
  const domains = filled(searched, dnsDefaults ? full?.domainSearch : undefined);
  const nameServers = filled(node.dns ?? [], dnsDefaults ? full?.dns : undefined);
  const broadcast = node.broadcast ?? (current ? computedBroadcast(node) : null);
  const extra = node.options
    .filter(({ code }) => code !== OptionCode.TFTP_SERVER_NAME && code !== OptionCode.BOOTFILE_NAME)
    .map(({ code, value }) => [code, value] as const);
  return [
    ...extra,
    [OptionCode.SUBNET_MASK, addresses(node.netmask === null ? [] : [node.netmask])],
    [OptionCode.ROUTER, addresses(node.router?.slice(0, 1) ?? [])],
    [OptionCode.DOMAIN_NAME_SERVER, addresses(nameServers)],
    // SMEE takes itself for the log server unless it is told another one.
    [OptionCode.LOG_SERVER, addresses([logServers[0] ?? advertisedAddress(link)])],
    [OptionCode.HOST_NAME, fromText(node.name ?? "")],
    [OptionCode.DOMAIN_NAME, fromText(node.domain ?? "")],
    [OptionCode.BROADCAST_ADDRESS, addresses(broadcast === null ? [] : [broadcast])],
    [OptionCode.NTP_SERVERS, addresses(node.ntp ?? [])],
    [OptionCode.LEASE_TIME, u32(node.leaseSeconds ?? 0)],
    [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(advertisedAddress(link))],
    [OptionCode.DOMAIN_SEARCH, searchList(domains)],
    [OptionCode.CLASSLESS_STATIC_ROUTE, current ? routes(node) : new Uint8Array()],
  ];
}

/** The current SMEE's `tftp_server_name` and `boot_file_name`; with either, nothing else is said about booting. */
function withBootFileOptions(reply: DhcpPacket, node: NodeEntry): DhcpPacket {
  const valueOf = (code: number) => node.options.find((option) => option.code === code)?.value;
  const server = valueOf(OptionCode.TFTP_SERVER_NAME);
  const file = valueOf(OptionCode.BOOTFILE_NAME);
  if (server === undefined && file === undefined) return reply;
  const both = withOption(
    withOption(reply, OptionCode.TFTP_SERVER_NAME, server ?? new Uint8Array()),
    OptionCode.BOOTFILE_NAME,
    file ?? new Uint8Array(),
  );
  return { ...both, file: cut(file ?? new Uint8Array()) };
}

function withNetboot(
  reply: DhcpPacket,
  request: DhcpRequest,
  link: Link,
  boot: SmeeBoot,
): DhcpPacket {
  const http = request.client.transport === "http";
  const typed = http
    ? withOption(reply, OptionCode.VENDOR_CLASS_IDENTIFIER, fromText("HTTPClient"))
    : reply;
  const named = { ...typed, file: cut(fromText(boot.file)) };
  if (!boot.allowed) return { ...named, siaddr: ANY_ADDRESS };
  // 43.69 has 26 zeros while nothing is traced.
  const trace = boot.trace === null ? new Uint8Array(26) : traceparentBytes(boot.trace);
  const vendor = concat([discovery(request), buildSubOptions([[69, trace]])]);
  return withOption(
    { ...named, siaddr: nextServer(request, link) },
    OptionCode.VENDOR_SPECIFIC,
    vendor,
  );
}

/** Option 43 without End: discovery control, and for a Raspberry Pi the menu that its ROM looks for. */
function discovery(request: DhcpRequest): Uint8Array {
  const menu = isSmeeRaspberryPi(request.mac)
    ? {
        bootMenu: [{ type: 0, text: "Raspberry Pi Boot" }],
        menuPrompt: { timeoutSeconds: 0, text: "PXE" },
      }
    : {};
  return pxeVendorOptions({ discoveryControl: 8, ...menu }).subarray(0, -1);
}

/** What does not fit the header is cut without a word. */
function cut(file: Uint8Array): string {
  return toText(file.subarray(0, MAX_FILE_BYTES));
}

function computedBroadcast({ address, netmask }: NodeEntry): Ip4 | null {
  const length = netmask === null ? null : prefixLengthOf(netmask);
  return address === null || length === null ? null : broadcastOf(subnetOf(address, length));
}

/** What the record says, or else the site's default. */
function filled(said: readonly string[], byDefault: readonly string[] = []): readonly string[] {
  return said.length > 0 ? said : byDefault;
}

function addresses(list: readonly Ip4[]): Uint8Array {
  return concat(list.map(ip4ToBytes));
}

function searchList(domains: readonly string[]): Uint8Array {
  if (domains.length === 0) return new Uint8Array();
  return concat(
    domains.map((domain) =>
      concat([
        ...domain.split(".").map((label) => concat([Uint8Array.of(label.length), fromText(label)])),
        Uint8Array.of(0),
      ]),
    ),
  );
}

function routes(node: NodeEntry): Uint8Array {
  if (node.routes.length === 0) return new Uint8Array();
  return encodeOption(OptionCode.CLASSLESS_STATIC_ROUTE, { type: "routes", value: node.routes });
}
