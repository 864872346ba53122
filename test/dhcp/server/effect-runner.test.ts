import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NodeEntry } from "../../../src/boot/node.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { type Journal, openJournal } from "../../../src/dhcp/leases/journal.ts";
import {
  isActive,
  isQuarantine,
  type Lease,
  LeaseTable,
} from "../../../src/dhcp/leases/lease-table.ts";
import { handleFull } from "../../../src/dhcp/handlers/full.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { type DhcpPacket, MessageType } from "../../../src/dhcp/wire/packet.ts";
import { type IsInUse, EffectRunner } from "../../../src/dhcp/server/effect-runner.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { ConflictChecks } from "../../../src/dhcp/server/conflict-checks.ts";
import { readU32 } from "../../../src/lib/bytes.ts";
import { ANY_ADDRESS } from "../../../src/lib/ip4.ts";
import { SyncError } from "../../../src/lib/errors.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import {
  firmware,
  fullLink,
  message,
  type Options,
  ourAddress,
  packetWith,
  planFor,
  selecting,
} from "../../support/dhcp.ts";
import { noNode } from "../../support/node-entry.ts";
import { reasonToSkip } from "../../support/tools.ts";

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
  readonly checked: string[] = [];
  nowMs = 1_800_000_000_000;
  link = fullLink;
  node: NodeEntry | null = null;
  isInUse: IsInUse = () => Promise.resolve(false);
  readonly #runner: EffectRunner;

  constructor(leases = new LeaseTable(), journal: Journal | null = null) {
    this.leases = leases;
    this.#runner = new EffectRunner({
      leases,
      offers: this.offers,
      offerStyles: new OfferStyleTable(),
      journal: journal ?? this.disk,
      isInUse: (link, address, mac) => {
        this.checked.push(address);
        return this.isInUse(link, address, mac);
      },
      emit: (event) => void this.events.push(event),
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
    });
  }

  async ask(mac: string, options: Options, ciaddr = ANY_ADDRESS): Promise<DhcpPacket | null> {
    const packet = packetWith(options, { chaddr: macToBytes(mac), ciaddr });
    const request = readRequest(packet, { address: ciaddr, port: 68 });
    const node = this.node?.mac === mac ? this.node : null;
    const reservedFor = (address: string) => (this.node?.address === address ? this.node : null);
    const state = { leases: this.leases, offers: this.offers, reservedFor };
    const plan = planFor(request);
    const before = this.replies.length;
    const send = (reply: DhcpPacket) => void this.replies.push(reply);
    await this.#runner.answer({ link: this.link, mac, send }, () =>
      handleFull(request, plan, this.link, node, state, this.nowMs),
    );
    const chaddr = macToBytes(mac).toString();
    return this.replies.slice(before).find((one) => one.chaddr.toString() === chaddr) ?? null;
  }

  async lease(mac: string): Promise<string> {
    const offer = await this.ask(mac, message(system));
    const address = offer?.yiaddr ?? "";
    await this.ask(mac, selecting(system, ourAddress, address));
    return address;
  }

  /** The same link with other pools. */
  withPool(first: string, last: string): this {
    this.link = { ...fullLink, full: { ...fullLink.full, pools: [{ first, last }] } };
    return this;
  }

  quarantined(): readonly string[] {
    return this.leases
      .all()
      .filter((one) => isQuarantine(one) && isActive(one, this.nowMs))
      .map(({ address }) => address);
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

describe("when nothing can be written", () => {
  test("a machine that renews keeps its address for as long as the journal says, and no longer", async () => {
    const site = new Site();
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
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
    expect(site.leases.ofMachine(macB, fullLink.subnet)).toBeNull();
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
    expect(site.leases.ofMachine(macA, fullLink.subnet)).toEqual(
      site.disk.written.ofMachine(macA, fullLink.subnet),
    );
  });

  test("it is reported once, and once when it is over", async () => {
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

  test("that fills up costs no machine its address, and a restart promises none more", async () => {
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
    const promised = leases.ofMachine(macA, fullLink.subnet)?.expiresAtMs ?? 0;
    site.nowMs += 600_000;
    const [left = 0] = seconds(await site.renew(macA, address));
    expect(site.nowMs + left * 1000).toBeLessThanOrEqual(promised);
    expect(left).toBeGreaterThan(2900);
    expect(await site.ask(macB, selecting(system, ourAddress, "192.168.77.199"))).toBeNull();
    await journal.close();
    const again = new LeaseTable();
    const reopened = await openJournal({ dataDir: folder, leases: again });
    expect(again.all()).toEqual([leases.ofMachine(macA, fullLink.subnet)]);
    await reopened.journal.close();
  });
});

describe("before an address is offered", () => {
  test("it is checked whether it is in use, once for each offer, and not for a machine's own lease", async () => {
    const site = new Site();
    const address = (await site.ask(macA, message(system)))?.yiaddr ?? "";
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address]);
    await site.ask(macA, selecting(system, ourAddress, address));
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address]);
    site.nowMs += 4_000_000;
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address, address]);
  });

  test("an address in use goes into quarantine, which survives a restart, and another one is offered", async () => {
    const site = new Site();
    let squatted = "";
    site.isInUse = (_, address) => Promise.resolve((squatted ||= address) === address);
    const offer = await site.ask(macA, message(system));
    expect(offer?.yiaddr).toMatch(/^192\.168\.77\./);
    expect(offer?.yiaddr).not.toBe(squatted);
    expect(site.disk.written.at(squatted)?.state).toBe("in-use");
    expect(site.names()).toEqual(["address-in-use"]);
    expect(site.events[0]).toMatchObject({ mac: macA, address: squatted });
    expect(site.replies).toHaveLength(1);
  });

  test("a reserved address in use is offered all the same, and reported", async () => {
    const site = new Site();
    site.node = { ...noNode, mac: macA, address: "192.168.77.20" };
    site.isInUse = () => Promise.resolve(true);
    expect(await site.lease(macA)).toBe("192.168.77.20");
    expect(site.names()).toEqual(["address-in-use", "lease-granted"]);
    expect(site.quarantined()).toEqual([]);
  });

  test("a reserved address is offered although something answers for all, also where there is no pool", async () => {
    const site = new Site();
    site.link = { ...fullLink, full: { ...fullLink.full, pools: [] } };
    site.isInUse = () => Promise.resolve(true);
    for (const mac of machines(30)) {
      site.node = { ...noNode, mac, address: `192.168.77.${20 + Number(`0x${mac.slice(-2)}`)}` };
      expect(await site.lease(mac)).toBe(site.node.address);
    }
    expect(site.names().filter((name) => name === "address-in-use")).toHaveLength(3);
    expect(site.names().filter((name) => name === "conflict-check-unreliable")).toHaveLength(1);
  });

  test("the address that has been in quarantine longest is offered when no other is left", async () => {
    const site = new Site().withPool("192.168.77.100", "192.168.77.102");
    let squatters: readonly string[] = ["192.168.77.100", "192.168.77.101"];
    site.isInUse = (_, address) => Promise.resolve(squatters.includes(address));
    for (const mac of machines(3)) await site.lease(mac);
    const addresses = machines(3).map(
      (mac) => site.leases.ofMachine(mac, fullLink.subnet)?.address,
    );
    expect(new Set(addresses)).toEqual(
      new Set(["192.168.77.100", "192.168.77.101", "192.168.77.102"]),
    );
    expect(site.quarantined()).toEqual([]);
    squatters = [];
    expect(await site.lease("52:54:00:00:01:99")).toBe("");
    expect(site.names()).toContain("pool-full");
  });

  test("the older of two quarantines goes first, and the machine that found the other keeps its offer", async () => {
    const site = new Site().withPool("192.168.77.100", "192.168.77.102");
    for (const [n, at] of [
      ["100", 5000],
      ["102", 3000],
    ] as const) {
      const former = { mac: macB, address: `192.168.77.${n}`, startedAtMs: 0, hostname: null };
      const expiresAtMs = site.nowMs + at;
      const network = "192.168.77.0/24";
      site.leases.restore({ ...former, network, clientId: null, state: "in-use", expiresAtMs });
    }
    const offered = (await site.ask(macB, message(system)))?.yiaddr;
    expect(offered).toBe("192.168.77.101");
    expect((await site.ask(macA, message(system)))?.yiaddr).toBe("192.168.77.102");
    const taken = await site.ask(macA, selecting(system, ourAddress, "192.168.77.102"));
    expect(taken?.yiaddr).toBe("192.168.77.102");
    expect(site.offers.ofMachine(macB, fullLink.subnet, site.nowMs)?.address).toBe(offered);
  });
});

/** So many hardware addresses. */
const machines = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `52:54:00:00:01:${n.toString(16).padStart(2, "0")}`);

describe("where something answers for every address", () => {
  test("sixty of sixty machines get an address from a pool of a hundred, and nothing is quarantined", async () => {
    const site = new Site();
    site.isInUse = () => Promise.resolve(true);
    const leased = [];
    for (const mac of machines(60)) leased.push(await site.lease(mac));
    expect(leased.filter((address) => address.startsWith("192.168.77."))).toHaveLength(60);
    expect(new Set(leased).size).toBe(60);
    expect(site.quarantined()).toEqual([]);
    expect(site.disk.written.all().filter(isQuarantine)).toEqual([]);
    expect(new Set(site.checked).size).toBe(3);
    expect(leased[0]).toBe(site.checked[0]);
    expect(site.events).toContainEqual({
      event: "conflict-check-unreliable",
      interface: fullLink.interface,
      network: "192.168.77.0/24",
    });
  });

  test("the same when they all ask at once, and when only the first are checked", async () => {
    for (const most of [Infinity, 20]) {
      const site = new Site();
      site.isInUse = () => Promise.resolve(site.checked.length > most ? null : true);
      const leased = await Promise.all(machines(60).map((mac) => site.lease(mac)));
      expect(leased.filter((address) => address.startsWith("192.168.77."))).toHaveLength(60);
      expect(new Set(leased).size).toBe(60);
      expect(site.quarantined()).toEqual([]);
      expect(site.names().filter((name) => name === "conflict-check-unreliable")).toHaveLength(1);
    }
  });

  test("a machine keeps its former address", async () => {
    const site = new Site();
    const address = await site.lease(macA);
    site.nowMs += 4_000_000;
    site.isInUse = () => Promise.resolve(true);
    expect((await site.ask(macA, message(system)))?.yiaddr).toBe(address);
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
  });

  test("they are checked again after ten minutes", async () => {
    const site = new Site();
    site.isInUse = () => Promise.resolve(true);
    await site.lease(macA);
    site.nowMs += 599_000;
    await site.lease(macB);
    expect(site.checked).toHaveLength(3);
    site.nowMs += 1000;
    site.isInUse = () => Promise.resolve(false);
    await site.lease("52:54:00:00:00:0c");
    expect(site.checked).toHaveLength(4);
  });

  test("a network behind a relay agent is judged for itself", async () => {
    const relayed = { subnet: { network: "10.9.0.0", prefixLength: 24 }, full: fullLink.full };
    const conflicts = new ConflictChecks(new LeaseTable(), { now: () => 0, wall: () => 0 });
    const link = { ...fullLink, relayed: [relayed] };
    const believed = [1, 2, 3].map((n) => conflicts.foundInUse(link, `10.9.0.${n}`, null));
    expect(believed).toEqual([true, true, false]);
    expect(conflicts.areReliable(link, "10.9.0.9")).toBe(false);
    expect(conflicts.areReliable(link, "192.168.77.9")).toBe(true);
  });
});
