import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WayTable } from "../../src/boot/ways.ts";
import { OptionCode } from "../../src/dhcp/option-codes.ts";
import { type Journal, openJournal } from "../../src/dhcp/journal.ts";
import { type Lease, LeaseTable } from "../../src/dhcp/leases.ts";
import { handleFull } from "../../src/dhcp/full.ts";
import { OfferTable } from "../../src/dhcp/offers.ts";
import { type DhcpPacket, MessageType } from "../../src/dhcp/packet.ts";
import { type IsInUse, Performer } from "../../src/dhcp/performer.ts";
import { readRequest } from "../../src/dhcp/request.ts";
import { readU32 } from "../../src/lib/bytes.ts";
import { ANY_ADDRESS } from "../../src/lib/ip4.ts";
import { SyncError } from "../../src/lib/errors.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import type { PxeEvent } from "../../src/observe/events.ts";
import {
  firmware,
  fullLink,
  message,
  type Options,
  ourAddress,
  packetWith,
  planFor,
  selecting,
} from "../support/dhcp.ts";
import { reasonToSkip } from "../support/tools.ts";

const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
const system = firmware.operatingSystem;

/** A disk that is there, or not. */
class Disk implements Journal {
  readonly written = new LeaseTable();
  full = false;
  append(lease: Lease): Promise<void> {
    if (this.full) return Promise.reject(new SyncError("no space left on device"));
    this.written.restore(lease);
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Site {
  readonly disk = new Disk();
  readonly leases: LeaseTable;
  readonly offers = new OfferTable();
  readonly events: PxeEvent[] = [];
  readonly replies: DhcpPacket[] = [];
  readonly looked: string[] = [];
  nowMs = 1_800_000_000_000;
  isInUse: IsInUse = () => Promise.resolve(false);
  readonly #performer: Performer;

  constructor(leases = new LeaseTable(), journal: Journal | null = null) {
    this.leases = leases;
    this.#performer = new Performer({
      leases,
      offers: this.offers,
      ways: new WayTable(),
      journal: journal ?? this.disk,
      isInUse: (link, address, mac) => {
        this.looked.push(address);
        return this.isInUse(link, address, mac);
      },
      emit: (event) => void this.events.push(event),
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
    });
  }

  async ask(mac: string, options: Options, ciaddr = ANY_ADDRESS): Promise<DhcpPacket | null> {
    const packet = packetWith(options, { chaddr: macToBytes(mac), ciaddr });
    const request = readRequest(packet, { address: ciaddr, port: 68 });
    const state = { leases: this.leases, offers: this.offers, reservedFor: () => null };
    const before = this.replies.length;
    await this.#performer.perform({
      link: fullLink,
      mac,
      decide: () => handleFull(request, planFor(request), fullLink, null, state, this.nowMs),
      send: (reply) => void this.replies.push(reply),
    });
    return this.replies[before] ?? null;
  }

  async lease(mac: string): Promise<string> {
    const offer = await this.ask(mac, message(system));
    const address = offer?.yiaddr ?? "";
    await this.ask(mac, selecting(system, ourAddress, address));
    return address;
  }

  renew(mac: string, address: string): Promise<DhcpPacket | null> {
    return this.ask(mac, message(system, MessageType.REQUEST), address);
  }

  names(): readonly string[] {
    return this.events.map(({ event }) => event).filter((name) => name !== "system-dhcp");
  }
}

const seconds = (packet: DhcpPacket | null) =>
  [OptionCode.LEASE_TIME, OptionCode.RENEWAL_TIME, OptionCode.REBINDING_TIME].map((code) =>
    readU32(packet?.options.get(code) ?? new Uint8Array(), 0),
  );

describe("when the disk takes nothing", () => {
  test("a machine that renews keeps its address for as long as the journal says, and no longer", async () => {
    const site = new Site();
    const address = await site.lease(macA);
    site.nowMs += 1_000_000;
    site.disk.full = true;
    expect(seconds(await site.renew(macA, address))).toEqual([2600, 1300, 2275]);
    expect(site.leases.ofMachine(macA)).toEqual(site.disk.written.ofMachine(macA));
    expect(site.names()).toEqual(["lease-granted", "journal-unwritable", "lease-granted"]);
    expect(site.events.at(-1)).toMatchObject({ leaseSeconds: 2600 });
  });

  test("nothing is leased anew, and nothing stays in memory of the attempt", async () => {
    const site = new Site();
    site.disk.full = true;
    const offer = await site.ask(macA, message(system));
    const taken = await site.ask(macA, selecting(system, ourAddress, offer?.yiaddr ?? ""));
    expect(taken).toBeNull();
    expect(site.leases.all()).toEqual([]);
    expect(site.names()).toEqual(["journal-unwritable", "dhcp-failed"]);
  });

  test("what another machine had on disk is not lost by an attempt to hand it on", async () => {
    const site = new Site();
    const address = await site.lease(macA);
    site.nowMs += 4_000_000;
    site.disk.full = true;
    expect(await site.ask(macB, selecting(system, ourAddress, address))).toBeNull();
    expect(site.leases.ofMachine(macA)?.address).toBe(address);
    expect(site.leases.ofMachine(macB)).toBeNull();
  });

  test("a lease whose end is near is not extended by an answer", async () => {
    const site = new Site();
    const address = await site.lease(macA);
    site.disk.full = true;
    site.nowMs += 3_580_000;
    expect(await site.renew(macA, address)).toBeNull();
  });

  test("two renewals at once are both promised what is on disk only", async () => {
    const site = new Site();
    const address = await site.lease(macA);
    site.nowMs += 1_000_000;
    site.disk.full = true;
    const both = await Promise.all([site.renew(macA, address), site.renew(macA, address)]);
    expect(both.map((reply) => seconds(reply)[0])).toEqual([2600, 2600]);
    expect(site.leases.ofMachine(macA)).toEqual(site.disk.written.ofMachine(macA));
  });

  test("it is told once, and once when it is over", async () => {
    const site = new Site();
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

  test("that fills up costs no machine its address, and a restart promises nobody more", async () => {
    const leases = new LeaseTable();
    const { journal } = await openJournal({ dataDir: folder, leases });
    const site = new Site(leases, journal);
    const address = await site.lease(macA);
    expect(() => writeFileSync(join(folder, "filler"), Buffer.alloc(64 * 1024))).toThrow("ENOSPC");
    // What is left of the last block takes some more.
    for (let n = 0; n < 40 && !site.names().includes("journal-unwritable"); n++) {
      site.nowMs += 1000;
      await site.renew(macA, address);
    }
    expect(site.names()).toContain("journal-unwritable");
    const promised = leases.ofMachine(macA)?.expiresAtMs ?? 0;
    site.nowMs += 600_000;
    const [left = 0] = seconds(await site.renew(macA, address));
    expect(site.nowMs + left * 1000).toBeLessThanOrEqual(promised);
    expect(left).toBeGreaterThan(2900);
    expect(await site.ask(macB, selecting(system, ourAddress, "192.168.77.199"))).toBeNull();
    await journal.close();
    const again = new LeaseTable();
    const reopened = await openJournal({ dataDir: folder, leases: again });
    expect(again.all()).toEqual([leases.ofMachine(macA)]);
    await reopened.journal.close();
  });
});

describe("before an address is offered", () => {
  test("somebody looks whether it is in use, once for each offer, and not for a machine's own lease", async () => {
    const site = new Site();
    const address = (await site.ask(macA, message(system)))?.yiaddr ?? "";
    await site.ask(macA, message(system));
    expect(site.looked).toEqual([address]);
    await site.ask(macA, selecting(system, ourAddress, address));
    await site.ask(macA, message(system));
    expect(site.looked).toEqual([address]);
    site.nowMs += 4_000_000;
    await site.ask(macA, message(system));
    expect(site.looked).toEqual([address, address]);
  });

  test("an address in use goes into quarantine, which survives a restart, and another one is offered", async () => {
    const site = new Site();
    let squatted = "";
    site.isInUse = (_, address) => Promise.resolve((squatted ||= address) === address);
    const offer = await site.ask(macA, message(system));
    expect(offer?.yiaddr).toMatch(/^192\.168\.77\./);
    expect(offer?.yiaddr).not.toBe(squatted);
    expect(site.disk.written.at(squatted)?.state).toBe("declined");
    expect(site.names()).toEqual(["address-in-use"]);
    expect(site.events[0]).toMatchObject({ mac: macA, address: squatted });
    expect(site.replies).toHaveLength(1);
  });

  test("after three of them one is offered unseen, so that a machine is always answered", async () => {
    const site = new Site();
    site.isInUse = () => Promise.resolve(true);
    expect((await site.ask(macA, message(system)))?.op).toBe(2);
    expect(new Set(site.looked).size).toBe(3);
  });
});
