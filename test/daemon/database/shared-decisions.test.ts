import { describe, expect, test } from "vitest";
import { SharedDecisions } from "../../../src/daemon/database/shared-decisions.ts";
import { createInventory } from "../../../src/nodes/inventory.ts";
import { NodeRegister } from "../../../src/nodes/node-register.ts";

const mac = "52:54:00:00:00:0a";
const match = { kind: "mac", value: mac } as const;
const machine = { mac, uuid: null, serial: null };
const [early, noon, late] = [9, 12, 18].map(
  (hour) => `2026-03-06T${String(hour).padStart(2, "0")}:00:00.000Z`,
);

/** The table, as far as the statement of one decision goes: the later one holds. */
class Table {
  readonly rows = new Map<string, { key: string; body: unknown; at: string }>();
  away = false;

  readonly query = ([key = "", body = "", at = ""]: readonly string[]): Promise<never[]> => {
    if (this.away) return Promise.reject(new TypeError("no way there"));
    const former = this.rows.get(key);
    if (former === undefined || former.at <= at)
      this.rows.set(key, { key, body: JSON.parse(body), at });
    return Promise.resolve([]);
  };
}

function server(table: Table) {
  const register = new NodeRegister(createInventory([]));
  const heard: string[] = [];
  const decisions = new SharedDecisions({
    database: { place: "the database", query: (_text, params) => table.query(params) },
    register,
    changed: () => void heard.push("changed"),
  });
  const decide = async (netboot: "allow" | "deny" | "once" | null, at = noon ?? "") => {
    register.decide(match, { netboot }, { by: "anna", at });
    return decisions.decided({ match, netboot, name: null, address: null, by: "anna", at });
  };
  const look = (isAll = false) => decisions.news([...table.rows.values()], isAll);
  const word = () => register.wordFor(machine)?.netboot ?? null;
  return { register, decisions, heard, decide, look, word };
}

describe("decisions that several servers share", () => {
  test("what is decided at one server is in force at the other one, and so is that it is taken back", async () => {
    const table = new Table();
    const [one, other] = [server(table), server(table)];
    expect(await one.decide("deny")).toBeNull();
    other.look();
    expect(other.word()).toBe("deny");
    expect(other.heard).toEqual(["changed"]);
    // Known already: nothing is new.
    other.look();
    expect(other.heard).toEqual(["changed"]);
    await one.decide(null, late);
    other.look();
    expect(other.word()).toBeNull();
  });

  test("of two decisions the later one holds, whichever comes first", async () => {
    const table = new Table();
    const [one, other] = [server(table), server(table)];
    await one.decide("deny", late);
    await other.decide("allow", early);
    for (const each of [one, other]) each.look();
    expect([one.word(), other.word()]).toEqual(["deny", "deny"]);
  });

  test("what is decided while the database is away holds here, and reaches the others afterwards", async () => {
    const table = new Table();
    const [one, other] = [server(table), server(table)];
    table.away = true;
    expect(await one.decide("deny")).toContain(
      "the other servers learn of it when the database can be used",
    );
    expect(one.word()).toBe("deny");
    table.away = false;
    one.look(true);
    await Promise.resolve();
    other.look();
    expect(other.word()).toBe("deny");
  });

  test("what a server had decided before it shared anything is told at its first look", async () => {
    const table = new Table();
    const [one, other] = [server(table), server(table)];
    one.register.decide(
      match,
      { address: "192.168.77.20", name: "node" },
      { by: "anna", at: early ?? "" },
    );
    one.look(true);
    await Promise.resolve();
    other.look(true);
    expect(other.register.reservedFor("192.168.77.20")?.name).toBe("node");
  });

  test("a once is used up for all servers, until it is given anew", async () => {
    const table = new Table();
    const [one, other] = [server(table), server(table)];
    await one.decide("once", early);
    other.look();
    expect(one.register.reachedMicroOs(machine, noon ?? "")).toBe(true);
    await one.decisions.usedUp({ ...machine, at: noon ?? "" });
    other.look();
    expect(other.register.find(machine)?.netboot).toBe("deny");
    await other.decide("once", late);
    other.look(true);
    expect(other.register.find(machine)?.netboot).toBe("allow");
    one.look();
    expect(one.register.find(machine)?.netboot).toBe("allow");
  });

  test("rows that are no decisions change nothing", () => {
    const { decisions, heard } = server(new Table());
    decisions.news(
      [null, { key: "x", body: { override: { match: { kind: "mac", value: "*x" } } } }, { key: 1 }],
      true,
    );
    expect(heard).toEqual([]);
  });
});
