import { BoundedMap } from "../../lib/bounded-map.ts";
import { printable } from "../../lib/bytes.ts";
import type { Moment } from "../../lib/clock.ts";
import { type Boot, discoverRetryMs } from "../boot.ts";
import { readBoot } from "../boot-record.ts";
import { BootSessions } from "../boots.ts";
import { isBefore } from "../stages.ts";

/** Boots of each other server that are known here. */
export const MOST_BOOTS = 2000;
const MOST_OF_MACHINE = 10;
/** Other servers, one of which may have been given another name by a new data folder. */
const MOST_SERVERS = 8;

/** The state of a boot as another server wrote it (`bootState`). */
export interface OtherState {
  /** Its id: that of its data folder. */
  readonly server: string;
  /** Its host's name. */
  readonly name: string;
  readonly state: string;
}

/** Another server, and the boots that it saw. */
export interface OtherServer {
  readonly id: string;
  /** For people, and no other's. */
  readonly name: string;
  /** Its boots have numbers of ours: larger than those of all that were heard of before, of whatever server. */
  readonly sessions: BootSessions;
}

/**
 * The server that saw a boot go on which stands still here; null: none did. A machine that was not heard when it took the
 * other server's offer shows by that alone, such as one that took it while this server was down.
 */
export function serverWhereItGoesOn(
  boot: Pick<Boot, "mac" | "stage" | "updatedAtMs">,
  servers: readonly OtherServer[],
): string | null {
  const { mac, stage, updatedAtMs } = boot;
  if (mac === null) return null;
  const isFurther = (other: Boot): boolean =>
    isBefore(stage, other.stage) &&
    other.updatedAtMs >= updatedAtMs &&
    other.startedAtMs <= updatedAtMs + discoverRetryMs;
  return servers.find(({ sessions }) => sessions.bootsOf(mac).some(isFurther))?.name ?? null;
}

interface KnownServer extends OtherServer {
  /** By the ids of its boots. */
  readonly numbers: BoundedMap<string, number>;
}

/** The boots that other servers saw. They decide nothing here, and are not kept: who wrote them has them. Bounded. */
export class OtherBoots {
  readonly #ownName: string;
  readonly #servers = new Map<string, KnownServer>();
  #lastNumber = 0;

  /** @param ownName this host's name */
  constructor(ownName: string) {
    this.#ownName = ownName;
  }

  get servers(): readonly OtherServer[] {
    return [...this.#servers.values()];
  }

  /** Takes up states, of which some may be known; what is no boot is left out. */
  take(states: readonly OtherState[], now: Moment): void {
    const read = states.flatMap(({ server, name, state }) => {
      const boot = readBoot(state, now);
      return boot === null ? [] : [{ server, name, boot }];
    });
    for (const { server, name, boot } of read.toSorted(
      (a, b) => a.boot.startedWallMs - b.boot.startedWallMs,
    )) {
      const known = this.#serverOf(server, name);
      if (known === null) continue;
      const number = known.numbers.get(boot.id) ?? (this.#lastNumber += 1);
      known.numbers.set(boot.id, number);
      known.sessions.restore([{ boot: { ...boot, number }, events: [] }], now.nowMs);
    }
  }

  #serverOf(id: string, hostName: string): KnownServer | null {
    const known = this.#servers.get(id);
    if (known !== undefined) return known;
    const name = printable(hostName, 64);
    if (this.#servers.size >= MOST_SERVERS) return null;
    const taken = [this.#ownName, ...this.servers.map((one) => one.name)];
    const made: KnownServer = {
      id,
      name: taken.includes(name) ? `${name}-${id.slice(0, 8)}` : name,
      sessions: new BootSessions({ keepBoots: MOST_BOOTS, bootsPerMachine: MOST_OF_MACHINE }),
      numbers: new BoundedMap(2 * MOST_BOOTS),
    };
    this.#servers.set(id, made);
    return made;
  }
}
