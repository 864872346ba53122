import { readFileSync } from "node:fs";
import { type BootPolicy, type Plan, planBoot } from "../../src/boot/policy.ts";
import type { Effect } from "../../src/dhcp/handlers/effects.ts";
import type { FullSettings, Link } from "../../src/dhcp/link.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { handleProxy } from "../../src/dhcp/handlers/proxy.ts";
import { type DhcpRequest, readRequest, type Source } from "../../src/dhcp/message/request.ts";
import { concat, fromHex, fromText, u16 } from "../../src/lib/bytes.ts";
import { ANY_ADDRESS, ip4ToBytes } from "../../src/lib/ip4.ts";
import { type Datagram, readPcap } from "./pcap.ts";

export const ourAddress = "192.168.77.1";
export const baseUrl = "http://192.168.77.1:8080";
export const clientMac = "08:00:27:29:4e:67";

const subnet = { network: "192.168.77.0", prefixLength: 24 };
const full: FullSettings = {
  pools: [{ first: "192.168.77.100", last: "192.168.77.199" }],
  router: [],
  dns: [],
  ntp: [],
  logServers: [],
  domain: null,
  leaseSeconds: 3600,
  netbootLeaseSeconds: 120,
  options: [],
  authoritative: true,
};

export const proxyLink: Link = { interface: "eth1", address: ourAddress, subnet, mode: "proxy" };
export const fullLink: Extract<Link, { mode: "full" }> = {
  interface: "eth1",
  address: ourAddress,
  subnet,
  mode: "full",
  full,
  relayed: [],
};

export const policy: BootPolicy = {
  loaders: new Map(),
  userClasses: ["iPXE", "Tinkerbell"],
  unknownNodes: "allow",
};

export function planFor(request: DhcpRequest): Plan {
  return planBoot(request.client, null, policy, baseUrl);
}

export type Options = Readonly<Record<number, Uint8Array>>;

/** A client's broadcast packet: 10 Mb Ethernet, no address yet, and these options. */
export function packetWith(options: Options, changes: Partial<DhcpPacket> = {}): DhcpPacket {
  return {
    op: 1,
    htype: 1,
    hops: 0,
    xid: 0x11223344,
    secs: 4,
    flags: 0x8000,
    ciaddr: ANY_ADDRESS,
    yiaddr: ANY_ADDRESS,
    siaddr: ANY_ADDRESS,
    giaddr: ANY_ADDRESS,
    chaddr: fromHex(clientMac) ?? new Uint8Array(),
    sname: "",
    file: "",
    options: new Map(Object.entries(options).map(([code, value]) => [Number(code), value])),
    ...changes,
  };
}

export const fromNowhere: Source = { address: ANY_ADDRESS, port: 68 };

export function requestWith(
  options: Options,
  changes: Partial<DhcpPacket> = {},
  source: Source = fromNowhere,
): DhcpRequest {
  return readRequest(packetWith(options, changes), source);
}

export const machineId = concat([
  Uint8Array.of(0),
  fromHex("00112233445566778899aabbccddeeff") ?? new Uint8Array(),
]);

/** The options of each kind of firmware, without the message type. */
export const firmware = {
  bios: netboot("PXEClient:Arch:00000:UNDI:002001", 0, "010201"),
  uefi: netboot("PXEClient:Arch:00007:UNDI:003001", 7, "010300"),
  arm64: netboot("PXEClient:Arch:00011:UNDI:003000", 11, "010300"),
  uefiHttp: netboot("HTTPClient:Arch:00016:UNDI:003001", 16, "010300"),
  unknown: netboot("PXEClient:Arch:00099:UNDI:003001", 99, "010300"),
  ipxe: {
    ...netboot("PXEClient:Arch:00007:UNDI:003010", 7, "010310"),
    [OptionCode.USER_CLASS]: fromText("iPXE"),
    [OptionCode.IPXE_ENCAPSULATED]: Uint8Array.of(19, 1, 1, 24, 1, 1),
  },
  operatingSystem: { [OptionCode.CLIENT_IDENTIFIER]: Uint8Array.of(1, 8, 0, 39, 41, 78, 103) },
} satisfies Record<string, Options>;

function netboot(vendorClass: string, architecture: number, networkInterface: string) {
  return {
    [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText(vendorClass),
    [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(architecture),
    [OptionCode.CLIENT_NETWORK_INTERFACE]: fromHex(networkInterface) ?? new Uint8Array(),
    [OptionCode.CLIENT_MACHINE_IDENTIFIER]: machineId,
  };
}

/** Options of a DHCPDISCOVER, or of another message when `type` says so. */
export function message(options: Options, type: number = MessageType.DISCOVER): Options {
  return { ...options, [OptionCode.MESSAGE_TYPE]: Uint8Array.of(type) };
}

/** Options of a DHCPREQUEST, by which a client takes the offer of `serverId`. */
export function selecting(options: Options, serverId: string, address: string): Options {
  return {
    ...message(options, MessageType.REQUEST),
    [OptionCode.SERVER_IDENTIFIER]: ip4ToBytes(serverId),
    [OptionCode.REQUESTED_ADDRESS]: ip4ToBytes(address),
  };
}

/** The requests of real firmware; see test/fixtures/README.md. */
export function firmwareRequests(): readonly Datagram[] {
  return readPcap(readFileSync(new URL("../fixtures/firmware.pcap", import.meta.url)));
}

export function sent(effects: readonly Effect[]) {
  return effects.filter((effect) => effect.kind === "send");
}

/** The one packet that is sent. */
export function onlyReply(effects: readonly Effect[]): DhcpPacket {
  const [first, ...rest] = sent(effects);
  if (first === undefined || rest.length > 0) {
    throw new Error(`expected one reply, there are ${sent(effects).length}`);
  }
  return first.packet;
}

/** The events' names, in order. */
export function eventNames(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === "event" ? [effect.event.event] : []));
}

/** Why nothing is done. */
export function reasons(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => (effect.kind === "ignore" ? [effect.reason] : []));
}

/** What our proxy does for a client; without `plan`, what the policy plans. */
export function askProxy(
  options: Options,
  changes: Partial<DhcpPacket> = {},
  source: Source = fromNowhere,
  plan: Plan | null = null,
): readonly Effect[] {
  const request = requestWith(options, changes, source);
  return handleProxy(request, plan ?? planFor(request), proxyLink);
}

/** All bytes of an option as text, NUL included. */
export function textOf(packet: DhcpPacket, code: number): string {
  return String.fromCharCode(...(packet.options.get(code) ?? []));
}
