import { z } from "zod";
import { uuidInOneOrder } from "../../boot/identity/uuid.ts";
import type { PxeEvent } from "../../events/types.ts";
import { printable } from "../../lib/bytes.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Boot } from "../boot.ts";

/** What two machines call themselves by, although it is for one. */
export interface SharedIdentity {
  readonly mac: Mac;
  /** `UUID …` or `serial number …`. */
  readonly identity: string;
}

/** What is known of one network card that boots. */
interface Holder {
  readonly mac: Mac;
  readonly uuid: string | null;
  /** The same as its last boot has it. */
  readonly bootUuid: string | null;
  /** Both as iPXE told them in one request: firmware's option 97 is not always the machine's own UUID. */
  readonly told: { readonly uuid: string; readonly serial: string; readonly shown: string } | null;
  readonly atMs: number;
  /** When its download that runs began. */
  readonly fetchesSinceMs: number | null;
  /** When its last download began. */
  readonly fetchedAtMs: number | null;
  /** A card with the same UUID that downloaded at the same time, as no machine does with two cards. */
  readonly together: Mac | null;
}

const most = 4096;
/** Of one identity; whoever makes up more pushes out the oldest. */
const mostHolders = 8;
const dayMs = 24 * 3600_000;
/** Serial numbers that makers of boards left as they were. */
const meaningless =
  /^(?:(.)\1*|none|n\/?a|unknown|default.*|to be filled.*|system serial.*|not .*|0?123456789.*|empty|o\.?e\.?m\.?.*|invalid.*)$/i;

const keptScript = z.looseObject({ uuid: z.string().nullable(), serial: z.string().nullable() });

const begins: ReadonlySet<string> = new Set(["loader-start", "kernel", "initramfs-start"]);
const ends: ReadonlySet<string> = new Set(["loader-done", "kernel-done", "initramfs-done"]);

/**
 * Finds machines that share a UUID or a serial number with another one, and tells them from one machine with two network
 * cards: that has one serial number for its UUID, and downloads with one card at a time. Bounded in memory.
 */
export class SharedIdentities {
  readonly #holders = new BoundedMap<Mac, Holder>(most);
  readonly #byIdentity = new BoundedMap<string, readonly Mac[]>(2 * most);

  /** @param boot which the event is about, with what the event told of it */
  note(boot: Pick<Boot, "mac" | "uuid">, event: PxeEvent, nowMs: number): void {
    const own = this.#learn(boot, event.event === "script" ? pairOf(event) : null, nowMs);
    if (own === null) return;
    if (begins.has(event.event)) {
      this.#holders.set(own.mac, { ...own, fetchesSinceMs: nowMs, fetchedAtMs: nowMs });
    } else if (ends.has(event.event) || event.event === "download-aborted") {
      const together = ends.has(event.event) ? this.#fetchedDuring(own) : null;
      const over = { ...own, fetchesSinceMs: null };
      this.#holders.set(own.mac, together === null ? over : { ...over, together });
    }
  }

  /** Takes up what a kept boot's events tell, each as JSON. */
  noteKept(boot: Pick<Boot, "mac" | "uuid">, events: readonly string[], nowMs: number): void {
    for (const text of events) {
      if (!text.includes('"event":"script"')) continue;
      const told = keptScript.safeParse(JSON.parse(text));
      if (told.success) this.#learn(boot, pairOf(told.data), nowMs);
    }
  }

  /** Another machine that shares the boot's identity, as was seen within the last day; null: there is none. */
  sharedWith({ mac, uuid }: Pick<Boot, "mac" | "uuid">, nowMs: number): SharedIdentity | null {
    const own = mac === null ? undefined : this.#holders.get(mac);
    if (own === undefined) return null;
    const isRecent = ({ atMs }: Holder) => nowMs - atMs <= dayMs;
    const ofUuid = this.#othersBy(own.uuid, own.mac).find(
      (other) => isRecent(other) && other.uuid === own.uuid && isOther(own, other),
    );
    if (ofUuid !== undefined)
      return { mac: ofUuid.mac, identity: `UUID ${uuid ?? own.uuid ?? ""}` };
    const { told } = own;
    if (told === null || meaningless.test(told.serial)) return null;
    const ofSerial = this.#othersBy(told.serial, own.mac).find(
      (other) =>
        isRecent(other) && other.told?.serial === told.serial && other.told.uuid !== told.uuid,
    );
    return ofSerial === undefined
      ? null
      : { mac: ofSerial.mac, identity: `serial number ${told.shown}` };
  }

  #learn({ mac, uuid }: Pick<Boot, "mac" | "uuid">, told: Holder["told"], nowMs: number) {
    if (mac === null) return null;
    const before = this.#holders.get(mac) ?? newHolder(mac);
    const isSame = uuid === null || uuid === before.bootUuid;
    const key = isSame ? before.uuid : keyOf(uuid);
    const bootUuid = uuid ?? before.bootUuid;
    const own = { ...before, uuid: key, bootUuid, told: told ?? before.told, atMs: nowMs };
    this.#holders.set(mac, own);
    this.#index(own.uuid, mac);
    this.#index(own.told?.serial ?? null, mac);
    return own;
  }

  /** Another card of the same UUID that began a download while this one's ran; it is noted with both. */
  #fetchedDuring({ mac, uuid, fetchesSinceMs }: Holder): Mac | null {
    if (fetchesSinceMs === null) return null;
    const other = this.#othersBy(uuid, mac).find(
      (one) => one.uuid === uuid && (one.fetchedAtMs ?? fetchesSinceMs) > fetchesSinceMs,
    );
    if (other === undefined) return null;
    this.#holders.set(other.mac, { ...other, together: mac });
    return other.mac;
  }

  #othersBy(identity: string | null, mac: Mac): readonly Holder[] {
    const macs = identity === null ? [] : (this.#byIdentity.get(identity) ?? []);
    return macs.filter((other) => other !== mac).flatMap((other) => this.#holders.get(other) ?? []);
  }

  #index(identity: string | null, mac: Mac): void {
    if (identity === null) return;
    const macs = this.#byIdentity.get(identity) ?? [];
    if (macs.includes(mac)) return;
    this.#byIdentity.set(identity, [...macs, mac].slice(-mostHolders));
  }
}

function newHolder(mac: Mac): Holder {
  const nothing = { uuid: null, bootUuid: null, told: null, together: null };
  return { mac, ...nothing, atMs: 0, fetchesSinceMs: null, fetchedAtMs: null };
}

function isOther(own: Holder, other: Holder): boolean {
  const differ =
    own.told !== null &&
    other.told !== null &&
    own.told.uuid === other.told.uuid &&
    own.told.serial !== other.told.serial;
  return differ || own.together === other.mac || other.together === own.mac;
}

/** Both of them, where both were told. */
function pairOf({ uuid, serial }: { uuid: string | null; serial: string | null }): Holder["told"] {
  const shown = printable(serial?.trim() ?? "", 64);
  return uuid === null || shown === ""
    ? null
    : { uuid: keyOf(uuid), serial: shown.toLowerCase(), shown };
}

function keyOf(uuid: string): string {
  return uuidInOneOrder(uuid.toLowerCase());
}
