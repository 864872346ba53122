import { RASPBERRY_PI } from "../../boot/architecture.ts";
import type { Plan } from "../../boot/policy.ts";
import type { OfferStyle } from "../../boot/offer-style.ts";
import { formatTraceparent, traceparentBytes } from "../../boot/trace-context.ts";
import { concat, fromText, toText } from "../../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4, ip4ToBytes } from "../../lib/ip4.ts";
import { advertisedAddress, type Link, tftpAddress } from "../link.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BOOTREPLY, BROADCAST_FLAG, type DhcpPacket, MAX_FILE_BYTES } from "../wire/packet.ts";
import type { DhcpRequest } from "./request.ts";
import { ipxeOptions, pxeVendorOptions } from "../wire/vendor-options.ts";

/*
 * A reply is made from its request by steps. Each step takes a packet and returns another one;
 * none looks at the steps before it, so a server puts together those that its mode needs.
 */

/** A plan that boots something. */
export type BootPlan = Extract<Plan, { kind: "loader" | "script" }>;

/**
 * An empty reply to `request`: the header's copied fields (RFC 2131 4.3.1, table 3), option 53, and
 * the two options that every reply gives back, 61 and 82. All addresses but `giaddr` are 0.0.0.0.
 */
export function startReply(request: DhcpRequest, messageType: number): DhcpPacket {
  const { htype, xid, flags, giaddr, chaddr } = request.packet;
  const { clientId, relayInformation } = request;
  // One list for all three: a copy for each takes as long as the rest of a reply.
  const options = new Map<number, Uint8Array>([
    [OptionCode.MESSAGE_TYPE, Uint8Array.of(messageType)],
  ]);
  // RFC 6842: the client identifier is given back as it came.
  if (clientId !== null) options.set(OptionCode.CLIENT_IDENTIFIER, clientId);
  // RFC 3046 2.2: so is the relay agent's information; the encoder puts it last.
  if (relayInformation !== null) {
    options.set(OptionCode.RELAY_AGENT_INFORMATION, relayInformation);
  }
  return {
    op: BOOTREPLY,
    htype,
    hops: 0,
    xid,
    secs: 0,
    flags,
    ciaddr: ANY_ADDRESS,
    yiaddr: ANY_ADDRESS,
    siaddr: ANY_ADDRESS,
    giaddr,
    chaddr,
    sname: "",
    file: "",
    options,
  };
}

/** Sets one option. An empty value leaves it out: old ROMs drop replies with zero-length options. */
export function withOption(reply: DhcpPacket, code: number, value: Uint8Array): DhcpPacket {
  if (value.length === 0) return reply;
  return { ...reply, options: new Map(reply.options).set(code, value) };
}

type Option = readonly [code: number, value: Uint8Array];

/** The same of several, with one copy of the list for all of them. */
function withEach(reply: DhcpPacket, options: readonly Option[]): DhcpPacket {
  const changed = new Map(reply.options);
  for (const [code, value] of options) if (value.length > 0) changed.set(code, value);
  return { ...reply, options: changed };
}

/** RFC 6842: the client identifier is given back as it came. */
export function withClientId(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  if (request.clientId === null) return reply;
  return withOption(reply, OptionCode.CLIENT_IDENTIFIER, request.clientId);
}

/** RFC 3046 2.2: relay agent information is given back as it came; the encoder puts it last. */
export function withRelayInformation(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  if (request.relayInformation === null) return reply;
  return withOption(reply, OptionCode.RELAY_AGENT_INFORMATION, request.relayInformation);
}

/** Option 54. EDK2 ignores every offer without it. */
export function withServerId(reply: DhcpPacket, address: Ip4): DhcpPacket {
  return withOption(reply, OptionCode.SERVER_IDENTIFIER, ip4ToBytes(address));
}

/** RFC 2131 4.3.1, table 3: a DHCPACK repeats the `ciaddr` of the request; an offer does not. */
export function withClientAddress(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  return { ...reply, ciaddr: request.packet.ciaddr };
}

/**
 * The broadcast flag, for a reply without `yiaddr`. A relay agent delivers by unicast to `yiaddr`, or by
 * broadcast where the flag asks for that (RFC 1542 4.1.2): without either it has nowhere to send. Only a
 * client that is reached directly at its own address keeps the flag that it sent.
 */
export function withBroadcastFlag(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  const direct = request.packet.giaddr === ANY_ADDRESS && request.clientAddress !== null;
  return direct ? reply : { ...reply, flags: reply.flags | BROADCAST_FLAG };
}

/**
 * Option 60: what the client's own begins with. EDK2 and iPXE take a proxy's offer only with `PXEClient`;
 * a client of `boot.vendorClasses` gets its own class back, as dnsmasq does (dhcp-pxe-vendor).
 */
export function withVendorClass(reply: DhcpPacket, { client }: DhcpRequest): DhcpPacket {
  return withEach(reply, [vendorClass({ client })]);
}

function vendorClass({ client }: Pick<DhcpRequest, "client">): Option {
  return [OptionCode.VENDOR_CLASS_IDENTIFIER, fromText(client.bootClass ?? "")];
}

/** Option 97 as the client sent it (RFC 4578 2.3); a client that sent none gets none. */
export function withMachineId97(reply: DhcpPacket, request: DhcpRequest): DhcpPacket {
  const id = request.packet.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER);
  return id === undefined ? reply : withOption(reply, OptionCode.CLIENT_MACHINE_IDENTIFIER, id);
}

/** Option 43, e.g. from `pxeVendorOptions`. */
export function withVendorOption43(reply: DhcpPacket, value: Uint8Array): DhcpPacket {
  return withOption(reply, OptionCode.VENDOR_SPECIFIC, value);
}

/**
 * Who serves the boot file: `siaddr`, and as text in option 66. No NUL in 66: the Raspberry Pi's
 * boot ROM takes one for a part of the address.
 */
export function withNextServer(reply: DhcpPacket, address: Ip4): DhcpPacket {
  return withOption({ ...reply, siaddr: address }, OptionCode.TFTP_SERVER_NAME, fromText(address));
}

/** The header's `sname`, at most 63 bytes. */
export function withServerName(reply: DhcpPacket, name: string): DhcpPacket {
  return { ...reply, sname: name };
}

/**
 * The boot file's name or URL, in `file` for firmware that reads only the header and in option 67.
 * Old Intel firmware reads 67 up to a NUL, past the option's end, so there is one. What does not
 * fit `file` is in 67 alone, never cut.
 */
export function withBootFile(reply: DhcpPacket, name: string): DhcpPacket {
  const { file, option } = bootFile(name);
  return withEach({ ...reply, file }, [option]);
}

function bootFile(name: string): { readonly file: string; readonly option: Option } {
  const bytes = fromText(name);
  const file = bytes.length <= MAX_FILE_BYTES ? toText(bytes) : "";
  return { file, option: [OptionCode.BOOTFILE_NAME, concat([bytes, Uint8Array.of(0)])] };
}

const NO_PROXY_WAIT = ipxeOptions({ noPxeDhcp: true });

/** iPXE's 175.176: the offer is complete; without it iPXE waits 3 s for a proxy. */
export function withNoProxyWait(reply: DhcpPacket): DhcpPacket {
  return withEach(reply, [noProxyWait()]);
}

function noProxyWait(): Option {
  return [OptionCode.IPXE_ENCAPSULATED, NO_PROXY_WAIT];
}

/** What every boot answer holds: next server, boot file, and the client's machine identifier. */
export function withBootSource(
  reply: DhcpPacket,
  request: DhcpRequest,
  plan: BootPlan,
  link: Link,
): DhcpPacket {
  const { siaddr, file, options } = bootSource(request, plan, link);
  return withEach({ ...reply, siaddr, file }, options);
}

function bootSource(
  request: DhcpRequest,
  plan: BootPlan,
  link: Link,
): Pick<DhcpPacket, "siaddr" | "file"> & { readonly options: Option[] } {
  const siaddr = nextServerOf(plan, link);
  const { file, option } = bootFile(toldFileOf(plan));
  const options: Option[] = [[OptionCode.TFTP_SERVER_NAME, fromText(siaddr)], option];
  const id = request.packet.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER);
  if (id !== undefined) options.push([OptionCode.CLIENT_MACHINE_IDENTIFIER, id]);
  return { siaddr, file, options };
}

/** Who serves what a machine is told to boot: another host may serve the loaders by TFTP. */
export function nextServerOf(plan: BootPlan, link: Link): Ip4 {
  const byTftp = plan.kind === "loader" && plan.transport === "tftp";
  return byTftp ? tftpAddress(link) : advertisedAddress(link);
}

/**
 * Everything that `plan` adds to an offer or acknowledgement on `link`.
 *
 * - `loader`, `script`: next server, boot file, 97, and 43 as the offer style has it; UEFI HTTP boot passes
 *   that over. A proxy adds `sname` and option 60. Mode full sends 60 to HTTP clients, which need it, and where
 *   the style leads to port 4011: that is what a PXE client that finds 60 in the offer of an address takes
 *   it for. It tells iPXE not to wait.
 * - `refused`: no boot file, and 0.0.0.0 as next server.
 * - `none`: an ordinary client; it gets our address as next server and nothing else.
 */
export function withNetboot(
  reply: DhcpPacket,
  request: DhcpRequest,
  plan: Plan,
  link: Link,
  style: OfferStyle = "direct",
): DhcpPacket {
  if (plan.kind === "refused") return reply;
  if (plan.kind === "none") return { ...reply, siaddr: advertisedAddress(link) };
  const http = request.client.transport === "http";
  const traceparent = plan.trace == null ? null : traceparentBytes(plan.trace);
  const { siaddr, file, options } = bootSource(request, plan, link);
  const discovery = discoveryOf(request, link, traceparent, http ? "direct" : style);
  if (discovery !== null) options.push([OptionCode.VENDOR_SPECIFIC, discovery]);
  if (link.mode === "proxy" || http || style !== "direct") options.push(vendorClass(request));
  else if (plan.kind === "script") options.push(noProxyWait());
  const booting = withEach({ ...reply, siaddr, file }, options);
  return link.mode === "proxy" ? withServerName(booting, siaddr) : booting;
}

/** The name or URL of what a machine is told to boot. */
export function bootFileOf(plan: BootPlan): string {
  if (plan.kind === "script") return plan.url;
  return plan.transport === "http" ? plan.url : plan.file;
}

/** The same as the reply has it: a loader's name ends with the trace of the boot, as SMEE's does. */
function toldFileOf(plan: BootPlan): string {
  const name = bootFileOf(plan);
  const { trace = null } = plan;
  return plan.kind === "script" || trace === null ? name : `${name}-${formatTraceparent(trace)}`;
}

/** The type of the one item in the menu that we offer (PXE 2.1, table 2-1: from 0x8000 on for vendors). */
export const MENU_ITEM = 0x8000;
/** What a person at the machine would see of it. */
const MENU_TEXT = "eim-pxe";

/** Option 43: how firmware finds its boot server, or that it needs none; null: there is none. */
function discoveryOf(
  request: DhcpRequest,
  link: Link,
  traceparent: Uint8Array | null,
  style: OfferStyle,
): Uint8Array | null {
  switch (style) {
    case "direct":
      return discoveryOptions(request, traceparent);
    case "boot-server":
      return null;
    case "menu":
      return pxeVendorOptions({
        // Neither broadcast nor multicast, and no server that is not in the list.
        discoveryControl: 7,
        bootServers: [{ type: MENU_ITEM, addresses: [advertisedAddress(link)] }],
        bootMenu: [{ type: MENU_ITEM, text: MENU_TEXT }],
        menuPrompt: { timeoutSeconds: 0, text: MENU_TEXT },
        traceparent,
      });
  }
}

const LOAD_THIS_FILE = pxeVendorOptions({ discoveryControl: 8 });

/**
 * PXE 2.1: discovery control with bit 3, "load the boot file of this offer": no prompt, no menu, no
 * boot server. The Raspberry Pi's boot ROM goes on only when it finds its own menu item as well.
 */
function discoveryOptions(request: DhcpRequest, traceparent: Uint8Array | null): Uint8Array {
  if (!request.client.architectures.includes(RASPBERRY_PI)) {
    return traceparent === null
      ? LOAD_THIS_FILE
      : pxeVendorOptions({ discoveryControl: 8, traceparent });
  }
  return pxeVendorOptions({
    discoveryControl: 8,
    traceparent,
    bootMenu: [{ type: 0, text: "Raspberry Pi Boot" }],
    menuPrompt: { timeoutSeconds: 0, text: "PXE" },
  });
}
