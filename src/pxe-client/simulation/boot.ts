import type { Ip4 } from "../../lib/ip4.ts";
import { messageOf } from "../../lib/errors.ts";
import { chooseFromAnswer } from "../probe/boot-choice.ts";
import { readChain, readDownloads, readReports } from "../probe/ipxe-interpreter.ts";
import type { BootSource } from "../wire/boot-source.ts";
import { bootServerRequest } from "../wire/dhcp-requests.ts";
import { newXid } from "../wire/dhcp-wire.ts";
import { BootFailure } from "../wire/failure.ts";
import { resolveSource } from "../wire/fetch.ts";
import { type Lease, type LeaseStage, releaseLease, takeLease } from "./lease.ts";
import { askPort4011, type Counters, fetchFile, type MachineWire } from "./machine-wire.ts";
import type { MachineOutcome, SimulatedMachine, SimulatedStage, Span } from "./plan.ts";

/** Scripts that hand over to another one, one after the other. */
const maxScripts = 5;
/** A script fetches a file again after this long; so often. */
const fetchPauseMs = 10_000;
const fetchTries = 3;

export interface SimulatedBoot {
  readonly outcome: MachineOutcome;
  /** Gives its lease back; its address has to be gone from this host before. */
  release(): void;
}

/**
 * Plays one machine from power-on to the operating system's own DHCP request. Never rejects for what a server
 * does or does not do: that is the outcome.
 *
 * @param originMs what the outcome's times are counted from, on the clock of `performance.now`
 * @param onStage hears of each stage that begins, and null at the end
 */
export async function simulateBoot(
  machine: SimulatedMachine,
  wire: MachineWire,
  originMs: number,
  onStage: (stage: SimulatedStage | null) => void,
): Promise<SimulatedBoot> {
  const boot = new Boot(machine, wire, originMs, onStage);
  return { outcome: await boot.outcome(), release: () => boot.release() };
}

class Boot {
  readonly #machine: SimulatedMachine;
  readonly #wire: MachineWire;
  readonly #originMs: number;
  readonly #onStage: (stage: SimulatedStage | null) => void;
  readonly #spans: Span[] = [];
  readonly #answersMs: number[] = [];
  #stage: SimulatedStage = "dhcp";
  #bytes = 0;
  #repeats = 0;
  #lease: Lease | null = null;
  readonly #counters: Counters = {
    answered: (ms) => void this.#answersMs.push(ms),
    repeated: () => void (this.#repeats += 1),
    downloaded: (bytes) => void (this.#bytes += bytes),
  };

  constructor(
    machine: SimulatedMachine,
    wire: MachineWire,
    originMs: number,
    onStage: (stage: SimulatedStage | null) => void,
  ) {
    this.#machine = machine;
    this.#wire = wire;
    this.#originMs = originMs;
    this.#onStage = onStage;
  }

  release(): void {
    if (this.#lease !== null) releaseLease(this.#machine, this.#wire, this.#lease);
  }

  async outcome(): Promise<MachineOutcome> {
    let failure: MachineOutcome["failure"] = null;
    try {
      await this.#boot();
    } catch (error) {
      if (!(error instanceof BootFailure)) throw error;
      failure = { stage: this.#stage, reason: messageOf(error) };
    }
    this.#onStage(null);
    return {
      index: this.#machine.index,
      failure,
      spans: this.#spans,
      answersMs: this.#answersMs,
      bytes: this.#bytes,
      repeats: this.#repeats,
    };
  }

  async #boot(): Promise<void> {
    const { firmware } = this.#machine;
    const lease = await this.#leaseAs("dhcp", "firmware");
    const loader = await this.#source("firmware", lease);
    await this.#timed("loader", () =>
      this.#fetch(lease.address, loader, false, firmware !== "bios"),
    );
    const asIpxe = await this.#leaseAs("ipxe-dhcp", "ipxe");
    const own = asIpxe.address;
    const first = await this.#source("ipxe", asIpxe);
    const { text, base } = await this.#timed("script", () => this.#script(own, first));
    const settings = this.#settings(own);
    const downloads = readDownloads(text, settings);
    if (downloads === null) throw new BootFailure("the script fetches no kernel and initramfs");
    for (const [stage, target] of [
      ["kernel", downloads.kernelUrl],
      ["initramfs", downloads.initrdUrl],
    ] as const) {
      await this.#timed(stage, () => this.#persistently(own, resolved(target, base)));
    }
    for (const target of readReports(text, settings)) {
      await this.#timed("report", () => this.#fetch(own, resolved(target, base), false, false));
    }
    await this.#leaseAs("system-dhcp", "system");
  }

  async #leaseAs(timedAs: SimulatedStage, stage: LeaseStage): Promise<Lease> {
    const take = () => takeLease(this.#machine, this.#wire, stage, this.#counters);
    // Where nobody is asked there is nothing to time.
    if (this.#wire.dhcp === null) return take();
    this.#lease = await this.#timed(timedAs, take);
    return this.#lease;
  }

  async #timed<T>(stage: SimulatedStage, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now() - this.#originMs;
    this.#stage = stage;
    this.#onStage(stage);
    try {
      return await work();
    } finally {
      this.#spans.push({ stage, startMs, endMs: performance.now() - this.#originMs });
    }
  }

  /** What is loaded, after asking a boot server on port 4011 where the offers say so. */
  async #source(stage: "firmware" | "ipxe", { address, choice }: Lease): Promise<BootSource> {
    if (choice?.kind === "load") return choice.source;
    const { target } = this.#wire.plan;
    const asked = choice?.kind === "ask" ? choice : { server: target, itemType: 0 };
    const told = {
      address,
      // iPXE names the server, EDK2 does not.
      serverId: stage === "ipxe" ? asked.server : null,
      itemType: asked.itemType,
    };
    return this.#timed("boot-server", async () => {
      const request = bootServerRequest(this.#machine, newXid(), stage, told);
      const answer = await askPort4011(this.#wire, address, asked.server, request, this.#counters);
      const firmware = stage === "ipxe" ? "ipxe" : this.#machine.firmware;
      const next = answer === null ? null : chooseFromAnswer(firmware, answer);
      if (next?.kind === "load") return next.source;
      const what = answer === null ? "did not answer" : "named no boot file";
      throw new BootFailure(`the boot server ${asked.server}:4011 ${what}`);
    });
  }

  async #script(own: Ip4, first: BootSource): Promise<{ text: string; base: BootSource }> {
    let base = first;
    for (let count = 0; count < maxScripts; count += 1) {
      const text = await this.#fetch(own, base, true, false);
      if (!/^#!ipxe\s/.test(text)) throw new BootFailure("the script does not begin with #!ipxe");
      const settings = this.#settings(own);
      const next = readDownloads(text, settings) === null ? readChain(text, settings) : null;
      if (next === null) return { text, base };
      base = resolved(next, base);
    }
    throw new BootFailure(`${maxScripts} scripts hand over to one another`);
  }

  /** As the orchestrator's script does: again after a while, a few times. */
  async #persistently(own: Ip4, source: BootSource): Promise<void> {
    for (let left = fetchTries - 1; ; left -= 1) {
      try {
        await this.#fetch(own, source, false, false);
        return;
      } catch (error) {
        if (!(error instanceof BootFailure) || left === 0) throw error;
        this.#counters.repeated();
        await this.#wire.loop.sleep(fetchPauseMs);
      }
    }
  }

  #fetch(own: Ip4, source: BootSource, keep: boolean, asFirmware: boolean): Promise<string> {
    return fetchFile(this.#wire, own, source, this.#counters, { keep, asFirmware });
  }

  #settings(ip: Ip4): Readonly<Record<string, string>> {
    const { mac, uuid, firmware } = this.#machine;
    const platform = firmware === "bios" ? "pcbios" : "efi";
    const net = { "net0/mac": mac, "net0/ip": ip, "netX/mac": mac, "netX/ip": ip };
    return { mac, ip, uuid, ...net, buildarch: "x86_64", platform };
  }
}

function resolved(target: string, base: BootSource): BootSource {
  const source = resolveSource(target, base);
  if (source === null)
    throw new BootFailure(`the script fetches ${target}, which is neither HTTP nor TFTP`);
  return source;
}
