import { z } from "zod";
import { messageOf } from "../../lib/errors.ts";
import type { NodeRegister } from "../../nodes/node-register.ts";
import { type NodeOverride, override, usedOnce } from "../../nodes/overrides.ts";
import type { UsedOnce } from "../../nodes/used-once.ts";
import type { Database, Part } from "./database.ts";

export interface SharedDecisionsParts {
  readonly database: Pick<Database, "query" | "place">;
  readonly register: Pick<NodeRegister, "decide" | "decisionOn" | "kept" | "useUp" | "wordFor">;
  /** Something came from another server, which is to be kept here. */
  readonly changed: () => void;
}

const row = z.object({ key: z.string(), body: z.unknown() });
const decision = z.union([z.strictObject({ override }), z.strictObject({ usedOnce })]);
type Decision = z.output<typeof decision>;

/** Of two about one machine the later one holds, whichever server it was told. */
const put = `
INSERT INTO eim_pxe_decisions AS d (key, body, decided_at, version)
VALUES ($1::text, $2::text::json, $3::text::timestamptz, pg_current_xact_id())
ON CONFLICT (key) DO UPDATE SET body = excluded.body, decided_at = excluded.decided_at, version = excluded.version
WHERE d.decided_at <= excluded.decided_at`;

function keyOf(one: Decision): string {
  if ("usedOnce" in one) return `once used ${one.usedOnce.mac}`;
  const { kind, value } = one.override.match;
  return `${kind} ${value}`;
}

function atOf(one: Decision): string {
  return "usedOnce" in one ? one.usedOnce.at : one.override.at;
}

/**
 * What people decided about machines, and which of them have used up their `once`, for all servers of the database. Each
 * server keeps all of it in its data folder as well, so that it holds while the database is away.
 */
export class SharedDecisions implements Part {
  readonly newsOf =
    "SELECT d.key, d.body FROM eim_pxe_decisions d WHERE d.version >= $1::text::xid8 ORDER BY d.decided_at";
  readonly #parts: SharedDecisionsParts;
  /** Not in the database yet, by key. */
  readonly #waiting = new Map<string, Decision>();

  constructor(parts: SharedDecisionsParts) {
    this.#parts = parts;
  }

  /** Somebody decided here. Resolves with why the other servers do not know it yet; null: it is in the database. */
  decided(one: NodeOverride): Promise<string | null> {
    return this.#tell({ override: one });
  }

  /** A machine has used up its `once` here. Never rejects. */
  async usedUp(one: UsedOnce): Promise<void> {
    await this.#tell({ usedOnce: one });
  }

  news(rows: readonly unknown[], isAll: boolean): void {
    const inDatabase = new Map<string, string>();
    let isNew = false;
    for (const found of rows) {
      const read = row.safeParse(found);
      const one = decision.safeParse(read.data?.body);
      if (!one.success) continue;
      inDatabase.set(keyOf(one.data), atOf(one.data));
      isNew = this.#takeUp(one.data) || isNew;
    }
    if (isNew) this.#parts.changed();
    if (!isAll) return;
    // What was decided here while the database was away, or before it was there.
    const { overrides, usedOnce: used } = this.#parts.register.kept();
    const own: readonly Decision[] = [
      ...overrides.map((one) => ({ override: one })),
      ...used.map((one) => ({ usedOnce: one })),
    ];
    for (const one of own) {
      if (!isAfter(atOf(one), inDatabase.get(keyOf(one)))) continue;
      if (!this.#waiting.has(keyOf(one))) this.#waiting.set(keyOf(one), one);
    }
    void this.#write();
  }

  /** Whether it was not known here. */
  #takeUp(one: Decision): boolean {
    const { register } = this.#parts;
    const waiting = this.#waiting.get(keyOf(one));
    if (waiting !== undefined && !isAfter(atOf(one), atOf(waiting))) return false;
    if ("usedOnce" in one) {
      const { mac, uuid, serial, at } = one.usedOnce;
      const word = register.wordFor({ mac, uuid, serial });
      // Its `once` was given anew since.
      const isOver = word?.at != null && isAfter(word.at, at);
      return !isOver && register.useUp(one.usedOnce);
    }
    const { match, netboot, name, address, by, at } = one.override;
    const known = register.decisionOn(match);
    const saysNothing = netboot === null && name === null && address === null;
    if (known === null ? saysNothing : !isAfter(at, known.at)) return false;
    register.decide(match, { netboot, name, address }, { by, at });
    return true;
  }

  async #tell(one: Decision): Promise<string | null> {
    this.#waiting.set(keyOf(one), one);
    return this.#write();
  }

  /** Writes what waits; what cannot be written waits for the next connection. Never rejects. */
  async #write(): Promise<string | null> {
    const { database } = this.#parts;
    for (const [key, one] of this.#waiting) {
      try {
        await database.query(put, [key, JSON.stringify(one), atOf(one)]);
        if (this.#waiting.get(key) === one) this.#waiting.delete(key);
      } catch (error) {
        return `the other servers learn of it when ${database.place} can be used again (${messageOf(error)})`;
      }
    }
    return null;
  }
}

/** Of two moments in ISO 8601; anything is after none. */
function isAfter(at: string, other: string | undefined): boolean {
  return other === undefined || Date.parse(at) > Date.parse(other);
}
