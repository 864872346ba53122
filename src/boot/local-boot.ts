import { BoundedMap } from "../lib/bounded-map.ts";
import type { Mac } from "../lib/mac.ts";

/**
 * How a machine that shall not network-boot is sent on to its disk, in the order in which they are tried:
 * - `silent`: no offer of boot information; firmware takes the next entry of its boot order then
 * - `exit`: it gets iPXE and a script that gives the machine back to its firmware
 * - `sanboot`: it gets iPXE and a script that starts the first disk itself
 * - `not-found`: it gets an offer, and "no such file" for what that names
 */
export const localBootWays = ["silent", "exit", "sanboot", "not-found"] as const;
export type LocalBootWay = (typeof localBootWays)[number];

/** What the configuration or a node's entry says; `auto`: what worked for the machine, else one after the other. */
export const localBootSettings = ["auto", ...localBootWays] as const;
export type LocalBootSetting = (typeof localBootSettings)[number];

/** One machine that was sent on to its disk. Times in milliseconds since the Unix epoch. */
export interface LocalBoot {
  readonly mac: Mac;
  readonly way: LocalBootWay;
  /** Its operating system was heard afterwards, or it did not ask again for a while. */
  readonly worked: boolean;
  /** When it last asked, or was last sent on. */
  readonly lastAtMs: number;
  /** When this attempt to boot began. */
  readonly sinceMs: number;
  /** How often it has asked in it. */
  readonly asked: number;
}

/** Firmware asks again within this time as part of the same attempt: EDK2 after 4, 8 and 16 s. */
const SAME_ATTEMPT_MS = 60_000;
/** A machine that comes back so soon found nothing to start; SeaBIOS restarts after 60 s then. */
const CAME_BACK_MS = 5 * 60_000;
/**
 * Firmware that repeats its request waits for an answer. Without an offer EDK2 tries each boot entry of the network
 * card for a minute (234 s to the disk in QEMU); given iPXE that exits it is there at once (22 s).
 */
const REPEATED_AFTER_MS = 3000;
/** EDK2 asks four times by PXE and four times by HTTP boot for each network card. */
const MOST_ASKED = 16;

/** How each machine that may not network-boot is sent on. Bounded in memory: what worked is not pushed out by machines that only asked. */
export class LocalBootTable {
  readonly #worked: BoundedMap<Mac, LocalBoot>;
  readonly #trying: BoundedMap<Mac, LocalBoot>;
  /** Whose iPXE cannot give them back. */
  readonly #restarted: BoundedMap<Mac, true>;

  constructor(maxMachines = 16_384) {
    this.#worked = new BoundedMap(maxMachines);
    this.#trying = new BoundedMap(maxMachines);
    this.#restarted = new BoundedMap(maxMachines);
  }

  of(mac: Mac): LocalBoot | null {
    return this.#worked.get(mac) ?? this.#trying.get(mac) ?? null;
  }

  /** The way for this machine under `auto`. */
  wayOf(mac: Mac): LocalBootWay {
    return this.of(mac)?.way ?? localBootWays[0];
  }

  /** The way for this machine where the setting names one: it may be none for the iPXE that it is given. */
  wayFor(setting: LocalBootWay, mac: Mac | null): LocalBootWay {
    const endsByScript = setting === "exit" || setting === "sanboot";
    const cannotEnd = endsByScript && mac !== null && this.#restarted.has(mac);
    return cannotEnd ? "not-found" : setting;
  }

  /** All that worked. */
  worked(): readonly LocalBoot[] {
    return [...this.#worked.values()];
  }

  restore(machines: readonly LocalBoot[]): void {
    for (const one of machines) this.#put(one);
  }

  /** False when nothing was known of the machine. */
  forget(mac: Mac): boolean {
    const hasRestarted = this.#restarted.delete(mac);
    return this.#drop(mac) || hasRestarted;
  }

  /** The machine was sent on to its disk, in the way that `wayOf` says. */
  sentOn(mac: Mac, nowMs: number): void {
    const first = { mac, way: localBootWays[0], worked: false, asked: 1, sinceMs: nowMs };
    this.#put({ ...(this.of(mac) ?? first), lastAtMs: nowMs });
  }

  /**
   * Its firmware asks. When it was sent on a short while ago it came back, so that did not work, and the next
   * way is tried; when it stayed away, it worked. True when what is known to work has changed.
   */
  asks(mac: Mac, nowMs: number): boolean {
    const known = this.of(mac);
    if (known === null) return false;
    const awayMs = nowMs - known.lastAtMs;
    const isNewAttempt = awayMs > SAME_ATTEMPT_MS;
    // What worked once is not given up for one restart by hand.
    const cameBack = isNewAttempt && awayMs <= CAME_BACK_MS && !known.worked;
    const waits = known.way === "silent" && nowMs - known.sinceMs >= REPEATED_AFTER_MS;
    const isRepeated = !known.worked && !isNewAttempt && (waits || known.asked >= MOST_ASKED);
    const next: LocalBoot =
      cameBack || isRepeated
        ? { ...known, way: wayAfter(known.way), worked: false, asked: 1, sinceMs: nowMs }
        : {
            ...known,
            worked: known.worked || awayMs > CAME_BACK_MS,
            asked: isNewAttempt ? 1 : known.asked + 1,
            sinceMs: isNewAttempt ? nowMs : known.sinceMs,
          };
    return this.#put({ ...next, lastAtMs: nowMs });
  }

  /** Its iPXE can do neither `exit` nor `sanboot`, and restarts it. */
  restarts(mac: Mac, nowMs: number): void {
    this.#restarted.set(mac, true);
    this.#put({ mac, way: "not-found", worked: false, lastAtMs: nowMs, sinceMs: nowMs, asked: 1 });
  }

  /** An operating system is heard from it. True when it has become known by that that the way works. */
  systemHeard(mac: Mac, nowMs: number): boolean {
    const known = this.of(mac);
    if (known === null || nowMs - known.lastAtMs > 2 * CAME_BACK_MS) return false;
    return this.#put({ ...known, worked: true, asked: 0 });
  }

  #put(next: LocalBoot): boolean {
    const { mac, worked } = next;
    const didWork = this.#worked.has(mac);
    if (didWork !== worked) this.#drop(mac);
    (worked ? this.#worked : this.#trying).set(mac, next);
    return didWork !== worked;
  }

  #drop(mac: Mac): boolean {
    const wasTrying = this.#trying.delete(mac);
    return this.#worked.delete(mac) || wasTrying;
  }
}

function wayAfter(way: LocalBootWay): LocalBootWay {
  return localBootWays[(localBootWays.indexOf(way) + 1) % localBootWays.length] ?? way;
}
