import type { OfferStyle } from "../boot/offer-style.ts";
import type { RefusalCode } from "../boot/refusals.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { ElsewhereEventFields } from "./elsewhere-events.ts";
import type { Who } from "../lib/finding.ts";
import type { Mac } from "../lib/mac.ts";
import type { Machine } from "./machine.ts";
import type { MirrorEventFields } from "./mirror-events.ts";
import type { NodeEventFields } from "./node-events.ts";

export type { Machine } from "./machine.ts";
export type { TokenUse } from "./node-events.ts";

/**
 * Everything that eim-pxe reports is one of these events. `catalogue.ts` has the level and the words
 * for each; from `bus.ts` each goes to the timelines, the metrics, the log and the live streams.
 */

export type TransferProtocol = "tftp" | "http";

/** What client and server agreed on for a transfer by TFTP. */
export interface TftpTerms {
  /** Bytes in a block. */
  blksize: number;
  /** Blocks to one acknowledgement. */
  windowsize: number;
  /** The interval of retransmission that the client set; null: ours, measured. */
  timeoutSeconds: number | null;
}

/** What each event carries, by its name. Sizes are in bytes, `…Ms` in milliseconds. */
export interface EventFields extends NodeEventFields, MirrorEventFields, ElsewhereEventFields {
  // The process.
  listening: { sockets: readonly string[] };
  "http-limits": { memoryBytes: number; connections: number; connectionsPerClient: number };
  "few-descriptors": { descriptors: number; tftpTransfers: number; httpConnections: number };
  ready: { generation: string | null };
  "not-ready": { reasons: readonly string[] };
  "link-up": {
    interface: string;
    address: Ip4;
    mode: "proxy" | "full" | "off";
    sockets: readonly string[];
  };
  "link-down": { interface: string; address: Ip4 | null; reason: string };
  "shared-socket": { interface: string };
  "root-given-up": { user: string; uid: number; capabilities: readonly string[] };
  "root-kept": { reason: string; remedy: string };
  "unreadable-files": { user: string; files: readonly string[] };
  "announce-failed": { reason: string };
  "check-failed": { check: string; code: string; reason: string; remedy: string };
  reloaded: { nodes: number };
  "reload-failed": { reason: string };
  "restart-needed": { keys: readonly string[] };
  "clock-step": { seconds: number; found: "running" | "starting" };
  stopping: { signal: string };
  "leader-acquired": { lease: string; replica: string; recoveringSeconds: number };
  "leader-lost": { lease: string; replica: string; reason: string };
  "leader-elsewhere": { lease: string; leader: string };
  "leader-unknown": { lease: string; source: string; reason: string };
  "leader-unfit": { lease: string; reason: string };
  "database-away": { place: string; reason: string };
  "timelines-unshared": { place: string; reason: string };
  "database-back": { place: string; awaySeconds: number };
  "subscriber-failed": { subscriber: string; reason: string };

  // The stages of a boot.
  discover: Machine & {
    interface: string;
    architecture: string;
    firmware: string;
    uuid: string | null;
    /** Answers to it are broadcast on this link, so that other servers' can be overheard. */
    broadcast: boolean;
    /** Option 77 as text; null when absent. */
    userClass: string | null;
    /** For how long it has asked, as it says itself. */
    secs: number;
  };
  offer: Machine & { interface: string; boots: string; way: OfferStyle };
  "loader-start": Machine & {
    file: string;
    protocol: TransferProtocol;
    bytes: number;
    /** The trace that the requested name ends with (W3C Trace Context); absent: none. */
    traceparent?: string;
  };
  "loader-done": Machine & {
    file: string;
    bytes: number;
    durationMs: number;
    retransmissions: number;
    /** Of what was sent, in hex; null or absent: it is not known. So of other files that were sent. */
    sha256?: string | null;
  } & ({ protocol: "http" } | ({ protocol: "tftp" } & TftpTerms));
  "ipxe-discover": Machine & {
    interface: string;
    architecture: string;
    firmware: string;
    uuid: string | null;
    /** Answers to it are broadcast on this link, so that other servers' can be overheard. */
    broadcast: boolean;
    /** Option 77 as text; null when absent. */
    userClass: string | null;
  };
  "ipxe-offer": Machine & { interface: string; boots: string };
  script: Machine & {
    uuid: string | null;
    serial: string | null;
    generation: string | null;
    /** The request's header of this name; absent: none. */
    traceparent?: string;
    /** The configuration of another boot program than iPXE; absent: it is iPXE's script. */
    file?: string;
    sha256?: string | null;
  };
  kernel: Machine & { file: string; bytes: number; generation: string | null };
  "kernel-done": Machine & {
    file: string;
    bytes: number;
    durationMs: number;
    sha256?: string | null;
  };
  "initramfs-start": Machine & { file: string; bytes: number; generation: string | null };
  "initramfs-done": Machine & {
    file: string;
    bytes: number;
    durationMs: number;
    sha256?: string | null;
  };
  "micro-os": Machine & { evidence: "beacon" | "dhcp" };

  // What happens beside the stages.
  "boot-stalled": Machine & {
    /** The boot's id, as in `/api/v1/boots`. */
    boot: string;
    stage: string;
    code: string;
    cause: string;
    remedy: string;
    who: Who;
  };
  autoexec: Machine & { file: string; protocol: "tftp" | "http"; sha256?: string | null };
  beacon: Machine & {
    stage: string;
    message: string | null;
    /** iPXE's error in hex, without separators. */
    errno: string | null;
    /** Of iPXE. */
    version: string | null;
    platform: string | null;
    /** Of the machine, as its firmware says. */
    manufacturer: string | null;
    product: string | null;
  };
  "unproved-report": Machine & { stage: string; message: string | null; errno: string | null };
  "address-learned": Machine & { interface: string };
  "system-dhcp": Machine & { interface: string };
  "dhcp-ignored": Machine & { interface: string; reason: string };
  "dhcp-refused": Machine & {
    interface: string;
    why: RefusalCode;
    reason: string;
    remedy: string;
  };
  "relay-not-served": {
    interface: string;
    relay: Ip4;
    /** An address of the network that the request came from. */
    network: Ip4;
    reason: string;
    remedy: string;
  };
  adapted: Machine & { interface: string; way: OfferStyle };
  "competing-offer": Machine & {
    interface: string;
    server: Ip4;
    /** The address that it offers; null: it is a proxy. */
    offered: Ip4 | null;
    network: string | null;
    reachesUs: boolean;
    pxe: boolean;
    bootFile: boolean;
    discovery: boolean;
    lacks: readonly string[];
  };
  "unbeatable-server": Machine & { interface: string; server: Ip4; reason: string };
  "offers-unheard": { interface: string; reason: string };
  "way-learnt": Machine & { way: OfferStyle };
  "way-forgotten": Machine;
  "timeline-unread": { reason: string; lost: "all" | "some" };
  "timeline-unkept": { reason: string };
  "timeline-kept": object;
  /** Its BMC begins to read an image with the machine's kernel arguments. */
  "iso-start": Machine & { file: string; bytes: number };
  "loader-changed": Machine & { loader: string; insteadOf: string };
  "loader-learnt": Machine & { loader: string; insteadOf: string };
  "ways-unread": { reason: string };
  "ways-unkept": { reason: string };
  "loader-loop": Machine & { interface: string; loader: string; boots: string };
  /** `address`: what it took; `server`: whose; `shared`: a server of the same database. */
  "taken-elsewhere": Machine & { interface: string; server: string; shared: boolean };
  "dhcp-malformed": { interface: string; from: string; reason: string };
  "dhcp-flood": { interface: string; dropped: number; reason: string };
  "dhcp-send-failed": Machine & { interface: string; reason: string };
  "dhcp-failed": Machine & { interface: string; reason: string };
  "lease-granted": Machine & { interface: string; leaseSeconds: number };
  "lease-released": Machine & { interface: string };
  "lease-declined": Machine & { interface: string };
  "reservation-held": Machine & { interface: string; reserved: Ip4; holder: Mac };
  "address-in-use": Machine & { interface: string };
  "conflict-check-unreliable": { interface: string; network: string };
  "lease-refused": Machine & { interface: string; reason: string };
  "pool-full": Machine & {
    interface: string;
    network: string;
    addresses: number;
    leased: number;
    quarantined: number;
    kept: number;
  };
  "decline-doubted": Machine & { interface: string; reason: string };
  "other-dhcp-server": { interface: string; server: Ip4; offered: Ip4 | null };
  "journal-unwritable": { reason: string };
  "journal-writable": { failed: number };
  "lease-conflict": Machine & { interface: string; reason: string };
  "journal-damaged": { records: number; reason: string };
  "tftp-refused": Machine & { file: string; errorCode: number; reason: string };
  "optional-file": Machine & { file: string; protocol: "tftp" | "http" };
  "asset-sent": Machine & {
    file: string;
    protocol: TransferProtocol;
    bytes: number;
    durationMs: number;
    retransmissions: number;
    sha256?: string | null;
  };
  "tftp-rescued": Machine & { asked: string; file: string };
  "tftp-probe": Machine & { file: string };
  "tftp-failed": Machine & {
    file: string;
    reason: string;
    bytesSent: number;
    /** How long the client had acknowledged nothing. */
    silentMs: number;
    bytes: number;
    durationMs: number;
    retransmissions: number;
  } & TftpTerms;
  "tftp-malformed": { from: string; reason: string };
  "http-refused": Machine & { path: string; status: number; reason: string };
  "http-connections-refused": {
    port: "boot" | "admin";
    /** Whose share is used up; null: all places are taken. */
    client: string | null;
    refused: number;
    reason: string;
  };
  /** So many machines are before it in the line of `http.queue`. */
  "download-waiting": Machine & { file: string; ahead: number };
  "download-admitted": Machine & { file: string; waitedMs: number };
  /** No connection came of a TLS handshake on the boot port. */
  "tls-failed": Machine & { reason: string };
  "boot-certificate": { certFile: string; fingerprint: string; expiresAt: string };
  "boot-certificate-expiring": { certFile: string; expiresAt: string; days: number };
  "boot-certificate-rejected": { certFile: string; keyFile: string; reason: string };
  "admin-certificate": { certFile: string; fingerprint: string; expiresAt: string };
  "admin-certificate-expiring": { certFile: string; expiresAt: string; days: number };
  "admin-certificate-rejected": { certFile: string; keyFile: string; reason: string };
  "boot-certificate-address": { certFile: string; address: Ip4 };
  "download-aborted": Machine & { file: string; bytesSent: number; bytes: number };
}

export type EventName = keyof EventFields;
export type PxeEvent = { [Name in EventName]: { event: Name } & EventFields[Name] }[EventName];

/** Where the protocols report to. It never throws and never waits. */
export type Emit = (event: PxeEvent) => void;
