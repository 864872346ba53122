import { emptyNode, isUnknown, type NodeEntry } from "../boot/node.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { MachineIdentity } from "../boot/identity/identity.ts";
import type { Inventory } from "./inventory.ts";
import {
  type Decided,
  type KeptNodes,
  type NodeChange,
  type NodeMatch,
  type NodeOverride,
  OverrideTable,
} from "./overrides.ts";
import { type NamedBy, type UsedOnce, UsedOnceTable } from "./used-once.ts";

/** Whose word about netboot is in force. */
export interface NetbootWord {
  readonly netboot: NodeEntry["netboot"];
  readonly from: "decision" | "entry";
  /** Who decided, and when; null for an entry. */
  readonly by: string | null;
  readonly at: string | null;
  /** When the Micro-OS was reached that a `once` was for; null: not yet. */
  readonly onceUsedAt: string | null;
}

/**
 * What is known of the site's machines: the inventory, what people decided since by the API and the command
 * line, and which machines have used up their `once`. Its entries say just `allow` or `deny`.
 */
export class NodeRegister implements Inventory {
  #inventory: Inventory;
  readonly #overrides = new OverrideTable();
  readonly #usedOnce = new UsedOnceTable();
  #serialIsDecided = false;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  get entries(): readonly NodeEntry[] {
    return this.#inventory.entries;
  }

  readonly macsAfter = (text: string): Iterable<string> => this.#inventory.macsAfter(text);

  get withoutAddress(): number {
    return this.#inventory.withoutAddress;
  }

  get overrides(): readonly NodeOverride[] {
    return this.#overrides.all;
  }

  get namesSerials(): boolean {
    return this.#inventory.namesSerials || this.#serialIsDecided;
  }

  namesLoader(name: string): boolean {
    return this.#inventory.namesLoader(name);
  }

  readonly find = (machine: MachineIdentity): NodeEntry | null =>
    this.#inForce(this.#inventory.find(machine), machine);

  /** The entry of the inventory alone, without what people decided since. */
  entryOf(machine: MachineIdentity): NodeEntry | null {
    return this.#inventory.find(machine);
  }

  readonly reservedFor = (address: Ip4): NodeEntry | null => {
    const pinned = this.#overrides.reservedFor(address);
    if (pinned !== null) return this.find(machineOf(pinned.match));
    const entry = this.#inventory.reservedFor(address);
    if (entry === null) return null;
    const inForce = this.#inForce(entry, { ...entry, mac: entry.mac ?? "" });
    // One that was pinned to another address has given this one up.
    return inForce?.address === address ? inForce : null;
  };

  /**
   * Takes another inventory into force. An entry that says `once` again after another word begins anew.
   *
   * @returns whether a used-up `once` was forgotten by that, so that what is kept changes
   */
  use(inventory: Inventory): boolean {
    const former = this.#inventory;
    this.#inventory = inventory;
    return this.#forgetOtherWords(former);
  }

  /** Forgets that a `once` is used up where the entry says another word now. */
  #forgetOtherWords(former: Inventory | null): boolean {
    return this.#usedOnce.forget((machine) => {
      const entry = this.#inventory.find(machine);
      if (entry === null || entry.netboot === "once") return false;
      if ((this.#overrides.find(machine)?.word ?? null) !== null) return false;
      // One with wildcards may hold only while the machine's own entry is missing.
      return entry.wildcards === undefined || former?.find(machine)?.netboot === "once";
    });
  }

  decisionOn(match: NodeMatch): NodeOverride | null {
    return this.#overrides.at(match);
  }

  /** Whose word holds for a machine; null: no entry matches it, and nobody decided. */
  wordFor(machine: MachineIdentity): NetbootWord | null {
    const entry = this.#inventory.find(machine);
    const decided = this.#overrides.find(machine);
    const onceUsedAt = this.#usedAt(machine, entry, decided?.word ?? null);
    if (decided !== null && decided.word !== null) {
      const { netboot, by, at } = decided.word;
      return { netboot, from: "decision", by, at, onceUsedAt };
    }
    if (entry === null && (decided === null || isUnknown(laidOver(null, decided)))) return null;
    return { netboot: entry?.netboot ?? "allow", from: "entry", by: null, at: null, onceUsedAt };
  }

  /** Somebody decides. A `once` that is given anew may be used anew. */
  decide(match: NodeMatch, change: NodeChange, who: { by: string; at: string }): void {
    const former = this.#overrides.at(match);
    this.#overrides.put({
      match,
      netboot: change.netboot === undefined ? (former?.netboot ?? null) : change.netboot,
      name: change.name === undefined ? (former?.name ?? null) : change.name,
      address: change.address === undefined ? (former?.address ?? null) : change.address,
      ...who,
    });
    this.#serialIsDecided = this.#overrides.namesSerials;
    if (change.netboot !== "once") return;
    this.#usedOnce.forget((machine) => this.#overrides.find(machine)?.word?.match === match);
  }

  /** The Micro-OS runs on the machine, which is proved. True when that used up its `once`. */
  reachedMicroOs(machine: MachineIdentity, at: string): boolean {
    const word = this.wordFor(machine);
    if (word?.netboot !== "once" || word.onceUsedAt !== null) return false;
    const { mac, uuid, serial } = machine;
    this.#usedOnce.add({ mac, uuid, serial, at });
    return true;
  }

  /** Another server saw a machine use up its `once`. False: that is known. */
  useUp(used: UsedOnce): boolean {
    if (this.#usedOnce.all.some(({ mac, at }) => mac === used.mac && at === used.at)) return false;
    this.#usedOnce.add(used);
    return true;
  }

  /** What is to be kept over a restart. */
  kept(): KeptNodes {
    return { version: 1, overrides: [...this.#overrides.all], usedOnce: [...this.#usedOnce.all] };
  }

  /** The inventory may have changed since it was kept: returns the same as `use`. */
  restore({ overrides, usedOnce }: KeptNodes): boolean {
    for (const one of overrides) this.#overrides.put(one);
    for (const one of usedOnce) this.#usedOnce.add(one);
    this.#serialIsDecided = this.#overrides.namesSerials;
    return this.#forgetOtherWords(null);
  }

  #inForce(entry: NodeEntry | null, machine: MachineIdentity): NodeEntry | null {
    const decided = this.#overrides.isEmpty ? null : this.#overrides.find(machine);
    if (decided === null && entry?.netboot !== "once") return entry;
    const spoken = decided?.word ?? null;
    const base = laidOver(entry, decided);
    const word = spoken?.netboot ?? base.netboot;
    const usedAt = word === "once" ? this.#usedAt(machine, entry, spoken) : null;
    return {
      ...base,
      netboot: word === "once" ? (usedAt === null ? "allow" : "deny") : word,
      denied: reasonFor(word, usedAt, spoken),
    };
  }

  #usedAt(
    machine: MachineIdentity,
    entry: NodeEntry | null,
    spoken: NodeOverride | null,
  ): string | null {
    const named = spoken === null ? { uuid: null, serial: null, ...entry } : namedBy(spoken);
    return this.#usedOnce.of(machine, named)?.at ?? null;
  }
}

function namedBy({ match: { kind, value } }: NodeOverride): NamedBy {
  return { uuid: kind === "uuid" ? value : null, serial: kind === "serial" ? value : null };
}

/** The entry with all that was decided but whether it may network-boot. */
function laidOver(entry: NodeEntry | null, decided: Decided | null): NodeEntry {
  const base = entry ?? emptyNode;
  if (decided === null) return base;
  const { word, name, address, mac } = decided;
  return {
    ...base,
    mac: mac ?? base.mac,
    name: name ?? base.name,
    address: address ?? base.address,
    isReservationOnly: entry === null && word === null && name === null,
  };
}

function reasonFor(
  word: NodeEntry["netboot"],
  usedAt: string | null,
  spoken: NodeOverride | null,
): string | null {
  const whose =
    spoken === null
      ? `its node entry says netboot: ${word}`
      : `${spoken.by} said ${word} on ${spoken.at}`;
  if (word === "deny") return whose;
  return usedAt === null ? null : `${whose}, and it reached the Micro-OS on ${usedAt}`;
}

function machineOf({ kind, value }: NodeMatch): MachineIdentity {
  return { mac: "", uuid: null, serial: null, [kind]: value };
}
