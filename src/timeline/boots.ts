import type { PxeEvent } from "../events/types.ts";
import type { Finding } from "../lib/finding.ts";
import type { Moment } from "../lib/clock.ts";
import { atOnce, firstWanted } from "../lib/lists/turns.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { AddressOwners } from "./address-owners.ts";
import { identityBy } from "./claims.ts";
import { BootHistory, type HistoryLimits, type HistoryListener } from "./boot-history.ts";
import type { KeptBoot } from "./boot-record.ts";
import { GenerationHolds } from "./generation-holds.ts";
import {
  awaitsMicroOs,
  type Boot,
  goesOnElsewhere,
  isBehind,
  keepProgressMs,
  type MachineKey,
  newBoot,
  type Sighting,
  silenceMs,
  startsNewBoot,
  type StepDetail,
  withStep,
} from "./boot.ts";
import { givenAfter, observed } from "./observations.ts";
import { type BootEvidence, interfaceOf } from "./rules/evidence.ts";
import { SharedIdentities } from "./site/shared-identities.ts";
import { SiteObservations, tellsOfPassing } from "./site/site-observations.ts";
import { type Pace, StageTimes } from "./site/stage-times.ts";
import type { Stage } from "./stages.ts";
import type { PlannedTraces } from "./traces.ts";

export interface SessionLimits extends HistoryLimits {
  /** Addresses whose machine, and whose generation, is remembered. */
  readonly addresses: number;
}

const usualLimits: SessionLimits = { keepBoots: 10_000, bootsPerMachine: 50, addresses: 4096 };

/** The boots of all machines that were seen lately. Bounded in memory whatever the network sends. */
export class BootSessions {
  /** By machine: its MAC, or its address while no MAC is known. */
  readonly #history: BootHistory;
  readonly #owners: AddressOwners;
  readonly #holds: GenerationHolds;
  readonly #site = new SiteObservations();
  readonly #times = new StageTimes();
  readonly #identities = new SharedIdentities();
  /** Null: boots are not traced. */
  readonly traces: PlannedTraces | null;

  constructor(given: Partial<SessionLimits> = {}, traces: PlannedTraces | null = null) {
    this.traces = traces;
    const limits = { ...usualLimits, ...given };
    this.#history = new BootHistory(limits);
    this.#owners = new AddressOwners(limits.addresses);
    this.#holds = new GenerationHolds(limits.addresses, silenceMs);
  }

  /** Tells what is new, to keep it elsewhere. */
  follow(listener: HistoryListener): void {
    this.#history.listeners.push(listener);
  }

  /** Takes up boots that were kept, in the order in which they began. */
  restore(kept: readonly KeptBoot[], nowMs: number): void {
    for (const { boot, events } of kept) {
      this.#history.put(this.#keyOf({ mac: boot.mac, address: boot.address }), boot);
      for (const text of events) this.#history.addEvent(boot.number, text);
      this.#identities.noteKept(boot, events, boot.updatedAtMs);
    }
    const byTime = kept.map(({ boot }) => boot).toSorted((a, b) => a.updatedAtMs - b.updatedAtMs);
    for (const boot of byTime) {
      if (boot.stage === "micro-os") this.#times.note(boot);
      const { mac, address, generation, updatedAtMs } = boot;
      this.#site.noteKept(boot, this.#keyOf(boot));
      if (address === null) continue;
      if (mac !== null && boot.isAddressProved) this.#owners.learn(mac, address);
      else if (mac !== null) this.#owners.claim(mac, address);
      const isUnderWay = boot.stage !== "micro-os" && nowMs - updatedAtMs <= silenceMs;
      if (generation !== null && isUnderWay) this.#holds.begin(address, generation, updatedAtMs);
    }
  }

  /** Records that a machine reached a stage, in its current boot or a new one, and returns that boot. */
  record(stage: Stage, seen: Sighting, detail: StepDetail, at: Moment): Boot {
    const { nowMs } = at;
    const mac = seen.mac ?? this.machineAt(seen.address);
    if (seen.address !== null) {
      if (mac !== null && this.#owners.claim(mac, seen.address)) this.#join(mac, seen.address);
      this.#hold(seen.address, stage, seen.generation ?? null, nowMs);
    }
    const key = this.#keyOf(seen);
    const current = this.#history.latest(key);
    const boot =
      current === null || startsNewBoot(current, stage, nowMs)
        ? newBoot(this.#history.next(key, this.traces), stage, at, current)
        : current;
    const owner = { mac: mac ?? boot.mac, isAddressProved: this.#isProved(boot, seen) };
    const updated = withStep(boot, stage, seen, detail, nowMs, owner);
    this.#history.put(key, updated);
    if (stage === "micro-os" && boot.stage !== "micro-os") this.#times.note(updated);
    return updated;
  }

  #isProved(boot: Boot, { mac, address }: Sighting): boolean {
    if (address === null) return boot.isAddressProved;
    return mac !== null && this.#owners.ownerOf(address) === mac;
  }

  /** Notes which machine an address belongs to; what was recorded for the bare address becomes the machine's. */
  learnAddress(mac: Mac, address: Ip4): void {
    if (!this.#owners.learn(mac, address)) return;
    this.#join(mac, address);
    const boot = this.#history.latest(mac);
    if (boot !== null) this.#history.put(mac, { ...boot, address, isAddressProved: true });
  }

  /** What was recorded for the bare address becomes the machine's. */
  #join(mac: Mac, address: Ip4): void {
    const nameless = `address ${address}`;
    if (this.#history.latest(nameless) !== null && this.#history.latest(mac) === null) {
      this.#history.rename(nameless, mac, (boot) => ({ ...boot, mac }));
    }
  }

  /** The machine that an address is known to belong to, or else the one that requests from there name. */
  machineAt(address: Ip4 | null): Mac | null {
    return this.#owners.machineAt(address);
  }

  /** The machine that an address is known by DHCP to belong to. */
  ownerOf(address: Ip4 | null): Mac | null {
    return this.#owners.ownerOf(address);
  }

  /** The machine that a request from an address of nobody's is taken for. */
  claimant(named: MachineKey): Mac | null {
    return this.#owners.claimant(named);
  }

  /** The boot that a machine is in, or went through last. */
  latest(machine: MachineKey): Boot | null {
    return this.#history.latest(this.#keyOf(machine));
  }

  /** A download to the machine moves on, `bytes` of it have left: its boot does not stand still. */
  progress(machine: MachineKey, nowMs: number, bytes: number | null = null): void {
    if (machine.address !== null) this.#holds.refresh(machine.address, nowMs);
    const key = this.#keyOf(machine);
    const boot = this.#history.latest(key);
    if (boot === null || boot.stage === "micro-os") return;
    const download = bytes === null ? boot.download : { bytes, atMs: nowMs };
    // Which may be each second of each machine is not kept each time.
    const isKept =
      Math.floor(nowMs / keepProgressMs) > Math.floor(boot.updatedAtMs / keepProgressMs);
    this.#history.put(key, { ...boot, updatedAtMs: nowMs, download }, isKept);
  }

  /** Notes what an event says beside the stages, `isClaim`: by its own word alone; of no known boot, of the site at most. */
  observe(event: PxeEvent, { nowMs, wallMs }: Moment, isClaim = false): void {
    const key = "mac" in event ? this.#keyOf(event) : null;
    this.#site.note(event, key, nowMs);
    const boot = key === null ? null : this.#history.latest(key);
    if (key === null || boot === null) return;
    const seen = observed(boot.seen, event, nowMs);
    const given = givenAfter(boot.given, event, nowMs, isClaim);
    const isNews = seen !== boot.seen || given !== boot.given;
    const next = isNews ? { ...boot, seen, given } : boot;
    if (isNews) this.#history.put(key, next);
    this.#identities.note(boot, event, nowMs);
    const passes = boot.stage === "offer" && seen.addressAtMs !== null && !goesOnElsewhere(next);
    if (passes || tellsOfPassing.has(event.event)) this.#site.notePassing(key, passes, nowMs);
    // As `{ at, ...event }` would be, without the copy.
    const kept = `{"at":"${new Date(wallMs).toISOString()}",${JSON.stringify(event).slice(1)}`;
    this.#history.addEvent(boot.number, kept);
  }

  /** How long a boot that has not come up is at its stage; null: nothing is known to compare that with. */
  paceOf(boot: Boot, nowMs: number): Pace | null {
    return this.#times.paceOf(boot, nowMs);
  }

  /** What the rules judge a boot by. */
  evidence(boot: Boot, nowMs: number): BootEvidence {
    const key = this.#keyOf(boot);
    const earlier = this.#history.of(key).filter(({ number }) => number < boot.number);
    const site = {
      ...this.#site.evidence(key, interfaceOf(boot), nowMs),
      otherCard: this.#site.otherCard(boot, nowMs),
      shared: this.#identities.sharedWith(boot, nowMs),
    };
    return { boot, earlier, site };
  }

  /**
   * Notes why a machine that asked to boot is not served. It has a boot by that, at stage `discover`, even
   * when nothing else is heard of it.
   */
  refuse(seen: Sighting, refusal: Finding, detail: StepDetail, at: Moment): void {
    const latest = this.latest(seen);
    if (latest === null || isBehind(latest, at.nowMs)) this.record("discover", seen, detail, at);
    const one = this.latest(seen);
    if (one !== null)
      this.#history.put(this.#keyOf(seen), { ...one, refusal, updatedAtMs: at.nowMs });
  }

  /** Notes that a machine that asked was sent on to its own disk. */
  sendOn(seen: Sighting, detail: StepDetail, at: Moment): void {
    const latest = this.latest(seen);
    const begins = latest === null || isBehind(latest, at.nowMs);
    const boot = begins ? this.record("discover", seen, detail, at) : latest;
    const updated = {
      ...boot,
      ...identityBy(boot, seen),
      isLocal: true,
      refusal: null,
      updatedAtMs: at.nowMs,
    };
    this.#history.put(this.#keyOf(seen), updated);
  }

  /** Notes what the machine says of itself. */
  describe(machine: MachineKey, { vendor, model }: Pick<Boot, "vendor" | "model">): void {
    const key = this.#keyOf(machine);
    const boot = this.#history.latest(key);
    if (boot === null || (vendor === null && model === null)) return;
    const told = { vendor: vendor ?? boot.vendor, model: model ?? boot.model };
    this.#history.put(key, { ...boot, ...told });
  }

  /** Whether an operating system heard from this machine must be the Micro-OS that it was just handed. */
  awaitsMicroOs(machine: MachineKey, nowMs: number): boolean {
    const boot = this.latest(machine);
    return boot !== null && awaitsMicroOs(boot, nowMs);
  }

  /** The generation that an address boots from; null when it has not begun with one lately. */
  generationFor(address: Ip4 | null, nowMs: number): string | null {
    return address === null ? null : this.#holds.get(address, nowMs);
  }

  /** Generations that boots under way still need. */
  generationsInUse(nowMs: number): ReadonlySet<string> {
    return this.#holds.inUse(nowMs);
  }

  /** The newest `limit` of the boots that are wanted, newest first; of those that began before that number. */
  newest(limit: number, isWanted: (boot: Boot) => boolean, before = Infinity): readonly Boot[] {
    return atOnce(firstWanted(this.#history.newestFirst(before), limit, isWanted));
  }

  /** The machine's boots, newest first. */
  bootsOf(mac: Mac): readonly Boot[] {
    return this.#history.of(mac);
  }

  byNumber(number: number): Boot | null {
    return this.#history.byNumber(number);
  }

  byId(id: string): Boot | null {
    return this.#history.byId(id);
  }

  /** What was reported of a boot, each as JSON with the moment `at` and the event's name and fields. */
  eventsOf({ number }: Boot): readonly string[] {
    return this.#history.eventsOf(number);
  }

  /** The boot that each machine is in, or went through last. */
  current(): Iterable<Boot> {
    return this.#history.current();
  }

  /** The MACs of machines that have boots, behind this text, ascending. */
  readonly macsAfter = (text: string): Iterable<Mac> => this.#history.macsAfter(text);

  /** Of those that began before the one with this number, the newest first. */
  readonly newestFirst = (before = Infinity): Iterable<Boot> => this.#history.newestFirst(before);

  /** All remembered boots, newest first. */
  readonly list = (): readonly Boot[] => [...this.#history.newestFirst()];

  /** A script begins with its generation; what follows only uses it, unless there was no script. */
  #hold(address: Ip4, stage: Stage, generation: string | null, nowMs: number): void {
    const begins = stage === "script" || generation !== this.#holds.get(address, nowMs);
    if (generation !== null && begins) this.#holds.begin(address, generation, nowMs);
    else this.#holds.refresh(address, nowMs);
  }

  #keyOf({ mac, address }: MachineKey): string {
    return mac ?? this.machineAt(address) ?? `address ${address ?? "unknown"}`;
  }
}
