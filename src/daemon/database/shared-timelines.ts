import { z } from "zod";
import { eventCatalogue } from "../../events/catalogue.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Clock, momentOf } from "../../lib/clock.ts";
import type { Boot } from "../../timeline/boot.ts";
import { asking, type HistoryListener } from "../../timeline/boot-history.ts";
import { bootState } from "../../timeline/boot-record.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { MOST_BOOTS, type OtherBoots } from "../../timeline/elsewhere/other-boots.ts";
import type { Database, Part } from "./database.ts";
import { isOfStatement } from "./sql.ts";
import * as rows from "./timeline-rows.ts";

export interface SharedTimelinesParts {
  readonly database: Pick<Database, "tell" | "server">;
  /** This host's name. */
  readonly name: string;
  readonly sessions: Pick<BootSessions, "follow" | "newestFirst" | "eventsOf" | "byNumber">;
  /** Filled with what the other servers saw. */
  readonly others: OtherBoots;
  readonly clock: Clock;
  /** Told why timelines are not shared; null: they are. */
  readonly unusable: (reason: string | null) => void;
}

/** An event of another server's boot. */
export interface OtherEvent {
  readonly event: string;
  /** The other server's name. */
  readonly server: string;
  readonly [field: string]: unknown;
}

/** Written once in this time, however much happens. */
const WRITE_EVERY_MS = 1000;
const TRIM_EVERY_MS = 60_000;
/** What a boot was then is in the database, where that has the boot at all. */
const SETTLED_AFTER_MS = 3_600_000;
/** In one statement, that is in a second: some 300 kB. */
const MOST_BOOTS_AT_ONCE = 60;
const MOST_EVENTS_AT_ONCE = 300;
/** What waits for a database that is away; what began to wait first is lost first. */
const MOST_WAITING = 4000;
/** Characters of one text: what is longer is left out. */
const MOST_STATE = 100_000;
const MOST_EVENT = 8000;
/** Of one boot, while this process runs. */
const MOST_EVENTS_OF_BOOT = 150;
const MOST_LINES_OF_BOOT = 20;
/** Events of others that may come a second time. */
const MOST_HEARD = 4000;

const event = z.looseObject({ event: z.enum(Object.keys(eventCatalogue)) });

interface WaitingEvent {
  readonly boot: string;
  readonly n: number;
  readonly body: string;
}

/**
 * The timelines of boots in the database that several servers share: each server writes what it sees, once a second, and
 * shows what the others saw. Nothing depends on them, so what goes wrong is left out, and nobody waits.
 */
export class SharedTimelines implements HistoryListener {
  readonly #parts: SharedTimelinesParts;
  /** By number, in the order in which they changed: those that do more than ask are written first. */
  readonly #boots = new BoundedMap<number, Boot>(MOST_WAITING);
  readonly #asking = new BoundedMap<number, Boot>(MOST_WAITING);
  #events: WaitingEvent[] = [];
  readonly #counts = new BoundedMap<string, { events: number; lines: number }>(MOST_WAITING);
  readonly #heard = new BoundedMap<string, true>(MOST_HEARD);
  readonly #listeners = new Set<(one: OtherEvent) => void>();
  /** This session of the database refuses them. */
  #isRefused = false;
  #n = 0;
  #writtenAtMs = -Infinity;
  #trimmedAtMs = -Infinity;
  #writing: Promise<void> | null = null;
  readonly bootsPart: Part;
  readonly eventsPart: Part;

  constructor(parts: SharedTimelinesParts) {
    this.#parts = parts;
    const needs = {
      tables: rows.timelineTables,
      unusable: (reason: string | null) => this.#refused(reason),
    };
    this.bootsPart = {
      newsOf: rows.newBoots,
      news: (found, isAll) => this.#takeBoots(found, isAll),
      needs,
    };
    this.eventsPart = { newsOf: rows.newEvents, news: (found) => this.#takeEvents(found), needs };
    parts.sessions.follow(this);
  }

  changed(boot: Boot): void {
    const isAsking = boot.steps.every(({ stage }) => asking.has(stage));
    if (!isAsking) this.#asking.delete(boot.number);
    (isAsking ? this.#asking : this.#boots).set(boot.number, boot);
  }

  event(number: number, text: string): void {
    const boot = this.#parts.sessions.byNumber(number);
    if (boot !== null) this.#addEvent(boot.id, text);
  }

  /** Hears events of the others' boots as they come, until the returned function is called. */
  subscribe(listener: (one: OtherEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What another server reported of a boot, each as JSON; none while the database is away. Never rejects. */
  async eventsOf(server: string, boot: string): Promise<readonly string[]> {
    try {
      const found = await this.#parts.database.tell(rows.eventsOfBoot, [server, boot]);
      return found.map((row) => rows.bodyRow.parse(row).body);
    } catch {
      return [];
    }
  }

  /** Resolves when what is being written is, or is not. Never rejects. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #addEvent(boot: string, text: string): void {
    const count = this.#counts.get(boot) ?? { events: 0, lines: 0 };
    const isLine = text.includes('"event":"syslog');
    const isOver = isLine ? count.lines >= MOST_LINES_OF_BOOT : count.events >= MOST_EVENTS_OF_BOOT;
    if (isOver || text.length > MOST_EVENT) return;
    if (isLine) count.lines += 1;
    else count.events += 1;
    this.#counts.set(boot, count);
    // Larger than any that this server gave before, also before a restart.
    this.#n = Math.max(this.#n + 1, Math.floor(this.#parts.clock.wall()) * 1000);
    this.#events.push({ boot, n: this.#n, body: text });
    if (this.#events.length > 2 * MOST_WAITING) this.#events = this.#events.slice(-MOST_WAITING);
  }

  #takeBoots(found: readonly unknown[], isAll: boolean): void {
    const { database, others, clock } = this.#parts;
    const read = found.flatMap((row) => rows.bootRow.safeParse(row).data ?? []);
    const foreign = read.filter(({ server, state }) => {
      return server !== database.server && state.length <= MOST_STATE;
    });
    if (foreign.length > 0) others.take(foreign, momentOf(clock));
    if (isAll) this.#addMissing(new Set(read.map(({ server, boot }) => `${server} ${boot}`)));
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** What was seen before the database was there. */
  #addMissing(there: ReadonlySet<string>): void {
    const { database, sessions, clock } = this.#parts;
    let left = MOST_BOOTS / 4;
    for (const boot of sessions.newestFirst()) {
      if ((left -= 1) < 0) break;
      // What a crash kept from being written is in this server's own file.
      const isSettled = clock.now() - boot.updatedAtMs > SETTLED_AFTER_MS;
      if (there.has(`${database.server} ${boot.id}`) && isSettled) continue;
      this.changed(boot);
      if (this.#counts.has(boot.id)) continue;
      for (const text of sessions.eventsOf(boot)) this.#addEvent(boot.id, text);
    }
  }

  #takeEvents(found: readonly unknown[]): void {
    for (const row of found) {
      const one = rows.eventRow.safeParse(row).data;
      const key = one === undefined ? "" : `${one.server} ${one.boot} ${one.number}`;
      if (one === undefined || this.#heard.has(key)) continue;
      this.#heard.set(key, true);
      const name = this.#parts.others.servers.find(({ id }) => id === one.server)?.name;
      const told = readEvent(one.body);
      if (name === undefined || told === null) continue;
      for (const listener of this.#listeners) listener({ ...told, server: name });
    }
  }

  #refused(reason: string | null): void {
    this.#isRefused = reason !== null;
    this.#parts.unusable(reason);
  }

  /** Writes what waits, a part of it where it is much. Never rejects. */
  async #write(): Promise<void> {
    const { clock } = this.#parts;
    const nowMs = clock.now();
    if (this.#isRefused || nowMs - this.#writtenAtMs < WRITE_EVERY_MS) return;
    this.#writtenAtMs = nowMs;
    try {
      await this.#writeBoots();
      await this.#writeEvents();
      if (nowMs - this.#trimmedAtMs >= TRIM_EVERY_MS) await this.#trim(nowMs);
    } catch {
      // The database is away, which it says itself; or a statement was refused, and the next one may not be.
    }
  }

  async #writeBoots(): Promise<void> {
    const { database, name, clock } = this.#parts;
    const now = momentOf(clock);
    const waiting = [...this.#boots.entries(), ...this.#asking.entries()];
    const batch = waiting.slice(0, MOST_BOOTS_AT_ONCE);
    const written = batch.flatMap(([, boot]) => {
      const state = bootState(boot, now);
      const asked = boot.steps.every(({ stage }) => asking.has(stage));
      return state.length > MOST_STATE ? [] : [{ boot: boot.id, asked, state }];
    });
    if (written.length > 0) {
      const params = [JSON.stringify(written), database.server, name];
      await this.#orForget(database.tell(rows.putBoots, params));
    }
    for (const [number, boot] of batch) {
      // It may have changed meanwhile.
      if (this.#boots.get(number) === boot) this.#boots.delete(number);
      if (this.#asking.get(number) === boot) this.#asking.delete(number);
    }
  }

  async #writeEvents(): Promise<void> {
    const { database } = this.#parts;
    const batch = this.#events.slice(0, MOST_EVENTS_AT_ONCE);
    if (batch.length === 0) return;
    const params = [JSON.stringify(batch), database.server];
    await this.#orForget(database.tell(rows.putEvents, params));
    const done = new Set(batch);
    this.#events = this.#events.filter((one) => !done.has(one));
  }

  async #trim(nowMs: number): Promise<void> {
    const { database } = this.#parts;
    this.#trimmedAtMs = nowMs;
    await database.tell(rows.trimBoots, [database.server, String(MOST_BOOTS)]);
    await database.tell(rows.trimEvents, []);
  }

  /** What the database refuses for what it is would be refused again and again. Rejects where it is away. */
  async #orForget(answer: ReturnType<Database["tell"]>): Promise<void> {
    try {
      await answer;
    } catch (error) {
      if (!isOfStatement(error)) throw error;
    }
  }
}

function readEvent(body: string): z.output<typeof event> | null {
  try {
    return event.parse(JSON.parse(body));
  } catch {
    return null;
  }
}
