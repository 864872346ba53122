import { RASPBERRY_PI } from "../../boot/architecture.ts";
import type { NodeEntry } from "../../boot/node.ts";
import { machineDenied } from "../../boot/causes.ts";
import { NOT_A_BOOT_CLIENT, type Plan } from "../../boot/policy.ts";
import {
  passedOverBySmee,
  incompleteEntry,
  machineIgnored,
  noLoaderFits,
  type Refusal,
} from "../../boot/refusals.ts";
import {
  isSmeeRaspberryPi,
  smeeBinaryUrl,
  type SmeeEndpoints,
  type SmeeFlavour,
  smeeLayouts,
  smeeScriptUrl,
  smeeTftpUrl,
} from "../../boot/smee-layout.ts";
import { formatTraceparent, type TraceContext } from "../../boot/trace-context.ts";
import { equalBytes, fromText, readU16 } from "../../lib/bytes.ts";
import type { Values } from "../../lib/finding.ts";
import { ANY_ADDRESS } from "../../lib/ip4.ts";
import {
  addressEvents,
  announced,
  discoverEvents,
  ignored,
  offerEvents,
  refusalEvents,
  refused,
  unanswered,
  unserved,
  wantsToBoot,
} from "./boot-events.ts";
import type { Effect } from "./effects.ts";
import { advertisedAddress, type Link, tftpAddress } from "../link.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { BOOTREQUEST, type DhcpPacket } from "../wire/packet.ts";
import { MessageType } from "../wire/message-type.ts";
import type { DhcpRequest } from "../message/request.ts";
import { routeToSource } from "../message/destination.ts";
import { nextServer, type SmeeBoot, smeeProxyReply, smeeReservationReply } from "./smee-reply.ts";

/** What SMEE's answers depend on besides the request and the machine's entry. */
export interface SmeeSettings extends Omit<SmeeEndpoints, "address"> {
  readonly flavour: SmeeFlavour;
  /** `boot.loaders`: they win over SMEE's table. */
  readonly loaders: ReadonlyMap<number, string>;
  /** `nodes.unknown`: deny is SMEE's mode proxy, allow its auto-proxy. */
  readonly unknownNodes: "allow" | "deny";
  /** Whether a record without name servers or search list gets the link's. Default: it gets none. */
  readonly dnsDefaults?: boolean;
  /** The trace that reservations carry; null: nothing is traced. */
  readonly trace: TraceContext | null;
}

const NO_ENTRY = "no node entry matches this machine";
const DENIED = "its node entry says netboot: deny";

/** The architecture that a machine without a known one has. */
const UNKNOWN = 255;
/** SMEE's codec knows the architectures up to this number. */
const LAST_KNOWN = 36;

/**
 * Answers as SMEE does, byte for byte: mode full without pools as its `reservation`, mode proxy as its
 * `proxy` and `auto-proxy`. A request's options 50, 54 and 55 and its `ciaddr` count for nothing.
 */
export function handleSmee(
  request: DhcpRequest,
  node: NodeEntry | null,
  link: Link,
  settings: SmeeSettings,
): readonly Effect[] {
  const type = answerTo(request.messageType);
  if (link.mode === "full") {
    if (type === null) return unanswered(request, link, "server");
    if (node === null) return unserved(request, link, machineDenied, { reason: NO_ENTRY });
    if (!node.dhcp) return unserved(request, link, machineIgnored);
    if (isIncomplete(node, settings)) return unserved(request, link, incompleteEntry);
    const valid = clientFaults(request).length === 0;
    const boot = valid ? reservationBoot(request, node, link, settings) : null;
    const reply = smeeReservationReply(request, type, node, link, settings, boot);
    return answered(request, reply, link, node, boot);
  }
  if (request.packet.op !== BOOTREQUEST) return ignored("not a BOOTREQUEST");
  if (type === null) return unanswered(request, link, "proxy");
  const learnt = addressEvents(request, link);
  if (!wantsToBoot(request)) return [...learnt, ...ignored(NOT_A_BOOT_CLIENT)];
  const boot = proxyBoot(request, node, link, settings);
  if ("why" in boot) return [...learnt, ...unserved(request, link, boot.why, boot.values)];
  const reply = smeeProxyReply(request, type, nextServer(request, link), boot);
  return [...learnt, ...answered(request, reply, link, node, boot)];
}

/** The stand-alone SMEE takes no record without these two; the current one does. */
function isIncomplete(node: NodeEntry, { flavour }: SmeeSettings): boolean {
  return flavour === "smee-standalone" && (node.address === null || node.netmask === null);
}

function answerTo(messageType: number): number | null {
  if (messageType === MessageType.DISCOVER) return MessageType.OFFER;
  return messageType === MessageType.REQUEST ? MessageType.ACK : null;
}

function answered(
  request: DhcpRequest,
  reply: DhcpPacket,
  link: Link,
  node: NodeEntry | null,
  boot: SmeeBoot | null,
): readonly Effect[] {
  const plan = planOf(request, node, boot);
  const asks = request.messageType === MessageType.DISCOVER;
  const address = link.mode === "full" ? (node?.address ?? null) : null;
  const { giaddr } = request.packet;
  const to = giaddr === ANY_ADDRESS ? routeToSource(request) : { address: giaddr, port: 67 };
  return [
    ...discoverEvents(request, plan, link),
    ...(asks ? whyNot(request, plan, link) : []),
    { kind: "send", packet: reply, to },
    ...offerEvents(request, plan, link, address, "direct"),
  ];
}

/** Why an answer has nothing to boot; nothing when it has, and for ordinary clients. */
function whyNot(request: DhcpRequest, plan: Plan, link: Link): readonly Effect[] {
  if (plan.kind !== "none") return refusalEvents(request, plan, link);
  if (!wantsToBoot(request)) return [];
  return refused(request, link, passedOverBySmee, { fault: plan.reason });
}

/** What the timeline shows of an answer. */
function planOf(request: DhcpRequest, node: NodeEntry | null, boot: SmeeBoot | null): Plan {
  if (boot === null) return { kind: "none", reason: clientFaults(request).join("; ") };
  if (!boot.allowed) {
    return node?.netboot === "deny"
      ? { kind: "refused", why: "denied", reason: DENIED }
      : { kind: "refused", why: "no-loader", reason: "" };
  }
  return userClassOf(request) === "Tinkerbell"
    ? { kind: "script", url: boot.file }
    : { kind: "loader", transport: "tftp", file: boot.file };
}

function reservationBoot(
  request: DhcpRequest,
  node: NodeEntry,
  link: Link,
  settings: SmeeSettings,
): SmeeBoot {
  const loader = loaderFor(request, settings, node);
  if (node.netboot === "deny" || loader === null) {
    return { file: "/netboot-not-allowed", allowed: false, trace: null };
  }
  const { trace } = settings;
  const traced = trace === null ? loader : `${loader}-${formatTraceparent(trace)}`;
  return { file: fileFor(request, link, settings, traced, node.scriptUrl), allowed: true, trace };
}

/** Why a proxy does not answer. */
interface Unserved {
  readonly why: Refusal;
  readonly values: Values;
}

/** What a proxy answers, or why it does not. */
function proxyBoot(
  request: DhcpRequest,
  node: NodeEntry | null,
  link: Link,
  settings: SmeeSettings,
): SmeeBoot | Unserved {
  const { mac } = request;
  const faults = clientFaults(request);
  if (faults.length > 0) return { why: passedOverBySmee, values: { fault: faults.join("; ") } };
  // The table decides whether there is an answer, before the machine's entry is looked at.
  const usual = loaderFor(request, settings, null);
  if (usual === null) return { why: noLoaderFits, values: announced(request) };
  const allowsUnknown = settings.unknownNodes === "allow";
  if (node === null && !allowsUnknown) {
    return { why: machineDenied, values: { reason: `${NO_ENTRY} and nodes.unknown is deny` } };
  }
  if (settings.flavour === "smee-standalone") {
    if (node !== null && !allowsUnknown) {
      if (isIncomplete(node, settings)) return { why: incompleteEntry, values: {} };
      if (node.netboot === "deny") return { why: machineDenied, values: { reason: DENIED } };
    }
    return { file: fileFor(request, link, settings, usual, null), allowed: true, trace: null };
  }
  if (node?.netboot === "deny") {
    const folder = mac === "" ? "/" : `/${mac}/`;
    return { file: `${folder}netboot-not-allowed`, allowed: false, trace: null };
  }
  const file = fileFor(request, link, settings, node?.loader ?? usual, null);
  return { file, allowed: true, trace: null };
}

/** The first that holds: Tinkerbell's own iPXE, HTTP boot, any other iPXE, everything else. */
function fileFor(
  request: DhcpRequest,
  link: Link,
  settings: SmeeSettings,
  loader: string,
  scriptUrl: string | null,
): string {
  const { flavour } = settings;
  const at: SmeeEndpoints = {
    ...settings,
    address: advertisedAddress(link),
    tftpAddress: tftpAddress(link),
  };
  const { mac, client } = request;
  const userClass = userClassOf(request);
  if (userClass === "Tinkerbell") return scriptUrl ?? smeeScriptUrl(flavour, at, client);
  if (client.transport === "http") return smeeBinaryUrl(flavour, at, mac, loader);
  return userClass === "iPXE" ? smeeTftpUrl(at, mac, loader) : loader;
}

const userClasses = ["iPXE", "Tinkerbell"] as const;

/** SMEE compares all raw bytes; an RFC 3004 encoding is another class to it. */
function userClassOf(request: DhcpRequest): (typeof userClasses)[number] | null {
  const value = request.packet.options.get(OptionCode.USER_CLASS) ?? new Uint8Array();
  return userClasses.find((name) => equalBytes(value, fromText(name))) ?? null;
}

function loaderFor(
  request: DhcpRequest,
  { flavour, loaders }: SmeeSettings,
  node: NodeEntry | null,
): string | null {
  const architecture = architectureOf(request);
  return (
    node?.loader ??
    loaders.get(architecture) ??
    smeeLayouts[flavour].loaders.get(architecture) ??
    null
  );
}

/** What SMEE demands of a network boot client. */
function clientFaults({ client, packet }: DhcpRequest): readonly string[] {
  const faults: string[] = [];
  if (!/^(PXE|HTTP)Client/.test(client.vendorClass)) {
    faults.push("option 60 does not begin with PXEClient or HTTPClient");
  }
  const { CLIENT_SYSTEM_ARCHITECTURE, CLIENT_NETWORK_INTERFACE } = OptionCode;
  if (!packet.options.has(CLIENT_SYSTEM_ARCHITECTURE)) faults.push("option 93 is missing");
  if (!packet.options.has(CLIENT_NETWORK_INTERFACE)) faults.push("option 94 is missing");
  const id = packet.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER) ?? new Uint8Array();
  if (id.length !== 0 && (id.length !== 17 || id[0] !== 0)) {
    faults.push("option 97 is not a UUID");
  }
  return faults;
}

/** The first number of option 93 that SMEE's codec has a name for, whether or not a loader fits it. */
function architectureOf({ mac, packet }: DhcpRequest): number {
  if (isSmeeRaspberryPi(mac)) return RASPBERRY_PI;
  const value = packet.options.get(OptionCode.CLIENT_SYSTEM_ARCHITECTURE) ?? new Uint8Array();
  if (value.length % 2 !== 0) return UNKNOWN;
  for (let at = 0; at < value.length; at += 2) {
    const code = readU16(value, at);
    if (code <= LAST_KNOWN) return code;
  }
  return UNKNOWN;
}
