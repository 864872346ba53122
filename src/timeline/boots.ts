import type { PxeEvent } from "../events/types.ts";
import type { Finding } from "../lib/finding.ts";
import type { Moment } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { firstOf } from "../lib/first-of.ts";
import { GenerationHolds } from "./generation-holds.ts";
import {
  type Boot,
  discoverRetryMs,
  type MachineKey,
  newBoot,
  newestFirst,
  type Sighting,
  silenceMs,
  startsNewBoot,
  type StepDetail,
  withStep,
} from "./boot.ts";
import { observed } from "./observations.ts";
import { type BootEvidence, interfaceOf } from "./rules/evidence.ts";
import { SiteObservations } from "./site-observations.ts";
import type { Stage } from "./stages.ts";

export interface SessionLimits {
  /** Machines that are remembered; the one seen longest ago is forgotten first. */
  readonly maxMachines: number;
  readonly maxBootsPerMachine: number;
}

/** The boots of all machines that were seen lately. Bounded in memory whatever the network sends. */
export class BootSessions {
  readonly #limits: SessionLimits;
  /** Boots by machine (its MAC, or its address while no MAC is known), newest first; least recently seen machine first. */
  readonly #machines: BoundedMap<string, Boot[]>;
  readonly #macByAddress: BoundedMap<Ip4, Mac>;
  readonly #holds: GenerationHolds;
  readonly #site = new SiteObservations();

  constructor(limits: SessionLimits = { maxMachines: 4096, maxBootsPerMachine: 5 }) {
    this.#limits = limits;
    this.#machines = new BoundedMap(limits.maxMachines);
    this.#macByAddress = new BoundedMap(limits.maxMachines);
    this.#holds = new GenerationHolds(limits.maxMachines, silenceMs);
  }

  /** Records that a machine reached a stage, in its current boot or a new one, and returns that boot. */
  record(stage: Stage, seen: Sighting, detail: StepDetail, at: Moment): Boot {
    const { nowMs } = at;
    const mac = seen.mac ?? this.machineAt(seen.address);
    if (seen.address !== null) {
      if (mac !== null) this.learnAddress(mac, seen.address);
      this.#hold(seen.address, stage, seen.generation ?? null, nowMs);
    }
    const key = this.#keyOf(seen);
    const boots = this.#machines.get(key) ?? [];
    const current = boots[0];
    const boot =
      current === undefined || startsNewBoot(current, stage, nowMs)
        ? newBoot(key, stage, at, current ?? null)
        : current;
    const updated = withStep({ ...boot, mac: mac ?? boot.mac }, stage, seen, detail, nowMs);
    this.#store(key, [updated, ...(boot === current ? boots.slice(1) : boots)]);
    return updated;
  }

  /** Notes which machine an address belongs to; what was recorded for the bare address becomes the machine's. */
  learnAddress(mac: Mac, address: Ip4): void {
    if (this.#macByAddress.get(address) === mac) return;
    this.#macByAddress.set(address, mac);
    const nameless = this.#machines.get(`address ${address}`);
    if (nameless !== undefined && !this.#machines.has(mac)) {
      this.#machines.delete(`address ${address}`);
      this.#store(
        mac,
        nameless.map((boot) => ({ ...boot, mac })),
      );
    }
  }

  /** The machine that an address is known to belong to. */
  machineAt(address: Ip4 | null): Mac | null {
    return address === null ? null : (this.#macByAddress.get(address) ?? null);
  }

  /** The boot that a machine is in, or went through last. */
  latest(machine: MachineKey): Boot | null {
    return this.#machines.get(this.#keyOf(machine))?.[0] ?? null;
  }

  /** A download to the machine moves on: its boot does not stand still. */
  progress(machine: MachineKey, nowMs: number): void {
    if (machine.address !== null) this.#holds.refresh(machine.address, nowMs);
    const key = this.#keyOf(machine);
    const [boot, ...earlier] = this.#machines.get(key) ?? [];
    if (boot === undefined || boot.stage === "micro-os") return;
    this.#store(key, [{ ...boot, updatedAtMs: nowMs }, ...earlier]);
  }

  /** Notes what an event says beside the stages; what no boot is known for tells of the site at most. */
  observe(event: PxeEvent, nowMs: number): void {
    const key = "mac" in event ? this.#keyOf(event) : null;
    this.#site.note(event, key, nowMs);
    const [boot, ...earlier] = (key === null ? undefined : this.#machines.get(key)) ?? [];
    if (key === null || boot === undefined) return;
    const seen = observed(boot.seen, event, nowMs);
    if (seen !== boot.seen) this.#store(key, [{ ...boot, seen }, ...earlier]);
  }

  /** What the rules judge a boot by. */
  evidence(boot: Boot, nowMs: number): BootEvidence {
    const key = this.#keyOf(boot);
    const boots = this.#machines.get(key) ?? [];
    const at = boots.findIndex(({ id }) => id === boot.id);
    const earlier = at === -1 ? [] : boots.slice(at + 1);
    return { boot, earlier, site: this.#site.evidence(key, interfaceOf(boot), nowMs) };
  }

  /**
   * Notes why a machine that asked to boot is not served. It has a boot by that, at stage `discover`, even
   * when nothing else is heard of it.
   */
  refuse(seen: Sighting, refusal: Finding, detail: StepDetail, at: Moment): void {
    const latest = this.latest(seen);
    const isOver =
      latest === null ||
      latest.stage === "micro-os" ||
      at.nowMs - latest.updatedAtMs > discoverRetryMs;
    if (isOver) this.record("discover", seen, detail, at);
    const key = this.#keyOf(seen);
    const [boot, ...earlier] = this.#machines.get(key) ?? [];
    if (boot === undefined) return;
    this.#store(key, [{ ...boot, refusal, updatedAtMs: at.nowMs }, ...earlier]);
  }

  /** Whether an operating system heard from this machine must be the Micro-OS that it was just handed. */
  awaitsMicroOs(machine: MachineKey, nowMs: number): boolean {
    const boot = this.latest(machine);
    return (
      boot !== null && boot.stage === "initramfs-done" && nowMs - boot.updatedAtMs <= silenceMs
    );
  }

  /** The generation that an address boots from; null when it has not begun with one lately. */
  generationFor(address: Ip4 | null, nowMs: number): string | null {
    return address === null ? null : this.#holds.get(address, nowMs);
  }

  /** Generations that boots under way still need. */
  generationsInUse(nowMs: number): ReadonlySet<string> {
    return this.#holds.inUse(nowMs);
  }

  /** The newest of the boots that are wanted, newest first. */
  newest(limit: number, isWanted: (boot: Boot) => boolean): readonly Boot[] {
    return firstOf(this.#wanted(isWanted), limit, newestFirst);
  }

  /** The boot that each machine is in, or went through last. */
  current(): readonly Boot[] {
    return [...this.#machines.values()].flatMap(([boot]) => boot ?? []);
  }

  /** All remembered boots, newest first. */
  list(): readonly Boot[] {
    return [...this.#machines.values()].flat().toSorted((a, b) => b.startedAtMs - a.startedAtMs);
  }

  *#wanted(isWanted: (boot: Boot) => boolean): Iterable<Boot> {
    for (const boots of this.#machines.values()) {
      for (const boot of boots) if (isWanted(boot)) yield boot;
    }
  }

  /** A script begins with its generation; what follows only uses it, unless there was no script. */
  #hold(address: Ip4, stage: Stage, generation: string | null, nowMs: number): void {
    const begins = stage === "script" || generation !== this.#holds.get(address, nowMs);
    if (generation !== null && begins) this.#holds.begin(address, generation, nowMs);
    else this.#holds.refresh(address, nowMs);
  }

  #keyOf({ mac, address }: MachineKey): string {
    return mac ?? this.machineAt(address) ?? `address ${address ?? "unknown"}`;
  }

  #store(key: string, boots: readonly Boot[]): void {
    const latest = boots.slice(0, this.#limits.maxBootsPerMachine);
    this.#machines.set(key, latest);
  }
}
