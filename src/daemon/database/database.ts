import { z } from "zod";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { pause, withPatience } from "./patience.ts";
import { forgetServers, prepareSession, signOfLife, whyUnusable } from "./schema.ts";
import {
  type Connect,
  DatabaseError,
  isOfStatement,
  isOfValues,
  isToRepeat,
  type Row,
  type Sql,
} from "./sql.ts";

/** Something that is kept in the database, of which each server wants to know what the others write. */
export interface Part {
  /** Selects its rows of transactions from $1 on. */
  readonly newsOf: string;
  /**
   * Takes up rows; some may be known already.
   *
   * @param isAll these are all rows: after the server has connected
   * @param askedAtMs when they were asked for, by the steady clock
   */
  news(rows: readonly unknown[], isAll: boolean, askedAtMs: number): void;
  /** What leases do without; absent: the tables of `schema.ts`, without which nothing is shared. */
  readonly needs?: {
    /** Statements that make its tables, where they are not there yet. */
    readonly tables: string;
    /** Is told at each connection why it cannot be shared, such as for want of a right; null: it is. */
    unusable(reason: string | null): void;
  };
}

export interface DatabaseParts {
  readonly connect: Connect;
  /** For people, without the password. */
  readonly place: string;
  /** This server's name in the tables, the same after a restart. */
  readonly server: string;
  /** The host's name, for people. */
  readonly name: string;
  /** Where machines reach this server now. */
  readonly addresses: () => readonly string[];
  /** Those of the other servers, as `remember` was told of them before this start. */
  readonly formerPeers: readonly string[];
  /** Keeps the addresses of the other servers for the next start, at which the database may be away. Never throws. */
  readonly remember: (addresses: readonly string[]) => void;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** Another server of the database. */
export interface Peer {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Seconds since it was last heard of, as of the last look. */
  readonly silentSeconds: number;
}

const LOOK_EVERY_MS = 500;
const SIGN_OF_LIFE_EVERY_MS = 5000;
const CONNECT_AGAIN_MS = 1000;
/** Without an answer for so long it counts as away. */
const PATIENCE_MS = 4000;
/** All rows are tens of thousands at most. */
const PATIENCE_FOR_ALL_MS = 30_000;

const newsRow = z.object({ next: z.string(), peers: z.string() }).catchall(z.string());
const rows = z.array(z.unknown());
const peers = z.array(
  z.object({ name: z.string(), addresses: z.array(z.string()), silent: z.number() }),
);

/**
 * The database that several servers share: connected to as long as it is there, and asked twice a second for what the
 * others wrote. While it cannot be used everything rejects at once.
 */
export class Database {
  readonly place: string;
  readonly server: string;
  readonly #parts: DatabaseParts;
  readonly #shared: Part[] = [];
  readonly #stopping = new AbortController();
  /** Of `#shared`, what this session can share. */
  #inUse: readonly Part[] = [];
  #sql: Sql | null = null;
  /** Ends the session at hand. */
  #session = new AbortController();
  #isCurrent = false;
  #running: Promise<void> | null = null;
  #problem: string | null = "it was not asked yet";
  #awaySinceMs: number | null = null;
  /** Rows of earlier transactions are known. */
  #knownBelow = "0";
  #signedAtMs = -Infinity;
  /** The addresses that the others know. */
  #signedAs = "";
  #peers: readonly Peer[] = [];
  #peerAddresses: readonly string[];

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
    this.#peerAddresses = parts.formerPeers;
    this.place = parts.place;
    this.server = parts.server;
  }

  /** To be called before `start`. */
  share(part: Part): void {
    this.#shared.push(part);
  }

  /** Whether it is connected, and all that others wrote is known here as of the last look. */
  get isUsable(): boolean {
    return this.#isCurrent;
  }

  /** Why it cannot be used; null: it can. */
  get problem(): string | null {
    return this.#isCurrent ? null : this.#problem;
  }

  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** Whether an address is another server's that shares the database, as far as is known; also while that is away. */
  readonly isPeer = (address: string): boolean => this.#peerAddresses.includes(address);

  /** Resolves when the first attempt to connect has ended, however it ended, or when `stopping` says so. */
  start(stopping?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      stopping?.addEventListener("abort", () => resolve(), { once: true });
      this.#running ??= this.#run(resolve);
    });
  }

  /** Rejects while it cannot be used, and with what it says of the statement. */
  async query(text: string, params: readonly string[]): Promise<readonly Row[]> {
    if (!this.#isCurrent) throw new DatabaseError(`${this.place} cannot be used: ${this.#problem}`);
    return this.#ask(text, params);
  }

  /** The same for what nothing depends on: a statement that is refused ends nothing. */
  async tell(text: string, params: readonly string[]): Promise<readonly Row[]> {
    if (!this.#isCurrent) throw new DatabaseError(`${this.place} cannot be used: ${this.#problem}`);
    return this.#ask(text, params, PATIENCE_MS, isOfStatement);
  }

  /** Ends what is under way: whoever waits for the answer to a statement gets none. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#session.abort();
    await this.#sql?.close();
    await this.#running;
  }

  /** Never rejects. */
  async #run(tried: () => void): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#open();
        tried();
        while (!this.#session.signal.aborted) {
          await pause(LOOK_EVERY_MS, this.#session.signal);
          if (!this.#session.signal.aborted) await this.#look(false);
        }
      } catch (error) {
        this.#lose(messageOf(error));
      }
      tried();
      const sql = this.#sql;
      this.#sql = null;
      this.#isCurrent = false;
      await sql?.close();
      if (!signal.aborted) await pause(CONNECT_AGAIN_MS, signal);
    }
  }

  async #open(): Promise<void> {
    const { connect, emit, clock } = this.#parts;
    this.#session = new AbortController();
    const { signal } = this.#session;
    const sql = await connect(() => {
      if (this.#sql === sql) this.#lose("the connection was closed");
    });
    this.#sql = sql;
    this.#stopping.signal.throwIfAborted();
    await withPatience(prepareSession(sql), 3 * PATIENCE_MS);
    this.#inUse = await this.#usable(sql);
    await this.#sign();
    await this.#ask(forgetServers, []);
    await this.#look(true);
    if (signal.aborted) return;
    const away = this.#awaySinceMs;
    const awaySeconds = away === null ? 0 : Math.round((clock.now() - away) / 1000);
    this.#awaySinceMs = null;
    emit({ event: "database-back", place: this.place, awaySeconds });
  }

  /** What can be shared in this session. */
  async #usable(sql: Sql): Promise<readonly Part[]> {
    const usable: Part[] = [];
    for (const part of this.#shared) {
      const { newsOf, needs } = part;
      const looking = needs === undefined ? null : whyUnusable(sql, newsOf, needs, this.server);
      const reason = looking === null ? null : await withPatience(looking, 3 * PATIENCE_MS);
      needs?.unusable(reason);
      if (reason === null) usable.push(part);
    }
    return usable;
  }

  /** Asks what others wrote; after it has connected, for all that is there. */
  async #look(isAll: boolean): Promise<void> {
    const { clock } = this.#parts;
    const isDue = clock.now() - this.#signedAtMs >= SIGN_OF_LIFE_EVERY_MS;
    if (isDue || JSON.stringify(this.#parts.addresses()) !== this.#signedAs) await this.#sign();
    const askedAtMs = clock.wall();
    const from = isAll ? "0" : this.#knownBelow;
    const [row] = await this.#ask(
      this.#newsStatement(),
      [from, this.server],
      isAll ? PATIENCE_FOR_ALL_MS : PATIENCE_MS,
    );
    const { next, peers: others, ...found } = newsRow.parse(row);
    this.#peers = peers.parse(JSON.parse(others)).map(({ name, addresses, silent }) => {
      return { name, addresses, silentSeconds: Math.max(0, Math.round(silent)) };
    });
    this.#know(this.#peers.flatMap(({ addresses }) => addresses).toSorted());
    // From here on it can be written to: what was lost is written anew at once.
    this.#isCurrent = !this.#session.signal.aborted;
    for (const [index, part] of this.#inUse.entries()) {
      part.news(rows.parse(JSON.parse(found[`part${index}`] ?? "[]")), isAll, askedAtMs);
    }
    this.#knownBelow = next;
  }

  #know(addresses: readonly string[]): void {
    if (JSON.stringify(addresses) === JSON.stringify(this.#peerAddresses)) return;
    this.#peerAddresses = addresses;
    this.#parts.remember(addresses);
  }

  /** One statement, so that all is of one moment. Transactions that run at that moment are asked for again. */
  #newsStatement(): string {
    const parts = this.#inUse.map(
      ({ newsOf }, index) =>
        `(SELECT coalesce(json_agg(n), '[]') FROM (${newsOf}) n)::text AS part${index},`,
    );
    return `SELECT ${parts.join("\n")}
      (SELECT coalesce(json_agg(s), '[]') FROM (SELECT name, addresses,
        extract(epoch FROM clock_timestamp() - seen_at) AS silent
        FROM eim_pxe_servers WHERE id <> $2::text AND $1::text IS NOT NULL ORDER BY id LIMIT 100) s)::text AS peers,
      pg_snapshot_xmin(pg_current_snapshot())::text AS next`;
  }

  async #sign(): Promise<void> {
    const { name, addresses, clock } = this.#parts;
    const told = JSON.stringify(addresses());
    await this.#ask(signOfLife, [this.server, name, told]);
    this.#signedAtMs = clock.now();
    this.#signedAs = told;
  }

  async #ask(
    text: string,
    params: readonly string[],
    patienceMs = PATIENCE_MS,
    isHarmless: (error: unknown) => boolean = isOfValues,
  ): Promise<readonly Row[]> {
    const sql = this.#sql;
    if (sql === null) throw new DatabaseError(`${this.place} is not connected`);
    try {
      return await withPatience(sql.query(text, params), patienceMs);
    } catch (error) {
      if (!isToRepeat(error) && !isHarmless(error) && this.#sql === sql)
        this.#lose(messageOf(error));
      throw error;
    }
  }

  /** Whatever it was: another session begins, which shows whether the database can be used. */
  #lose(reason: string): void {
    const { emit, clock } = this.#parts;
    const isFirst = !this.#session.signal.aborted;
    this.#isCurrent = false;
    this.#session.abort();
    if (this.#stopping.signal.aborted || !isFirst) return;
    this.#problem = reason;
    this.#awaySinceMs ??= clock.now();
    emit({ event: "database-away", place: this.place, reason });
  }
}
