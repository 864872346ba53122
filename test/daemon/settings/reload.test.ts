import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/config/load.ts";
import { reloadInventory, Repeatable } from "../../../src/daemon/settings/reload.ts";
import { loadInventory } from "../../../src/daemon/settings/settings.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { cases } from "../../support/cases.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-reload-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function configOf(nodes: string | null) {
  const file = join(folder, "nodes.yaml");
  if (nodes !== null) writeFileSync(file, nodes);
  return parseConfig(JSON.stringify({ nodes: { file } }), null);
}

function macOf(n: number): string {
  const [high, low] = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0"));
  return `52:54:00:00:${high}:${low}`;
}

describe("reloadInventory", () => {
  test("gives what is read at the start, with encoded options", async () => {
    const config = configOf(`
- mac: 08-00-27-29-4E-67
  address: 192.168.2.153
  routes: [{ to: 10.0.0.0/8, via: 192.168.2.2 }]
  options: [{ code: 26, u16: 1400 }]
- { serial: "4711", netboot: deny, loader: of-its-own.efi }
`);
    const inventory = await reloadInventory(config);
    expect(inventory.entries).toEqual(loadInventory(config).entries);
    expect(inventory.entries).toHaveLength(2);
    expect(inventory.namesLoader("of-its-own.efi")).toBe(true);
    const none = await reloadInventory(parseConfig("", null));
    expect(none.entries).toEqual([]);
  });

  test.each([
    ["no YAML", "- mac: [\n"],
    ["wrong values", "- mac: nonsense\n- uuid: 7\n"],
    ["no list", "mac: 52:54:00:00:00:01\n"],
    ["no such file", null],
  ])("refuses a file with %s in the same words", async (_, text) => {
    const config = configOf(text);
    const problemsOf = async (read: () => unknown) => {
      try {
        await read();
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [String(error)];
      }
    };
    const problems = await problemsOf(() => reloadInventory(config));
    expect(problems).toEqual(await problemsOf(() => loadInventory(config)));
    expect(problems[0]).toMatch(/nodes\.yaml:\d+:\d+: /);
  });

  test(
    "field fault 53: the event loop turns while many entries are read",
    { timeout: 60_000 },
    async () => {
      const count = cases(10_000);
      const entries = Array.from(
        { length: count },
        (_, n) => `- mac: ${macOf(n)}\n  name: n${n}\n`,
      );
      const config = configOf(entries.join(""));
      let turns = 0;
      const turn = (): void => {
        turns += 1;
        next = setImmediate(turn);
      };
      let next = setImmediate(turn);
      const inventory = await reloadInventory(config);
      clearImmediate(next);
      expect(inventory.entries).toHaveLength(count);
      expect(inventory.find({ mac: macOf(count - 1), uuid: null, serial: null })?.name).toBe(
        `n${count - 1}`,
      );
      // Read in one go it would be two or three.
      expect(turns).toBeGreaterThan(100);
    },
  );
});

describe("what is repeatable", () => {
  test("is done once more, however often it is asked for while it is done", async () => {
    const ends: (() => void)[] = [];
    const repeatable = new Repeatable(() => new Promise((resolve) => ends.push(resolve)));
    const first = repeatable.run();
    void repeatable.run();
    void repeatable.run();
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await Promise.resolve();
    await Promise.resolve();
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all([first, repeatable.idle()]);
    expect(ends).toHaveLength(2);
    void repeatable.run();
    expect(ends).toHaveLength(3);
    ends[2]?.();
    await repeatable.idle();
  });
});
