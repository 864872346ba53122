import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import type { BootReply } from "../../../src/api/boots.ts";
import { NewLines } from "../../../src/commands/watch/lines.ts";
import { statusWords, watchedMachines } from "../../../src/commands/watch/machines.ts";
import {
  afterKey,
  initialState,
  screenLines,
  type ScreenState,
  wrapped,
} from "../../../src/commands/watch/screen.ts";
import { english } from "../../../src/dashboard/words.ts";

function boot(part: Partial<BootReply> & { readonly id: string }): BootReply {
  return {
    mac: `52:54:00:00:00:0${part.id}`,
    uuid: null,
    serial: null,
    name: `node ${part.id}`,
    vendor: null,
    model: null,
    address: "10.0.0.5",
    server: null,
    interface: "eth1",
    firmware: "uefi",
    architecture: "x86-64 UEFI",
    status: "booting",
    stage: "loader-start",
    startedAt: "2026-03-06T10:00:00.000Z",
    updatedAt: "2026-03-06T10:00:04.000Z",
    durationMs: 4000,
    generation: null,
    diagnosis: null,
    waiting: null,
    expected: null,
    registration: null,
    steps: [
      {
        stage: "discover",
        at: "2026-03-06T10:00:00.000Z",
        lastAt: "2026-03-06T10:00:00.000Z",
        afterMs: 0,
        count: 2,
        certainty: "proved",
        detail: {},
      },
    ],
    ...part,
  };
}

const stalled = boot({
  id: "2",
  status: "stalled",
  diagnosis: {
    code: "file-missing",
    cause: "the loader ipxe.efi is missing",
    remedy: "put it into a folder of artifacts.loaderDirs",
    who: "site",
    onScreen: ["PXE-E23"],
    certainty: "proved",
    evidence: [],
  },
});
const up = boot({ id: "3", status: "up", stage: "micro-os" });
const boots = [boot({ id: "1" }), stalled, up];

const shown = (state: Partial<ScreenState>, columns = 80, rows = 12): string =>
  screenLines({ ...initialState, boots, ...state }, { columns, rows })
    .map((line) => stripVTControlCharacters(line))
    .join("\n");

describe("watch on a terminal", () => {
  test("has what needs a person first, with counts and keys", () => {
    expect(shown({})).toMatchInlineSnapshot(`
      "3 machines   1 booting   1 up   1 stopped

      › node 2  uefi  ● asked ✗ loader ○ script ○ Micro-OS ○ up  the loader ipxe.efi i
        node 1  uefi  ● asked ◐ loader ○ script ○ Micro-OS ○ up  4.0 s
        node 3  uefi  ● asked ● loader ● script ● Micro-OS ● up  4.0 s






      ↑↓ choose   Enter what happened   f show others   q quit"
    `);
  });

  test.each([
    [20, 5],
    [80, 24],
    [120, 40],
  ])("keeps to a terminal of %i by %i", (columns, rows) => {
    const many = Array.from({ length: 60 }, (_, index) => {
      const id = String(index);
      return { ...stalled, id, mac: id, name: `a machine with a long name ${id}` };
    });
    for (const open of [false, true]) {
      const lines = shown({ boots: many, open, selected: "50" }, columns, rows).split("\n");
      expect(lines).toHaveLength(rows);
      expect(lines.filter((line) => line.length > columns)).toEqual([]);
    }
  });

  test("shows why a machine stopped, what to do and who does it", () => {
    const text = shown({ open: true, selected: stalled.mac });
    expect(text).toMatchInlineSnapshot(`
      "3 machines   1 booting   1 up   1 stopped

      node 2  stopped
      52:54:00:00:00:02   10.0.0.5   uefi   x86-64 UEFI

      Why it stopped: the loader ipxe.efi is missing
      What to do: put it into a folder of artifacts.loaderDirs
      Who does it: site
      On its screen: PXE-E23


      ↑↓ next machine   Esc back   q quit"
    `);
  });

  test("says when nobody asked yet, and when the server is away", () => {
    expect(shown({ boots: [] })).toContain("No machine has asked yet.");
    expect(shown({ lost: "it does not answer" })).toContain("connection lost, trying again");
  });

  test("keys choose a machine, open it, filter, and end", () => {
    const start: ScreenState = { ...initialState, boots };
    const press = (...keys: readonly string[]) =>
      keys.reduce<ScreenState | null>(
        (state, key) => (state === null ? null : afterKey(state, key)),
        start,
      );
    expect(press("\u001b[B")?.selected).toBe(boots[0]?.mac);
    expect(press("j", "j", "j", "j")?.selected).toBe(up.mac);
    expect(press("j", "k", "k")?.selected).toBe(stalled.mac);
    expect(press("\r")).toMatchObject({ open: true, selected: stalled.mac });
    expect(press("\r", "\u001b")).toMatchObject({ open: false });
    expect(press("f", "f", "f", "f")?.filter).toBe("all");
    expect(shown({ filter: "up" })).not.toContain("node 1");
    expect(press("x")).toBe(start);
    for (const key of ["q", "\u0003"]) expect(press(key)).toBeNull();
  });

  test("nothing that a machine sends reaches the terminal as a command", () => {
    const hostile = boot({ id: "9", name: null, serial: "\u001b[2J\u0007evil\u202e" });
    const lines = screenLines({ ...initialState, boots: [hostile] }, { columns: 80, rows: 10 });
    expect(lines.join("")).not.toContain("\u001b[2J");
    expect(lines.join("")).toContain("?[2J?evil?");
  });

  test("has the words of the dashboard", () => {
    expect(statusWords).toEqual({
      booting: english.status.booting,
      up: english.status.up,
      stalled: english.status.stalled,
      denied: english.status.denied,
      local: english.status.local,
    });
    for (const word of Object.values(english.words)) expect(shown({})).toContain(word);
  });

  test("breaks texts at blanks, and what has none anywhere", () => {
    expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapped("a unbreakable b", 4)).toEqual(["a", "unbr", "eaka", "ble", "b"]);
  });
});

describe("a boot that is at a stage for longer than usual", () => {
  const expected = { usualMs: 4000, elapsedMs: 5000, isLate: false, boots: 12 };
  const late = boot({ id: "1", expected: { ...expected, elapsedMs: 30_000, isLate: true } });

  test("is told apart from one in its normal time", () => {
    const [usual, slow] = [{ ...late, expected }, late].map((one) => shown({ boots: [one] }));
    expect(usual).toMatch(/ 4\.0 s$/m);
    expect(slow).toMatch(/ 30 s, usually 4\.0 s$/m);
    const open = (one: BootReply) => shown({ boots: [one], open: true, selected: one.mac });
    expect(open({ ...late, expected })).toContain("Wait or act: wait: it has been at loader-start");
    expect(open(late)).toContain("Wait or act: act: it has been at loader-start for 30 s");
    expect(open({ ...late, expected: null })).not.toContain("Wait or act");
  });

  test("is a line of its own, once for each stage", () => {
    const lines = new NewLines();
    lines.since([{ ...late, expected }]);
    const steps = late.steps.map((step) => ({ ...step, stage: "loader-start" as const }));
    const said = lines.since([{ ...late, steps }]);
    expect(said.at(-1)).toBe(
      "10:00:30  node 1             uefi       longer than usual at loader-start: 30 s, usually 4.0 s",
    );
    expect(lines.since([{ ...late, steps }])).toEqual([]);
    const next = { ...late, steps, stage: "kernel" as const };
    expect(lines.since([next])).toHaveLength(1);
  });
});

describe("watch into a pipe", () => {
  test("has a line for each news, and none twice", () => {
    const lines = new NewLines();
    expect(lines.since([boot({ id: "1" })])).toEqual([
      "10:00:00  node 1             uefi       discover         after 0.0 s",
    ]);
    expect(lines.since([boot({ id: "1" })])).toEqual([]);
    const [line, ...more] = lines.since([{ ...stalled, id: "1", name: "node 1" }]);
    expect(more).toEqual([]);
    expect(line).toBe(
      "10:00:04  node 1             uefi       stopped: the loader ipxe.efi is missing. To do (site): put it into a folder of artifacts.loaderDirs",
    );
  });
});

describe("watch, where two servers share a database", () => {
  // Both heard the machine; it took the other one's answer.
  const [ours, theirs] = [
    boot({ id: "1", stage: "offer", status: "stalled", updatedAt: "2026-03-06T10:00:01.000Z" }),
    boot({ id: "1@host-b", mac: "52:54:00:00:00:01", server: "host-b", status: "up" }),
  ];

  test.each([
    [ours, theirs],
    [theirs, ours],
  ])("shows a machine as that one saw it which heard of it last", (...both) => {
    expect(watchedMachines(both, "all").map(({ boot: one }) => one.id)).toEqual(["1@host-b"]);
  });

  test("says in each line which other server saw it", () => {
    const [line = "", ...more] = new NewLines().since([theirs]);
    expect([line.endsWith("after 0.0 s  (seen by host-b)"), more]).toEqual([true, []]);
  });
});
