import type { BootCursor, BootReply } from "../../api/boots.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Boot, MachineKey } from "../../timeline/boot.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { isOverHere } from "../../timeline/rules.ts";
import { describeBoot } from "./boot-reply.ts";
import type { AdminAppOptions } from "./context.ts";

/** A boot, and who saw it. */
export interface SeenBoot {
  readonly boot: Boot;
  /** All boots of the server that saw it. */
  readonly sessions: BootSessions;
  /** Another server of the database; null: this one. */
  readonly server: { readonly id: string; readonly name: string } | null;
}

/** What precedes the name of another server in a boot's id. */
const OF_SERVER = "@";

type AllBootsOptions = Pick<AdminAppOptions, "sessions" | "elsewhere" | "nodes" | "clock">;

/**
 * The boots of this server, and those that the other servers of the database saw. One that goes on with another server of
 * them is listed once, as that one's; by its id it is found all the same.
 */
export class AllBoots {
  readonly #options: AllBootsOptions;

  constructor(options: AllBootsOptions) {
    this.#options = options;
  }

  /** From the newest to the oldest: each server's in their order, those of different servers by when they began. */
  newestFirst({ own, others }: BootCursor): Iterable<SeenBoot> {
    const { sessions } = this.#options;
    const ours = seenBy(this.#here(sessions.newestFirst(own)), sessions, null);
    const lists = this.#others().map(({ sessions: theirs, ...server }) =>
      seenBy(this.#here(theirs.newestFirst(others)), theirs, server),
    );
    if (lists.length === 0) return ours;
    return merged([ours, merged(lists, byNumber)], byStart);
  }

  /** The same of one machine, of every server. */
  bootsOf(mac: Mac, { own, others }: BootCursor): readonly SeenBoot[] {
    const { sessions } = this.#options;
    return [
      ...seenBy(this.#here(below(sessions.bootsOf(mac), own)), sessions, null),
      ...this.#others().flatMap(({ sessions: theirs, ...server }) => [
        ...seenBy(this.#here(below(theirs.bootsOf(mac), others)), theirs, server),
      ]),
    ];
  }

  /** The boot that a machine is in, or went through last, whoever saw most of it lately. */
  latest(machine: MachineKey): SeenBoot | null {
    const { sessions } = this.#options;
    const all = [
      { sessions, server: null },
      ...this.#others().map(({ sessions: theirs, ...server }) => {
        return { sessions: theirs, server };
      }),
    ];
    const nowMs = this.#options.clock.now();
    let latest: SeenBoot | null = null;
    for (const one of all) {
      const boot = one.sessions.latest(machine);
      if (boot === null || isOverHere(boot, nowMs)) continue;
      if (latest === null || boot.updatedAtMs > latest.boot.updatedAtMs) latest = { ...one, boot };
    }
    return latest;
  }

  isLatest({ boot, server }: SeenBoot): boolean {
    const latest = this.latest(boot);
    return latest?.boot.number === boot.number && latest.server?.id === server?.id;
  }

  /** By the id in a reply. */
  byId(id: string): SeenBoot | null {
    const { sessions } = this.#options;
    const own = sessions.byId(id);
    if (own !== null) return { boot: own, sessions, server: null };
    for (const { sessions: theirs, ...server } of this.#others()) {
      const end = `${OF_SERVER}${server.name}`;
      const boot = id.endsWith(end) ? theirs.byId(id.slice(0, -end.length)) : null;
      if (boot !== null) return { boot, sessions: theirs, server };
    }
    return null;
  }

  /** The MACs of machines that other servers saw, behind this text: a list of each server's, ascending. */
  macsAfter(text: string): readonly Iterable<Mac>[] {
    return this.#others().map(({ sessions }) => sessions.macsAfter(text));
  }

  describe(seen: SeenBoot, nowMs: number): BootReply {
    const { boot, sessions, server } = seen;
    const reply = describeBoot({ sessions, nodes: this.#options.nodes }, boot, nowMs);
    return { ...reply, id: this.idOf(seen), server: server?.name ?? null };
  }

  /** By which people and programs ask for it. */
  idOf({ boot, server }: SeenBoot): string {
    return server === null ? boot.id : `${boot.id}${OF_SERVER}${server.name}`;
  }

  /** What the next page begins behind. */
  cursorBehind(page: readonly SeenBoot[], before: BootCursor): string {
    const own = page.findLast(({ server }) => server === null)?.boot.number ?? before.own;
    const others = page.findLast(({ server }) => server !== null)?.boot.number ?? before.others;
    const [first, second] = [own, others].map((number) => (number === Infinity ? "" : `${number}`));
    return others === Infinity ? `${first}` : `${first}-${second}`;
  }

  /** Without those that are over at the server that saw them. */
  *#here(boots: Iterable<Boot>): Generator<Boot> {
    const nowMs = this.#options.clock.now();
    for (const boot of boots) if (!isOverHere(boot, nowMs)) yield boot;
  }

  #others() {
    return this.#options.elsewhere?.servers() ?? [];
  }
}

function* seenBy(
  boots: Iterable<Boot>,
  sessions: BootSessions,
  server: SeenBoot["server"],
): Generator<SeenBoot> {
  for (const boot of boots) yield { boot, sessions, server };
}

function below(boots: readonly Boot[], number: number): readonly Boot[] {
  return boots.filter((boot) => boot.number < number);
}

function byNumber(a: SeenBoot, b: SeenBoot): number {
  return b.boot.number - a.boot.number;
}

function byStart(a: SeenBoot, b: SeenBoot): number {
  return b.boot.startedWallMs - a.boot.startedWallMs;
}

/** Of several lists always the first in this order; each list stays in its own. */
function* merged(
  lists: readonly Iterable<SeenBoot>[],
  order: (a: SeenBoot, b: SeenBoot) => number,
): Generator<SeenBoot> {
  const heads = lists.map((list) => {
    const rest = list[Symbol.iterator]();
    return { rest, next: rest.next() };
  });
  for (;;) {
    let first: { readonly head: (typeof heads)[number]; readonly one: SeenBoot } | null = null;
    for (const head of heads) {
      if (head.next.done === true) continue;
      const one: SeenBoot = head.next.value;
      if (first === null || order(one, first.one) < 0) first = { head, one };
    }
    if (first === null) return;
    yield first.one;
    first.head.next = first.head.rest.next();
  }
}

/** The boots of a page, newest first, as `AllBoots.newestFirst` has them. */
export function inOrder(boots: readonly SeenBoot[]): Iterable<SeenBoot> {
  const ours = boots.filter(({ server }) => server === null).toSorted(byNumber);
  const theirs = boots.filter(({ server }) => server !== null).toSorted(byNumber);
  return merged([ours, theirs], byStart);
}
