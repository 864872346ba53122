import type { MachineIdentity } from "../boot/identity/identity.ts";
import { uuidInOneOrder } from "../boot/identity/uuid.ts";

/** A machine whose `once` is used up, by all that was known of it then. */
export interface UsedOnce extends MachineIdentity {
  /** When the Micro-OS was reached, in ISO 8601. */
  readonly at: string;
}

/** By what the word about a machine names it: exactly, not by a wildcard. */
export interface NamedBy {
  readonly uuid: string | null;
  readonly serial: string | null;
}

/**
 * Which machines have used up their `once`. A machine is known again by its MAC address; where the word names it
 * by UUID or serial number by these too, so that a second network card is no second chance.
 */
export class UsedOnceTable {
  readonly #byMac = new Map<string, UsedOnce>();
  /** In one order of bytes: a machine's cards may show its UUID in either. */
  readonly #byUuid = new Map<string, UsedOnce>();
  readonly #bySerial = new Map<string, UsedOnce>();

  get all(): readonly UsedOnce[] {
    return [...this.#byMac.values()];
  }

  of({ mac, uuid, serial }: MachineIdentity, named: NamedBy): UsedOnce | null {
    const byUuid =
      named.uuid !== null && uuid !== null && isSameUuid(uuid, named.uuid)
        ? this.#byUuid.get(uuidInOneOrder(uuid))
        : undefined;
    const bySerial =
      named.serial !== null && serial === named.serial ? this.#bySerial.get(serial) : undefined;
    return this.#byMac.get(mac) ?? byUuid ?? bySerial ?? null;
  }

  add(used: UsedOnce): void {
    this.#byMac.set(used.mac, used);
    if (used.uuid !== null) this.#byUuid.set(uuidInOneOrder(used.uuid), used);
    if (used.serial !== null) this.#bySerial.set(used.serial, used);
  }

  /** Forgets all that `isNew` says of that they may be used again. False: there are none. */
  forget(isNew: (used: UsedOnce) => boolean): boolean {
    const kept = this.all.filter((used) => !isNew(used));
    if (kept.length === this.#byMac.size) return false;
    for (const table of [this.#byMac, this.#byUuid, this.#bySerial]) table.clear();
    for (const used of kept) this.add(used);
    return true;
  }
}

function isSameUuid(one: string, other: string): boolean {
  return uuidInOneOrder(one) === uuidInOneOrder(other);
}
