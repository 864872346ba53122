import type { Finding } from "../lib/finding.ts";
import type { Moment } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { firstOf } from "../lib/first-of.ts";
import { GenerationHolds } from "./generation-holds.ts";
import { type Stage, stages } from "./stages.ts";

/** What is known of a machine when something of its boot is seen. Absent parts are filled in from earlier. */
export interface Sighting {
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
  readonly uuid?: string | null;
  readonly serial?: string | null;
  readonly generation?: string | null;
}

/** A machine by what is known of it. */
export type MachineKey = Pick<Sighting, "mac" | "address">;

export type StepDetail = Readonly<Record<string, string | number | boolean | null>>;

/** One stage of a boot: when it was first seen, how often, and what was last seen of it. */
export interface Step {
  readonly stage: Stage;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
  readonly detail: StepDetail;
}

/**
 * One boot of one machine as a timeline. Its times are monotonic (`Clock.now`), so that none of them
 * changes when the host's clock is set; only the start is also known in wall-clock time.
 */
export interface Boot {
  /** Unique within this process: the machine and the start. */
  readonly id: string;
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
  readonly uuid: string | null;
  readonly serial: string | null;
  /** The generation of the Micro-OS that it was last given something of. */
  readonly generation: string | null;
  /** Milliseconds since the Unix epoch, by the clock at that moment. */
  readonly startedWallMs: number;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** The furthest stage that was reached. */
  readonly stage: Stage;
  /** What is known to keep the machine from its loader; null when nothing is. */
  readonly obstacle: Finding | null;
  readonly steps: readonly Step[];
}

export interface SessionLimits {
  /** Machines that are remembered; the one seen longest ago is forgotten first. */
  readonly maxMachines: number;
  readonly maxBootsPerMachine: number;
}

// A machine that was silent for longer starts a new boot with whatever it does next.
const silenceMs = 10 * 60_000;
// EDK2 discovers at 0, 4, 12 and 28 s; a discover after a longer pause is a new power-on.
const discoverRetryMs = 60_000;

// The end of something belongs to the boot in which that began, however long it took.
const endOf: ReadonlyMap<Stage, Stage> = new Map([
  ["loader-done", "loader-start"],
  ["initramfs-done", "initramfs-start"],
  ["micro-os", "initramfs-start"],
]);

const order: ReadonlyMap<Stage, number> = new Map(stages.map((stage, index) => [stage, index]));

function rank(stage: Stage): number {
  return order.get(stage) ?? 0;
}

function reached(boot: Boot, stage: Stage): boolean {
  return rank(boot.stage) >= rank(stage);
}

/** The boots of all machines that were seen lately. Bounded in memory whatever the network sends. */
export class BootSessions {
  readonly #limits: SessionLimits;
  /** Boots by machine (its MAC, or its address while no MAC is known), newest first; least recently seen machine first. */
  readonly #machines: BoundedMap<string, Boot[]>;
  readonly #macByAddress: BoundedMap<Ip4, Mac>;
  readonly #holds: GenerationHolds;

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
        ? newBoot(key, stage, at)
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

  /** Notes what keeps a machine from its loader; of no consequence once it has that. */
  obstruct(machine: MachineKey, obstacle: Finding): void {
    const key = this.#keyOf(machine);
    const [boot, ...earlier] = this.#machines.get(key) ?? [];
    if (boot === undefined || reached(boot, "loader-start")) return;
    this.#store(key, [{ ...boot, obstacle }, ...earlier]);
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

  /** The machines whose MAC is known, in no order. */
  *macs(): Iterable<Mac> {
    for (const [boot] of this.#machines.values()) {
      if (boot !== undefined && boot.mac !== null) yield boot.mac;
    }
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

/** The order in which boots are listed. */
export function newestFirst(
  a: Pick<Boot, "startedAtMs" | "id">,
  b: Pick<Boot, "startedAtMs" | "id">,
): number {
  return b.startedAtMs - a.startedAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function startsNewBoot(current: Boot, stage: Stage, nowMs: number): boolean {
  const begun = endOf.get(stage);
  if (begun !== undefined && reached(current, begun)) return false;
  const silentMs = nowMs - current.updatedAtMs;
  if (silentMs > silenceMs) return true;
  switch (stage) {
    case "discover":
      return reached(current, "loader-start") || silentMs > discoverRetryMs;
    case "loader-start":
      return reached(current, "script");
    case "ipxe-discover":
      return reached(current, "script");
    case "script":
      return reached(current, "initramfs-done");
    case "offer":
    case "loader-done":
    case "ipxe-offer":
    case "kernel":
    case "initramfs-start":
    case "initramfs-done":
    case "micro-os":
      return false;
  }
}

function newBoot(key: string, stage: Stage, { nowMs, wallMs }: Moment): Boot {
  return {
    id: `${key.replace("address ", "")}@${new Date(wallMs).toISOString()}`,
    mac: null,
    address: null,
    uuid: null,
    serial: null,
    generation: null,
    startedWallMs: wallMs,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    stage,
    obstacle: null,
    steps: [],
  };
}

function withStep(
  boot: Boot,
  stage: Stage,
  seen: Sighting,
  detail: StepDetail,
  nowMs: number,
): Boot {
  const before = boot.steps.find((step) => step.stage === stage);
  const step: Step = {
    stage,
    firstAtMs: before?.firstAtMs ?? nowMs,
    lastAtMs: nowMs,
    count: (before?.count ?? 0) + 1,
    detail,
  };
  return {
    ...boot,
    address: seen.address ?? boot.address,
    uuid: seen.uuid ?? boot.uuid,
    serial: seen.serial ?? boot.serial,
    generation: seen.generation ?? boot.generation,
    updatedAtMs: nowMs,
    obstacle: rank(stage) < rank("loader-start") ? boot.obstacle : null,
    stage: rank(stage) > rank(boot.stage) ? stage : boot.stage,
    steps: [...boot.steps.filter((other) => other.stage !== stage), step].toSorted(
      (a, b) => a.firstAtMs - b.firstAtMs || rank(a.stage) - rank(b.stage),
    ),
  };
}
