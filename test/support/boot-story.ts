import type { RefusalCode } from "../../src/boot/refusals.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import type { Boot } from "../../src/timeline/boot.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { type BootEvidence, type Diagnosis, diagnose } from "../../src/timeline/rules.ts";

export const storyMac = "08:00:27:29:4e:67";
export const storyAddress = "192.168.77.100";
export const otherMac = "08:00:27:29:4e:68";
export const siteServer = "192.168.77.2";
export const startMs = 1_000_000;

/** Something that is reported so many seconds after the start; `moved` is a download that goes on. */
export type Beat = readonly [seconds: number, event: PxeEvent | "moved"];

/** What a site's machines do, as the timeline hears of it, without waiting. */
export class BootStory {
  readonly sessions = new BootSessions();
  #nowMs = startMs;
  readonly #recorder: TimelineRecorder;

  constructor() {
    const clock = { now: () => this.#nowMs, wall: () => this.#nowMs };
    const { sessions } = this;
    this.#recorder = new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: () => null,
      emit: (event) => this.#hear(event),
      stageReached: () => {},
    });
  }

  /** Plays on; `each` is called at the start of every second in between. */
  play(beats: readonly Beat[], each: (seconds: number) => void = () => {}): this {
    for (const [seconds, event] of beats) {
      const atMs = startMs + seconds * 1000;
      for (; this.#nowMs + 1000 < atMs; this.#nowMs += 1000) each(this.#seconds());
      this.#nowMs = atMs;
      if (event === "moved") {
        this.sessions.progress({ mac: storyMac, address: storyAddress }, atMs);
      } else {
        this.#hear(event);
      }
      each(this.#seconds());
    }
    return this;
  }

  /** Lets time pass. */
  waitUntil(seconds: number, each: (seconds: number) => void): this {
    for (; this.#seconds() < seconds; this.#nowMs += 1000) each(this.#seconds());
    return this;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  boot(mac = storyMac): Boot | null {
    return this.sessions.latest({ mac, address: null });
  }

  evidence(afterSeconds = 0, mac = storyMac): BootEvidence | null {
    const boot = this.boot(mac);
    const nowMs = this.#nowMs + afterSeconds * 1000;
    return boot === null ? null : this.sessions.evidence(boot, nowMs);
  }

  /** What is said of the machine's latest boot, so long after the last beat. */
  diagnosis(afterSeconds: number, mac = storyMac): Diagnosis | null {
    const evidence = this.evidence(afterSeconds, mac);
    return evidence === null ? null : diagnose(evidence, this.#nowMs + afterSeconds * 1000);
  }

  #hear(event: PxeEvent): void {
    this.#recorder.hear(this.#recorder.complete(event));
  }

  #seconds(): number {
    return (this.#nowMs - startMs) / 1000;
  }
}

const machine = { mac: storyMac, address: null };
const located = { mac: storyMac, address: storyAddress };
const link = { interface: "eth1" };
const terms = { blksize: 1468, windowsize: 4, timeoutSeconds: null };

/** Events of the machine, each as the server reports it. */
export const say = {
  discover: (changes: Partial<Extract<PxeEvent, { event: "discover" }>> = {}): PxeEvent => ({
    event: "discover",
    ...machine,
    ...link,
    architecture: "x86-64 UEFI",
    firmware: "PXEClient:Arch:00007:UNDI:003001",
    uuid: null,
    broadcast: true,
    userClass: null,
    secs: 0,
    ...changes,
  }),
  bios: (): PxeEvent => say.discover({ architecture: "x86 BIOS" }),
  uefiHttp: (): PxeEvent => say.discover({ architecture: "x86-64 UEFI HTTP" }),
  offer: (boots = "ipxe.efi"): PxeEvent => ({
    event: "offer",
    ...machine,
    ...link,
    boots,
    way: "direct",
  }),
  takenElsewhere: (shared: boolean): PxeEvent => ({
    event: "taken-elsewhere",
    ...located,
    ...link,
    server: siteServer,
    shared,
  }),
  fullOffer: (): PxeEvent => ({
    event: "offer",
    ...located,
    ...link,
    boots: "ipxe.efi",
    way: "direct",
  }),
  competing: (
    changes: Partial<Extract<PxeEvent, { event: "competing-offer" }>> = {},
  ): PxeEvent => ({
    event: "competing-offer",
    ...machine,
    ...link,
    server: siteServer,
    offered: storyAddress,
    network: "192.168.77.0/24",
    reachesUs: true,
    pxe: false,
    bootFile: false,
    discovery: false,
    lacks: [],
    ...changes,
  }),
  unbeatable: (): PxeEvent => ({
    event: "unbeatable-server",
    ...machine,
    ...link,
    server: siteServer,
    reason: "",
  }),
  address: (): PxeEvent => ({ event: "address-learned", ...located, ...link }),
  lease: (): PxeEvent => ({ event: "lease-granted", ...located, ...link, leaseSeconds: 120 }),
  refused: (
    why: RefusalCode,
    { cause, remedy } = { cause: `because of ${why}`, remedy: "change that" },
  ): PxeEvent => ({
    event: "dhcp-refused",
    ...machine,
    ...link,
    why,
    reason: cause,
    remedy,
  }),
  dhcpFailed: (): PxeEvent => ({ event: "dhcp-failed", ...machine, ...link, reason: "disk full" }),
  logs: (text: string): Extract<PxeEvent, { event: "syslog" }> => ({
    event: "syslog",
    mac: null,
    address: storyAddress,
    facility: "kern",
    severity: "info",
    host: null,
    app: "ipxe",
    procid: null,
    msgid: null,
    data: null,
    text,
  }),
  tftpProbe: (): PxeEvent => ({ event: "tftp-probe", ...located, file: "ipxe.efi" }),
  tftpRefused: (errorCode: number, file = "ipxe.efi", reason = "file not found"): PxeEvent => ({
    event: "tftp-refused",
    ...located,
    file,
    errorCode,
    reason,
  }),
  loaderStart: (file = "ipxe.efi", bytes = 1_000_000): PxeEvent => ({
    event: "loader-start",
    ...located,
    file,
    protocol: "tftp",
    bytes,
  }),
  loaderDone: (file = "ipxe.efi", bytes = 1_000_000): PxeEvent => ({
    event: "loader-done",
    ...located,
    file,
    bytes,
    durationMs: 500,
    retransmissions: 0,
    protocol: "tftp",
    ...terms,
  }),
  tftpFailed: (
    bytesSent: number,
    silentMs = 20_000,
    blksize = 1468,
    reason = "the client stopped answering",
  ): PxeEvent => ({
    event: "tftp-failed",
    ...located,
    file: "ipxe.efi",
    reason,
    bytesSent,
    bytes: 1_000_000,
    silentMs,
    durationMs: 30_000,
    retransmissions: 6,
    ...terms,
    blksize,
  }),
  autoexec: (): PxeEvent => ({
    event: "autoexec",
    ...located,
    file: "autoexec.ipxe",
    protocol: "tftp",
  }),
  ipxeDiscover: (uuid: string | null = null): PxeEvent => ({
    event: "ipxe-discover",
    ...machine,
    ...link,
    architecture: "x86-64 UEFI",
    firmware: "PXEClient:Arch:00007:UNDI:003010",
    uuid,
    broadcast: true,
    userClass: "iPXE",
  }),
  ipxeOffer: (): PxeEvent => ({
    event: "ipxe-offer",
    ...machine,
    ...link,
    boots: `http://192.168.77.1:8080/${storyMac}/boot.ipxe`,
  }),
  script: (changes: Partial<Extract<PxeEvent, { event: "script" }>> = {}): PxeEvent => ({
    event: "script",
    ...located,
    uuid: null,
    serial: null,
    generation: "000001",
    ...changes,
  }),
  kernel: (): PxeEvent => ({
    event: "kernel",
    ...located,
    file: "vmlinuz-x86_64",
    bytes: 12_000_000,
    generation: "000001",
  }),
  kernelDone: (): PxeEvent => ({
    event: "kernel-done",
    ...located,
    file: "vmlinuz-x86_64",
    bytes: 12_000_000,
    durationMs: 900,
  }),
  initramfs: (): PxeEvent => ({
    event: "initramfs-start",
    ...located,
    file: "initramfs-x86_64",
    bytes: 400_000_000,
    generation: "000001",
  }),
  initramfsDone: (): PxeEvent => ({
    event: "initramfs-done",
    ...located,
    file: "initramfs-x86_64",
    bytes: 400_000_000,
    durationMs: 9000,
  }),
  aborted: (bytesSent: number, file = "initramfs-x86_64"): PxeEvent => ({
    event: "download-aborted",
    ...located,
    file,
    bytesSent,
    bytes: 400_000_000,
  }),
  httpRefused: (status: number, path = "/artifacts/vmlinuz-x86_64"): PxeEvent => ({
    event: "http-refused",
    ...located,
    path,
    status,
    reason: `because ${status}`,
  }),
  beacon: (
    stage: "booting" | "failed",
    errno: string | null = null,
  ): Extract<PxeEvent, { event: "beacon" }> => ({
    event: "beacon",
    ...located,
    stage,
    message: "try-1",
    errno,
    version: "1.21.1",
    platform: "efi",
    manufacturer: "Example",
    product: "Model 1",
  }),
  localBoot: (): PxeEvent => ({
    event: "local-boot",
    ...machine,
    way: "exit",
    reason: "once, and it reached the Micro-OS",
  }),
  systemDhcp: (): PxeEvent => ({ event: "system-dhcp", ...machine, ...link }),
  microOs: (): PxeEvent => ({ event: "micro-os", ...located, evidence: "beacon" }),
};

/** The same as another machine of the site says it. */
export function asOther(event: PxeEvent): PxeEvent {
  return "mac" in event ? { ...event, mac: otherMac, address: "192.168.77.101" } : event;
}
