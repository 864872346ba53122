import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import type { LeaseStore } from "../../../src/dhcp/leases/lease-store.ts";
import { encodeLease, replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { openFlags } from "../../support/open-files.ts";
import { reasonToSkip } from "../../support/tools.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-journal-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function lease(i: number, state: Lease["state"] = "bound"): Lease {
  return {
    mac: `52:54:00:00:00:${i.toString(16).padStart(2, "0")}`,
    address: `10.0.0.${i}`,
    network: "10.0.0.0/24",
    state,
    expiresAtMs: 1_800_000_000_000 + i,
    startedAtMs: 1_700_000_000_000,
    hostname: i % 2 === 0 ? `node-${i}` : null,
    clientId: "01525400000001",
  };
}

const nowMs = 1_750_000_000_000;
const clock = new SteadyClock({ now: () => 0, wall: () => nowMs });
const line = (one: Lease): string => encodeLease(one, nowMs);

async function reopen(compactAboveBytes = 1024 * 1024) {
  const leases = new LeaseTable();
  const { journal, replay } = await openJournal({
    dataDir: folder,
    leases,
    clock,
    compactAboveBytes,
  });
  return { leases, journal, replay, path: join(folder, "leases.journal") };
}

async function append(to: { leases: LeaseTable; journal: LeaseStore }, one: Lease): Promise<void> {
  to.leases.restore(one);
  await to.journal.append(one);
}

describe("the journal", () => {
  test("makes its folder, for its user and group only", async () => {
    const dataDir = join(folder, "deep", "er");
    const { journal } = await openJournal({ dataDir, leases: new LeaseTable(), clock });
    expect(statSync(dataDir).mode & 0o777).toBe(0o750);
    expect(statSync(join(dataDir, "leases.journal")).mode & 0o777).toBe(0o640);
    await journal.close();
  });

  test("a lease is in the file when append resolves, and comes back at the next start", async () => {
    const first = await reopen();
    await append(first, lease(1));
    expect(readFileSync(first.path, "utf8").split("\n").slice(1).join("\n")).toBe(line(lease(1)));
    await append(first, lease(2));
    await append(first, lease(1, "released"));
    await first.journal.close();
    const second = await reopen();
    expect(second.replay.damaged).toEqual([]);
    expect(second.leases.all()).toEqual([lease(1, "released"), lease(2)]);
    await second.journal.close();
  });

  test("each write is on the disk when it returns, also into a file that replaced another one", async () => {
    const first = await reopen(2000);
    const flags = () => openFlags(first.path) & constants.O_DSYNC;
    expect(flags()).toBe(constants.O_DSYNC);
    const { ino } = statSync(first.path);
    for (let i = 0; i < 60; i++) await append(first, lease(i % 4));
    while (statSync(first.path).ino === ino) await append(first, lease(1));
    expect(flags()).toBe(constants.O_DSYNC);
    await first.journal.close();
  });

  test("a line has a lease as JSON, whatever its texts are", () => {
    const odd = { ...lease(1), hostname: '"\\', clientId: '"}', network: null };
    const text = JSON.stringify({ ...odd, writtenAtMs: nowMs });
    expect(line(odd)).toMatch(/^\{"crc":"[0-9a-f]{8}","lease":.*\}\n$/);
    expect(line(odd).slice(26, -2)).toBe(text);
  });

  test("a line is JSON for whoever wants to read it", () => {
    expect(JSON.parse(line(lease(2)))).toMatchObject({ lease: { hostname: "node-2" } });
  });

  test("appends at the same time all reach the file, in order", async () => {
    const opened = await reopen();
    const all = Array.from({ length: 200 }, (_, i) => lease(i));
    await Promise.all(all.map((one) => append(opened, one)));
    await opened.journal.close();
    expect(replayJournal(readFileSync(opened.path)).leases).toEqual(all);
  });

  test("what was appended before close is written, what comes after is refused", async () => {
    const opened = await reopen();
    const written = append(opened, lease(1));
    await opened.journal.close();
    await written;
    expect(replayJournal(readFileSync(opened.path)).leases).toEqual([lease(1)]);
    await expect(opened.journal.append(lease(2))).rejects.toThrow(InternalError);
  });

  test("cut at any byte it replays to what was whole, and goes on from there", async () => {
    const opened = await reopen();
    const all = [
      lease(1),
      lease(2),
      lease(1, "released"),
      lease(3, "declined"),
      lease(4, "in-use"),
    ];
    for (const one of all) await append(opened, one);
    await opened.journal.close();
    const whole = readFileSync(opened.path);
    for (let length = 0; length <= whole.length; length++) {
      const { leases, damaged, wholeBytes } = replayJournal(whole.subarray(0, length));
      const lines = whole.subarray(0, length).toString().split("\n").slice(0, -1);
      const count = lines.filter((text) => text.includes('"lease":')).length;
      expect(leases).toEqual(all.slice(0, count));
      expect(damaged).toEqual([]);
      expect(wholeBytes).toBe(Buffer.byteLength(lines.map((text) => `${text}\n`).join("")));
    }
    for (let length = whole.length - 150; length < whole.length; length += 7) {
      writeFileSync(opened.path, whole.subarray(0, length));
      const again = await reopen();
      const before = again.replay.leases;
      await append(again, lease(9));
      await again.journal.close();
      expect(replayJournal(readFileSync(opened.path))).toMatchObject({
        leases: [...before, lease(9)],
        damaged: [],
      });
    }
  });

  test("damaged lines are left out and reported with their place, the others stay", async () => {
    const good = line(lease(1));
    const changed = good.replace("10.0.0.1", "10.0.0.7");
    const noLease = 'not json at all\n{"crc":"00000000","lease":{}}\n';
    appendFileSync(join(folder, "leases.journal"), good + changed + noLease + line(lease(2)));
    const { leases, replay, journal } = await reopen();
    expect(leases.all()).toEqual([lease(1), lease(2)]);
    expect(replay.damaged.map(({ offset }) => offset)).toEqual([
      good.length,
      good.length * 2,
      good.length * 2 + 16,
    ]);
    expect(replay.damaged[0]?.message).toContain("checksum");
    await journal.close();
  });

  test("any single flipped bit loses at most two records and is reported", async () => {
    const all = [lease(1), lease(2), lease(3)];
    const bytes = Buffer.from(all.map(line).join(""));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { leases, damaged, wholeBytes } = replayJournal(flipped);
      expect(all).toEqual(expect.arrayContaining([...leases]));
      expect(leases.length).toBeGreaterThanOrEqual(1);
      expect(leases.length < 3).toBe(damaged.length > 0 || wholeBytes < bytes.length);
    }
  });

  test("grown far beyond its leases it is replaced by one that has each lease once", async () => {
    const opened = await reopen(2000);
    for (let i = 0; i < 100; i++) {
      await append(opened, { ...lease(1), expiresAtMs: i });
      await append(opened, lease(2));
    }
    await opened.journal.close();
    expect(statSync(opened.path).size).toBeLessThan(2500);
    const again = await reopen();
    expect(again.leases.all()).toHaveLength(2);
    expect(again.leases.at("10.0.0.1")?.expiresAtMs).toBe(99);
    await again.journal.close();
  });

  test("grown over many starts it is replaced as well", async () => {
    for (let i = 0; i < 10; i++) {
      const opened = await reopen(2000);
      for (let n = 0; n < 10; n++) await append(opened, lease(1));
      await opened.journal.close();
    }
    expect(statSync(join(folder, "leases.journal")).size).toBeLessThan(2500);
  });

  test("that cannot be replaced for a while is replaced soon after it can", async () => {
    const opened = await reopen(2000);
    const inTheWay = join(folder, "leases.journal.new");
    mkdirSync(inTheWay);
    for (let i = 0; i < 100; i++) await append(opened, lease(1));
    expect(statSync(opened.path).size).toBeGreaterThan(15_000);
    rmdirSync(inTheWay);
    for (let i = 0; i < 15; i++) await append(opened, lease(1));
    await opened.journal.close();
    expect(statSync(opened.path).size).toBeLessThan(4000);
  });

  test("a compaction that a crash left half done does no harm", async () => {
    writeFileSync(join(folder, "leases.journal"), line(lease(1)));
    writeFileSync(join(folder, "leases.journal.new"), "half a li");
    const opened = await reopen(1);
    await append(opened, lease(2));
    await append(opened, lease(3));
    await opened.journal.close();
    const again = await reopen();
    expect(again.leases.all()).toHaveLength(3);
    expect(again.replay.damaged).toEqual([]);
    await again.journal.close();
  });
});

const missing = reasonToSkip({ tools: ["mount", "umount"], root: true });

describe.skipIf(missing !== null)(
  `on a full disk${missing === null ? "" : ` (${missing})`}`,
  () => {
    beforeEach(() => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    });
    afterEach(() => {
      execFileSync("umount", [folder]);
    });

    test("append rejects, keeps what was safe, and works again when there is room", async () => {
      const opened = await reopen();
      await append(opened, lease(1));
      const filler = join(folder, "filler");
      expect(() => writeFileSync(filler, Buffer.alloc(128 * 1024))).toThrow("ENOSPC");
      let failed = 0;
      for (let i = 0; i < 60; i++) {
        await opened.journal
          .append({ ...lease(2), hostname: "x".repeat(200) })
          .catch(() => failed++);
      }
      expect(failed).toBeGreaterThan(20);
      rmSync(filler);
      await append(opened, lease(3));
      await opened.journal.close();
      const { leases, replay, journal } = await reopen();
      expect(replay.damaged).toEqual([]);
      expect(leases.at("10.0.0.1")).toEqual(lease(1));
      expect(leases.at("10.0.0.3")).toEqual(lease(3));
      await journal.close();
    });
  },
);
