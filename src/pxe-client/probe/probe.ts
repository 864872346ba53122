import { BindError } from "../../lib/errors.ts";
import type { Finding } from "../../lib/finding.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { OpenUdp, UdpSocket } from "../../net/udp.ts";
import { type Choice, chooseBoot, chooseFromAnswer, ipxeHasDecided } from "./boot-choice.ts";
import type { BootSource } from "../wire/boot-source.ts";
import { bootRequest, bootServerRequest, type MachineIdentity } from "../wire/dhcp-requests.ts";
import { newXid } from "../wire/dhcp-wire.ts";
import {
  askBootServer,
  BOOT_SERVER_PORT,
  type ClientPort,
  collectOffers,
} from "../wire/discovery.ts";
import { whyAskedInVain, whyOutOfReach } from "./boot-rules.ts";
import { denialEvidence } from "./denial.ts";
import type { FileRole } from "./download-rules.ts";
import { BootFailure } from "../wire/failure.ts";
import { type FetchSite, fetchSource, isTftpPortClosed, resolveSource } from "../wire/fetch.ts";
import type { HttpAnswer } from "../wire/http-read.ts";
import { Inbox } from "../wire/inbox.ts";
import { type ScriptDownloads, type ScriptSettings } from "./ipxe-interpreter.ts";
import type { Offer } from "../wire/offers.ts";
import { diagnoseProbe, type ProbeFailure } from "./rules.ts";
import { followScripts } from "./scripts.ts";
import { describeChoice, describeServer, locationOf, type ServerHeard } from "./report.ts";

export type StepName =
  | "discover"
  | "boot-server"
  | "loader"
  | "ipxe-discover"
  | "ipxe-boot-server"
  | "script"
  | "kernel"
  | "initramfs";

export interface ProbeStep {
  readonly step: StepName;
  readonly ok: boolean;
  readonly ms: number;
  readonly bytes?: number;
  /** In hex. */
  readonly sha256?: string;
  /** What was chosen, where a file came from, or what went wrong. */
  readonly detail: string;
}

export interface ProbeResult {
  readonly wouldBoot: boolean;
  readonly steps: readonly ProbeStep[];
  /** Every server that answered, once for each stage of the boot. */
  readonly servers: readonly ServerHeard[];
  readonly failure: Finding | null;
}

export interface ProbeSite extends FetchSite {
  readonly interface: string;
  /** Port 68 of the interface, for broadcasts in and out. */
  readonly clientPort: UdpSocket;
  readonly openUdp: OpenUdp;
  /** The hardware address of an unknown client, to tell a denied machine from a missing server. */
  readonly unknownMac: Mac;
  readonly onStep: (step: ProbeStep, servers: readonly ServerHeard[]) => void;
}

type Stage = "firmware" | "ipxe";

/** The probe found where the boot stops. */
class Stopped extends Error {
  readonly failure: ProbeFailure;

  constructor(failure: ProbeFailure) {
    super(failure.kind);
    this.failure = failure;
  }
}

/**
 * Plays a PXE client from power-on to the last byte of the initramfs, without taking a lease: an
 * offer tells enough, and all downloads go to this host's own address. Nothing downloaded is kept.
 *
 * @throws BindError when a local port cannot be had
 */
export async function probe(machine: MachineIdentity, site: ProbeSite): Promise<ProbeResult> {
  const run = new ProbeRun(machine, site);
  try {
    await run.boot();
    return { wouldBoot: true, steps: run.steps, servers: run.servers, failure: null };
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    const failure = diagnoseProbe(error.failure);
    return { wouldBoot: false, steps: run.steps, servers: run.servers, failure };
  }
}

class ProbeRun {
  readonly steps: ProbeStep[] = [];
  readonly servers: ServerHeard[] = [];
  readonly #machine: MachineIdentity;
  readonly #site: ProbeSite;
  readonly #port: ClientPort;

  constructor(machine: MachineIdentity, site: ProbeSite) {
    this.#machine = machine;
    this.#site = site;
    this.#port = { socket: site.clientPort, inbox: new Inbox(site.clientPort) };
  }

  async boot(): Promise<void> {
    if (this.#machine.firmware !== "ipxe") {
      const { source } = await this.#discover("firmware");
      await this.#download("loader", source, false);
    }
    const told = await this.#discover("ipxe");
    const { downloads, base } = await this.#script(told.source, told.offer);
    for (const [role, target] of [
      ["kernel", downloads.kernelUrl],
      ["initramfs", downloads.initrdUrl],
    ] as const) {
      const source = resolveSource(target, base);
      if (source === null) {
        const seen = `it fetches ${role} from ${target}`;
        throw new Stopped({ kind: "script", location: locationOf(base), seen });
      }
      await this.#download(role, source, false);
    }
  }

  /** DHCP, and port 4011 where the offer asks for it. */
  async #discover(stage: Stage): Promise<Extract<Choice, { kind: "load" }>> {
    const firmware = stage === "ipxe" ? "ipxe" : this.#machine.firmware;
    const step = stage === "ipxe" ? "ipxe-discover" : "discover";
    const startMs = performance.now();
    // As iPXE after a loader: the first stage has heard every server by then.
    const hurry = stage === "ipxe" && this.#machine.firmware !== "ipxe";
    const offers = await collectOffers(
      this.#port,
      bootRequest(this.#machine, newXid(), stage, null),
      {
        usable: (seen) => chooseBoot(firmware, seen).kind !== "nothing",
        decided: (seen) => hurry && ipxeHasDecided(seen),
      },
    );
    const heard = offers.map((offer) => describeServer(stage, offer));
    this.servers.push(...heard);
    const choice = chooseBoot(firmware, offers);
    // This host reaches the server by an address of its own; the machine has the one that it is offered.
    const offered = { mac: this.#machine.mac, firmware, offers };
    const source = choice.kind === "load" ? choice.source : null;
    const lost = source?.kind === "tftp" ? whyOutOfReach(offered, source.server) : null;
    const ok = choice.kind !== "nothing" && lost === null;
    this.#report({ step, ok, ms: since(startMs), detail: describeChoice(choice) }, heard);
    if (lost !== null) throw new Stopped({ kind: "found", finding: lost });
    switch (choice.kind) {
      case "load":
        return choice;
      case "ask":
        return this.#askBootServer(stage, choice, offers);
      case "nothing": {
        const evidence =
          choice.reason.why === "no-boot-information"
            ? await denialEvidence(this.#machine, choice.reason.servers, this.#port, this.#site)
            : { bootsOthers: null, refusal: null };
        const { mac } = this.#machine;
        const unsent = this.#port.inbox.failure?.message ?? null;
        const about = { mac, firmware, interface: this.#site.interface, unsent };
        throw new Stopped({
          kind: "nothing",
          reason: choice.reason,
          evidence: { ...about, ...evidence },
        });
      }
    }
  }

  async #askBootServer(
    stage: Stage,
    choice: Extract<Choice, { kind: "ask" }>,
    offers: readonly Offer[],
  ): Promise<Extract<Choice, { kind: "load" }>> {
    const step = stage === "ipxe" ? "ipxe-boot-server" : "boot-server";
    const startMs = performance.now();
    const { address, openUdp } = this.#site;
    const { server, itemType, offer } = choice;
    const serverId = stage === "ipxe" ? offer.server : null;
    const told = { address, serverId, itemType };
    const request = bootServerRequest(this.#machine, newXid(), stage, told);
    // EDK2 asks from port 4011, iPXE from 68.
    const own = stage === "ipxe" ? null : await openOrNull(openUdp, address);
    const port = own === null ? this.#port : { socket: own, inbox: new Inbox(own) };
    const answer = await askBootServer(port, request, server, stage === "ipxe").finally(() =>
      own?.close(),
    );
    const ms = since(startMs);
    if (answer === null) {
      this.#report({ step, ok: false, ms, detail: `no answer from ${server}:4011` });
      const unbeatable = choice.unbeatable ? offer.server : null;
      const offered = { mac: this.#machine.mac, firmware: this.#machine.firmware, offers };
      const finding = choice.unbeatable ? null : whyAskedInVain(offered, offer);
      if (finding !== null) throw new Stopped({ kind: "found", finding });
      const proxies = offers.filter((one) => one.address === null).map((one) => one.server);
      throw new Stopped({ kind: "boot-server", server, answered: false, unbeatable, proxies });
    }
    const next = chooseFromAnswer(stage === "ipxe" ? "ipxe" : this.#machine.firmware, answer);
    if (next?.kind !== "load") {
      this.#report({ step, ok: false, ms, detail: `${server}:4011 names no boot file` });
      throw new Stopped({
        kind: "boot-server",
        server,
        answered: true,
        unbeatable: null,
        proxies: [],
      });
    }
    this.#report({ step, ok: true, ms, detail: `${server}:4011: ${locationOf(next.source)}` });
    return next;
  }

  /** The script, and those that it hands over to. */
  async #script(
    first: BootSource,
    offer: Offer,
  ): Promise<{ readonly downloads: ScriptDownloads; readonly base: BootSource }> {
    const { mac } = this.#machine;
    const settings = settingsOf(this.#machine, offer, this.#site.address);
    const read = async (source: BootSource) => (await this.#download("script", source, true)).text;
    const end = await followScripts(first, settings, read);
    if (end.kind === "downloads") return end;
    if (end.kind === "script") throw new Stopped(end);
    const detail = "it sends the machine on to its disk";
    this.#report({ step: "script", ok: false, ms: 0, detail });
    throw new Stopped({ ...end, mac });
  }

  async #download(role: FileRole, source: BootSource, keep: boolean): Promise<HttpAnswer> {
    const startMs = performance.now();
    const detail = locationOf(source);
    try {
      const answer = await fetchSource(source, this.#site, keep);
      const { bytes, sha256 } = answer;
      this.#report({ step: role, ok: true, ms: since(startMs), bytes, sha256, detail });
      return answer;
    } catch (error) {
      if (!(error instanceof BootFailure)) throw error;
      this.#report({ step: role, ok: false, ms: since(startMs), detail: error.message });
      const { fault } = error;
      const silentTftp = source.kind === "tftp" && fault.kind === "silent";
      const portClosed = silentTftp && (await isTftpPortClosed(source.server, this.#site));
      const { mac } = this.#machine;
      throw new Stopped({ kind: "download", role, source, fault, portClosed, mac });
    }
  }

  #report(step: ProbeStep, servers: readonly ServerHeard[] = []): void {
    this.steps.push(step);
    this.#site.onStep(step, servers);
  }
}

function since(startMs: number): number {
  return Math.round(performance.now() - startMs);
}

/** Null when a server on this host has the port; then port 68 must do, to which a boot server answers as well. */
async function openOrNull(openUdp: OpenUdp, address: Ip4): Promise<UdpSocket | null> {
  try {
    return await openUdp({ address, port: BOOT_SERVER_PORT });
  } catch (error) {
    if (error instanceof BindError) return null;
    throw error;
  }
}

/** What iPXE knows of itself when a script runs. */
function settingsOf(machine: MachineIdentity, offer: Offer, ownAddress: Ip4): ScriptSettings {
  const { mac, uuid, firmware } = machine;
  const ip = offer.address ?? ownAddress;
  return {
    mac,
    ip,
    uuid,
    "net0/mac": mac,
    "net0/ip": ip,
    "netX/mac": mac,
    "netX/ip": ip,
    "next-server": offer.nextServer ?? "",
    filename: offer.bootFile ?? "",
    buildarch: "x86_64",
    platform: firmware === "bios" ? "pcbios" : "efi",
  };
}
