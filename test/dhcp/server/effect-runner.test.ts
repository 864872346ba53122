import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { readU32 } from "../../../src/lib/bytes.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { fullLink, message, ourAddress, selecting } from "../../support/dhcp.ts";
import { reasonToSkip } from "../../support/tools.ts";

import { EffectSite, macA, macB, system } from "../../support/effect-site.ts";
const seconds = (packet: DhcpPacket | null) =>
  [OptionCode.LEASE_TIME, OptionCode.RENEWAL_TIME, OptionCode.REBINDING_TIME].map((code) =>
    readU32(packet?.options.get(code) ?? new Uint8Array(), 0),
  );

describe("when nothing can be written", () => {
  test("a machine that renews keeps its address for as long as the journal says, and no longer", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.nowMs += 1_000_000;
    site.disk.full = true;
    expect(seconds(await site.renew(macA, address))).toEqual([2600, 1300, 2275]);
    expect(site.leases.ofMachine(macA, fullLink.subnet)).toEqual(
      site.disk.written.ofMachine(macA, fullLink.subnet),
    );
    expect(site.names()).toEqual(["lease-granted", "journal-unwritable", "lease-granted"]);
    expect(site.events.at(-1)).toMatchObject({ leaseSeconds: 2600 });
  });

  test("nothing is leased anew, and nothing stays in memory of the attempt", async () => {
    const site = new EffectSite();
    const offer = await site.ask(macA, message(system));
    site.disk.full = true;
    const taken = await site.ask(macA, selecting(system, ourAddress, offer?.yiaddr ?? ""));
    expect(taken).toBeNull();
    expect(site.leases.all()).toEqual([]);
    expect(site.names()).toEqual(["journal-unwritable", "dhcp-failed"]);
  });

  test("field fault 52: nothing is offered that could not be acknowledged, until there is room again", async () => {
    const site = new EffectSite();
    site.disk.full = true;
    for (let n = 0; n < 3; n++) expect(await site.ask(macA, message(system))).toBeNull();
    expect(site.offers.size).toBe(0);
    expect(site.names().slice(0, 2)).toEqual(["journal-unwritable", "dhcp-failed"]);
    site.disk.full = false;
    expect(await site.lease(macA)).toMatch(/^192\.168\.77\.1/);
    expect(site.names().slice(-2)).toEqual(["journal-writable", "lease-granted"]);
  });

  test("a machine with a running lease is offered its address all the same", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.disk.full = true;
    expect((await site.ask(macA, message(system)))?.yiaddr).toBe(address);
  });

  test("what another machine had on disk is not lost by an attempt to hand it on", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.nowMs += 4_000_000;
    site.disk.full = true;
    expect(await site.ask(macB, selecting(system, ourAddress, address))).toBeNull();
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
    expect(site.leases.ofMachine(macB, fullLink.subnet)).toBeNull();
  });

  test("a lease whose end is near is not extended by an answer", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.disk.full = true;
    site.nowMs += 3_580_000;
    expect(await site.renew(macA, address)).toBeNull();
  });

  test("two renewals at once are both promised what is on disk only", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.nowMs += 1_000_000;
    site.disk.full = true;
    const both = await Promise.all([site.renew(macA, address), site.renew(macA, address)]);
    expect(both.map((reply) => seconds(reply)[0])).toEqual([2600, 2600]);
    expect(site.leases.ofMachine(macA, fullLink.subnet)).toEqual(
      site.disk.written.ofMachine(macA, fullLink.subnet),
    );
  });

  test("it is reported once, and once when it is over", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.disk.full = true;
    for (let n = 0; n < 3; n++) await site.renew(macA, address);
    site.disk.full = false;
    expect(seconds(await site.renew(macA, address))[0]).toBe(3600);
    const told = site.events.filter(({ event }) => event.startsWith("journal"));
    expect(told).toEqual([
      { event: "journal-unwritable", reason: "no space left on device" },
      { event: "journal-writable", failed: 3 },
    ]);
  });
});

const missing = reasonToSkip({ tools: ["mount", "umount"], root: true });

describe.skipIf(missing !== null)(`a real disk${missing === null ? "" : ` (${missing})`}`, () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "eim-pxe-full-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]);
  });
  afterEach(() => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });

  test("field fault 52: that is full is noticed before anything is offered, and that it has room again", async () => {
    const time = { nowMs: 1_800_000_000_000 };
    const clock = new SteadyClock({ now: () => time.nowMs, wall: () => time.nowMs });
    const leases = new LeaseTable();
    const { journal } = await openJournal({ dataDir: folder, leases, clock });
    const site = new EffectSite(leases, journal, time);
    const filler = join(folder, "filler");
    expect(() => writeFileSync(filler, Buffer.alloc(64 * 1024))).toThrow("ENOSPC");
    // What is left of the last block takes some lines about the clock.
    let offers = 0;
    for (let n = 0; n < 60; n++) {
      time.nowMs += 1000;
      if ((await site.ask(macA, message(system))) !== null) offers += 1;
    }
    expect(offers).toBeLessThan(50);
    expect(site.names()).toContain("journal-unwritable");
    expect(await site.ask(macA, message(system))).toBeNull();
    rmSync(filler);
    time.nowMs += 1000;
    expect(await site.lease(macA)).toMatch(/^192\.168\.77\.1/);
    await journal.close();
  });

  test("that fills up costs no machine its address, and a restart promises none more", async () => {
    const leases = new LeaseTable();
    const time = { nowMs: 1_800_000_000_000 };
    const host = { bootId: "one", upMs: () => time.nowMs };
    const clock = new SteadyClock({ now: () => time.nowMs, wall: () => time.nowMs }, host);
    const { journal } = await openJournal({ dataDir: folder, leases, clock });
    const site = new EffectSite(leases, journal, time);
    const address = await site.lease(macA);
    expect(() => writeFileSync(join(folder, "filler"), Buffer.alloc(64 * 1024))).toThrow("ENOSPC");
    // What is left of the last block takes some more.
    for (let n = 0; n < 40 && !site.names().includes("journal-unwritable"); n++) {
      site.nowMs += 1000;
      await site.renew(macA, address);
    }
    expect(site.names()).toContain("journal-unwritable");
    const promised = leases.ofMachine(macA, fullLink.subnet)?.expiresAtMs ?? 0;
    site.nowMs += 600_000;
    const [left = 0] = seconds(await site.renew(macA, address));
    expect(site.nowMs + left * 1000).toBeLessThanOrEqual(promised);
    expect(left).toBeGreaterThan(2900);
    expect(await site.ask(macB, selecting(system, ourAddress, "192.168.77.199"))).toBeNull();
    await journal.close();
    const again = new LeaseTable();
    const reopened = await openJournal({ dataDir: folder, leases: again, clock });
    expect(again.all()).toEqual([leases.ofMachine(macA, fullLink.subnet)]);
    await reopened.journal.close();
  });
});
