import { uuidInOneOrder } from "../../boot/identity/uuid.ts";
import type { EventName, PxeEvent } from "../../events/types.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Mac } from "../../lib/mac.ts";
import { type Boot, silenceMs } from "../boot.ts";
import type { SharedIdentity } from "./shared-identities.ts";

/** What is known of a site beside one boot: how its other machines fare. */
export interface SiteEvidence {
  /** Another machine asked our TFTP server for a file within the last day. */
  readonly othersUseTftp: boolean;
  /** Another machine's script reported within the last day that the kernel is started next. */
  readonly othersReportBooting: boolean;
  /** Another machine took an address within the last day, was offered its loader, and asked for nothing here. */
  readonly othersPassUs: boolean;
  /** The last network card with another hardware address and the same UUID that asked after the boot's last sign. */
  readonly otherCard: Mac | null;
  /** Another machine that calls itself by the same UUID or serial number. */
  readonly shared: SharedIdentity | null;
  /** Other servers' offers are overheard on this interface. */
  readonly hearsOffers: boolean;
}

/** UUIDs that makers of boards left as they were: they tell no machine from another. */
const meaningless = /^(03000200-0400-0500-0006-000700080009|(.)\2{7}-\2{4}-\2{4}-\2{4}-\2{12})$/;
const maxUuids = 1024;

/** What shows that a machine with an address does not pass us by, or that it was not its firmware that took that. */
export const tellsOfPassing: ReadonlySet<EventName> = new Set<EventName>([
  "loader-start",
  "system-dhcp",
]);

const dayMs = 24 * 3600_000;

type KeptSigns = Pick<Boot, "steps" | "seen" | "mac" | "uuid">;

/** Notes of all machines together what tells a fault of one machine from one of the site. */
export class SiteObservations {
  /** The two machines that were last seen to use TFTP, and when. */
  readonly #tftp = new LatestTwo();
  readonly #booting = new LatestTwo();
  /** Those that have an address and asked for nothing here. */
  readonly #passing = new LatestTwo();
  /** The network cards that asked last with a UUID, by that. */
  readonly #cards = new BoundedMap<string, LatestTwo>(maxUuids);
  readonly #deafInterfaces = new Set<string>();

  /** @param machine the key of the machine that the event is about; null: of none */
  note(event: PxeEvent, machine: string | null, nowMs: number): void {
    switch (event.event) {
      case "discover":
      case "ipxe-discover":
        if (event.uuid !== null) this.#cardsOf(event.uuid)?.note(event.mac, nowMs);
        return;
      case "tftp-probe":
      case "tftp-refused":
      case "tftp-failed":
        this.#tftp.note(machine, nowMs);
        return;
      case "loader-start":
      case "autoexec":
      case "asset-sent":
        if (event.protocol === "tftp") this.#tftp.note(machine, nowMs);
        return;
      case "beacon":
        if (event.stage === "booting") this.#booting.note(machine, nowMs);
        return;
      case "offers-unheard":
        this.#deafInterfaces.add(event.interface);
        return;
      case "link-down":
        // When it comes back, whether it is overheard is found out anew.
        this.#deafInterfaces.delete(event.interface);
        return;
      default:
        return;
    }
  }

  /** The same of a boot that was kept over a restart. */
  noteKept({ steps, seen, mac, uuid }: KeptSigns, machine: string): void {
    const cards = uuid === null ? null : this.#cardsOf(uuid);
    for (const { stage, firstAtMs, lastAtMs } of steps) {
      if (stage !== "discover" && stage !== "ipxe-discover") continue;
      cards?.note(mac, firstAtMs);
      cards?.note(mac, lastAtMs);
    }
    const loader = steps.find(({ stage }) => stage === "loader-start");
    if (loader?.detail["protocol"] === "tftp") this.#tftp.note(machine, loader.lastAtMs);
    if (seen.bootingAtMs !== null) this.#booting.note(machine, seen.bootingAtMs);
  }

  /** Notes whether a machine that was offered its loader has an address and asked for nothing here. */
  notePassing(machine: string, passes: boolean, nowMs: number): void {
    if (passes) this.#passing.note(machine, nowMs);
    else this.#passing.forget(machine);
  }

  /** Another network card with the boot's UUID that asked soon after the boot's last sign, or has just asked. */
  otherCard({ uuid, mac, updatedAtMs }: Boot, nowMs: number): Mac | null {
    const cards = uuid === null ? null : this.#cardsOf(uuid);
    const isMeant = (atMs: number) =>
      atMs >= updatedAtMs && (atMs - updatedAtMs <= silenceMs || nowMs - atMs <= silenceMs);
    const other = cards?.other(mac ?? "", ({ sinceMs, atMs }) => isMeant(sinceMs) || isMeant(atMs));
    return other ?? null;
  }

  evidence(
    machine: string,
    interfaceName: string | null,
    nowMs: number,
  ): Omit<SiteEvidence, "otherCard" | "shared"> {
    return {
      othersPassUs: this.#passing.hasOther(machine, nowMs - dayMs),
      othersUseTftp: this.#tftp.hasOther(machine, nowMs - dayMs),
      othersReportBooting: this.#booting.hasOther(machine, nowMs - dayMs),
      hearsOffers: interfaceName !== null && !this.#deafInterfaces.has(interfaceName),
    };
  }

  /** Null for a UUID that tells nothing. */
  #cardsOf(uuid: string): LatestTwo | null {
    if (meaningless.test(uuid)) return null;
    const key = uuidInOneOrder(uuid);
    const before = this.#cards.get(key) ?? new LatestTwo();
    this.#cards.set(key, before);
    return before;
  }
}

/** When a machine did something: first since another one did, and last. */
interface Turn {
  readonly sinceMs: number;
  readonly atMs: number;
}

/** The two that did something last: enough to know whether another one than a given one did. */
class LatestTwo {
  readonly #turns = new Map<string, Turn>();

  note(machine: string | null, nowMs: number): void {
    if (machine === null) return;
    const isNext = [...this.#turns.keys()].at(-1) !== machine;
    const sinceMs = isNext ? nowMs : (this.#turns.get(machine)?.sinceMs ?? nowMs);
    this.#turns.delete(machine);
    this.#turns.set(machine, { sinceMs, atMs: nowMs });
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > 2 && oldest !== undefined) this.#turns.delete(oldest);
  }

  forget(machine: string): void {
    this.#turns.delete(machine);
  }

  hasOther(machine: string, sinceMs: number): boolean {
    return this.other(machine, ({ atMs }) => atMs >= sinceMs) !== null;
  }

  other(machine: string, isMeant: (turn: Turn) => boolean): string | null {
    const found = [...this.#turns].find(([other, turn]) => other !== machine && isMeant(turn));
    return found?.[0] ?? null;
  }
}
