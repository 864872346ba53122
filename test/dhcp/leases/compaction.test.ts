import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Lease } from "../../../src/dhcp/leases/lease-table.ts";
import { cases } from "../../support/cases.ts";
import { JournalSite } from "../../support/journal-site.ts";
import { openFilesBelow } from "../../support/open-files.ts";
import { HeldStep, type Step, watchFiles } from "../../support/watched-files.ts";

/* A journal is written anew while leases are appended to it. */

const HOUR_MS = 3_600_000;
const noRoom = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

const broken = Object.assign(new Error("input/output error"), { code: "EIO" });

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-compaction-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const newFileSteps = [
  "write leases.journal.new",
  "datasync leases.journal.new",
  "sync leases.journal.new",
] as const;

describe("while the new file is written", () => {
  test.each(newFileSteps.slice(0, 2))(
    "leases are acknowledged, and are in it later (%s)",
    async (step) => {
      const site = new JournalSite(folder);
      await site.open();
      const held = new HeldStep(step);
      await watchFiles(held.before);
      await site.appendUntil(held.isReached);
      await site.append(7);
      await site.append(1, 1, "released");
      await site.append(2, 8);
      const before = site.file().length;
      held.go();
      expect(await site.reopened()).toEqual(site.after(site.appended.length));
      expect(site.file().length).toBeLessThan(before);
      expect(await site.reopened()).toEqual(site.after(site.appended.length));
      await site.journal?.close();
    },
  );

  test("an idle journal gets it as well", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const held = new HeldStep("datasync leases.journal.new");
    await watchFiles(held.before);
    await site.appendUntil(held.isReached);
    const before = site.file().length;
    held.go();
    while (existsSync(join(folder, "leases.journal.new"))) await turn();
    expect(site.file().length).toBeLessThan(before);
    await site.append(5);
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    await site.journal?.close();
  });

  test("a crash at any step leaves all that was acknowledged, also where the rename is undone", async () => {
    const site = new JournalSite(folder);
    const seen = new Set<Step>();
    // What fails within the watching would be taken for a failure of the disk.
    const losses: Step[] = [];
    let beforeRename: Uint8Array = new Uint8Array();
    await site.open();
    await watchFiles(async (step) => {
      seen.add(step);
      const sides = [site.hasPromised(site.file())];
      if (step === "sync leases.journal.new") beforeRename = site.file();
      if (step === `sync ${basename(folder)}`) {
        for (let n = 0; n < 20; n++) await turn();
        sides.push(site.hasPromised(beforeRename));
      }
      if (sides.includes(false)) losses.push(step);
    });
    for (let n = 0; n < 100; n++) {
      void site.append(n % 4);
      if (n % 3 === 0) await turn();
    }
    await site.settled();
    await site.journal?.close();
    expect([losses, site.damaged]).toEqual([[], []]);
    expect([...seen]).toEqual(
      expect.arrayContaining([...newFileSteps, `sync ${basename(folder)}`]),
    );
  });

  test("the journal is closed: the new file is in place, and nothing is left open or beside it", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const held = new HeldStep("datasync leases.journal.new");
    await watchFiles(held.before);
    await site.appendUntil(held.isReached);
    const before = site.file().length;
    const closed = site.journal?.close();
    held.go();
    await closed;
    expect(site.file().length).toBeLessThan(before);
    expect(site.file().toString()).toMatch(/"clock":\{[^\n]*\n$/);
    expect(readdirSync(folder)).toEqual(["leases.journal"]);
    expect(openFilesBelow(folder)).toBe(0);
  });

  test.each([0, 1, 2, 3, 4, 5, 6])(
    "the clock is set: before its step %i, no lease gets longer or shorter",
    async (at) => {
      const site = new JournalSite(folder);
      await site.open();
      const steps: Step[] = [];
      const whole = new Set<Step>([...newFileSteps, `sync ${basename(folder)}`]);
      await watchFiles((step) => {
        if (!whole.has(step) || steps.push(step) !== at + 1) return;
        void site.setClock(at % 2 === 0 ? HOUR_MS : -HOUR_MS);
        void site.append(6);
      });
      await site.appendUntil(() => steps.length > at);
      site.trueMs += 1000;
      await site.append(7);
      await site.settled();
      expect(site.leasesIn(site.file())).toEqual(site.after(site.appended.length));
      expect(await site.reopened()).toEqual(site.after(site.appended.length));
      await site.journal?.close();
    },
  );
});

describe("a new file that cannot be written", () => {
  test.each(newFileSteps)("rejects no lease, and is tried again later (%s)", async (failing) => {
    const site = new JournalSite(folder);
    await site.open();
    let isFull = true;
    let failures = 0;
    await watchFiles(async (step) => {
      if (!isFull || step !== failing) return;
      failures += 1;
      throw noRoom;
    });
    for (let n = 0; n < 60; n++) await site.append(n % 4);
    expect(failures).toBeGreaterThan(1);
    const long = site.file().length;
    isFull = false;
    for (let n = 0; n < 15; n++) await site.append(n % 4);
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    expect(site.file().length).toBeLessThan(long / 2);
    await site.journal?.close();
    expect(readdirSync(folder)).toEqual(["leases.journal"]);
    expect(openFilesBelow(folder)).toBe(0);
  });

  test.each<readonly Step[]>([
    ["write leases.journal"],
    ["sync leases.journal.new", "write leases.journal"],
  ])("takes no room that leases need (no room for %s)", async (...refused) => {
    const site = new JournalSite(folder);
    await site.open();
    const seen = new Set<Step>();
    await watchFiles(async (step) => {
      if (!existsSync(join(folder, "leases.journal.new")) || !refused.includes(step)) return;
      seen.add(step);
      throw noRoom;
    });
    for (let n = 0; n < 60; n++) await site.append(n % 4);
    expect([...seen].toSorted()).toEqual(refused);
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    await site.journal?.close();
  });

  test("has taken the room of a lease that finds none, also where it has given it back by then", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const fresh = new HeldStep("datasync leases.journal.new");
    const append = new HeldStep("write leases.journal");
    let begun = 0;
    // Not the last one of those that it was begun by.
    let isTheOne = false;
    await watchFiles(async (step) => {
      await fresh.before(step);
      if (step === "datasync leases.journal.new" && begun++ === 0) throw noRoom;
      if (!isTheOne || append.isReached()) return;
      await append.before(step);
      if (append.isReached()) throw noRoom;
    });
    await site.appendUntil(fresh.isReached);
    isTheOne = true;
    const written = site.append(7);
    while (!append.isReached()) await turn();
    fresh.go();
    while (existsSync(join(folder, "leases.journal.new"))) await turn();
    for (let n = 0; n < 20; n++) await turn();
    append.go();
    await written;
    expect(begun).toBeGreaterThan(0);
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    await site.journal?.close();
  });

  test("in a folder that cannot be synced is replaced once more before a lease is acknowledged", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const syncOfFolder: Step = `sync ${basename(folder)}`;
    const steps: Step[] = [];
    await watchFiles(async (step) => {
      steps.push(step);
      if (steps.indexOf(syncOfFolder) === steps.length - 1) throw noRoom;
    });
    for (let n = 0; n < 60; n++) await site.append(n % 4);
    const since = steps.slice(steps.indexOf(syncOfFolder) + 1);
    expect(since).toContain(syncOfFolder);
    expect(since.indexOf("write leases.journal")).toBeGreaterThan(since.indexOf(syncOfFolder));
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    await site.journal?.close();
  });
});

describe("a write to the old file that fails meanwhile", () => {
  test("leaves it to the new file, which ends first", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const held = new HeldStep("datasync leases.journal.new");
    let fails = false;
    await watchFiles(async (step) => {
      await held.before(step);
      if (step !== "write leases.journal" || !fails) return;
      fails = false;
      throw broken;
    });
    await site.appendUntil(held.isReached);
    fails = true;
    const written = site.append(7);
    held.go();
    await written;
    expect(await site.reopened()).toEqual(site.after(site.appended.length));
    await site.journal?.close();
  });

  test("rejects as long as no new file can be written either", async () => {
    const site = new JournalSite(folder);
    await site.open();
    const held = new HeldStep("datasync leases.journal.new");
    let fails = false;
    await watchFiles(async (step) => {
      await held.before(step);
      if (fails) throw noRoom;
    });
    await site.appendUntil(held.isReached);
    const kept = site.appended.length;
    fails = true;
    const appending = Promise.allSettled([site.journal?.append(someLease)]);
    held.go();
    const [refused] = await appending;
    expect(refused).toEqual({ status: "rejected", reason: noRoom });
    await expect(site.journal?.append(someLease)).rejects.toBe(noRoom);
    fails = false;
    expect(await site.reopened()).toEqual(site.after(kept));
    await site.journal?.close();
    expect(readdirSync(folder)).toEqual(["leases.journal"]);
  });
});

const someLease: Lease = {
  mac: "52:54:00:00:00:0a",
  address: "10.0.0.10",
  network: "10.0.0.0/24",
  state: "bound",
  startedAtMs: 0,
  expiresAtMs: 0,
  hostname: null,
  clientId: null,
};

const op = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      machine: fc.integer({ min: 0, max: 2 }),
      address: fc.integer({ min: 0, max: 2 }),
      state: fc.constantFrom<Lease["state"]>("bound", "bound", "released", "declined"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("turns" as const),
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
  fc.record({ kind: fc.constant("settle" as const) }),
  fc.record({ kind: fc.constant("set" as const), byMs: fc.constantFrom(-HOUR_MS, HOUR_MS) }),
  fc.record({ kind: fc.constant("fail" as const), step: fc.constantFrom<Step>(...newFileSteps) }),
  fc.record({ kind: fc.constant("crash" as const) }),
  fc.record({ kind: fc.constant("reopen" as const) }),
);
type Op = typeof op extends fc.Arbitrary<infer Value> ? Value : never;

/** Resolves with whether all was there that had been acknowledged. */
async function perform(site: JournalSite, failing: Set<Step>, one: Op): Promise<boolean> {
  switch (one.kind) {
    case "append":
      site.trueMs += 10;
      void site.append(one.machine, one.address, one.state);
      return true;
    case "turns":
      for (let n = 0; n < one.count; n++) await turn();
      return true;
    case "settle":
      await site.settled();
      return true;
    case "set":
      void site.setClock(one.byMs);
      return true;
    case "fail":
      failing.add(one.step);
      return true;
    case "crash":
      return site.hasPromised(site.file());
    case "reopen":
      return isDeepStrictEqual(await site.reopened(), site.after(site.appended.length));
  }
}

test("whatever is appended, set, refused and reopened meanwhile, a start has all that was acknowledged", async () => {
  let runs = 0;
  let compactions = 0;
  const failing = new Set<Step>();
  await watchFiles((step) => {
    if (failing.delete(step)) throw noRoom;
    if (step === "sync leases.journal.new") compactions += 1;
  });
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 40, maxLength: 120, size: "max" }), async (ops) => {
      failing.clear();
      const site = new JournalSite(join(folder, `${runs++}`), 1);
      await site.open();
      for (const one of ops) expect(await perform(site, failing, one)).toBe(true);
      await site.settled();
      expect(await site.reopened()).toEqual(site.after(site.appended.length));
      await site.journal?.close();
      expect(site.damaged).toEqual([]);
    }),
    { numRuns: cases(300) },
  );
  expect(compactions).toBeGreaterThan(runs);
});
