import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeLease, replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { LeaseAdmin } from "../../../src/dhcp/leases/lease-admin.ts";
import { isActive, type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import type { FullLink } from "../../../src/dhcp/link.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { readU32 } from "../../../src/lib/bytes.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { subnetContains } from "../../../src/lib/ip4.ts";
import { fullLink } from "../../support/dhcp.ts";
import { oldJournalLine } from "../../support/journal.ts";
import { type Ask, FullSite, Machine, type Outcome } from "../../support/full-site.ts";
import { cases } from "../../support/cases.ts";

/*
 * Field fault 1: one hardware address shows up in several networks (VLAN interfaces of a host, macvlan, machines
 * that move), and has one lease in each (RFC 2131 1.6, 2.2, 4.3.1).
 */

const macs = ["52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"] as const;
const [macA, macB] = macs;

function network(prefix: string, count = 3) {
  const pools = [{ first: `${prefix}.100`, last: `${prefix}.${99 + count}` }];
  const subnet = { network: `${prefix}.0`, prefixLength: 24 };
  return { subnet, full: { ...fullLink.full, pools } };
}

const behindRelays = [network("10.1.0"), network("10.2.0")];
const eth1: FullLink = { ...fullLink, ...network("192.168.77"), relayed: behindRelays };
const eth2: FullLink = {
  ...fullLink,
  ...network("192.168.88"),
  interface: "eth2",
  address: "192.168.88.1",
};

/** Where a machine can be: on one of two links, or behind one of two relay agents. */
const places = [
  { link: eth1, server: eth1.address, through: {} },
  { link: eth2, server: eth2.address, through: {} },
  { link: eth1, server: eth1.address, through: { packet: { giaddr: "10.1.0.254" } } },
  { link: eth1, server: eth1.address, through: { packet: { giaddr: "10.2.0.254" } } },
] as const;
type Place = (typeof places)[number];

/** A site of four networks with its journal. */
class Networks {
  readonly site = new FullSite();
  journal = "";

  ask(place: Place, mac: string, type: number, ask: Ask = {}): Outcome {
    this.site.link = place.link;
    const outcome = new Machine(this.site, mac).send(type, { ...place.through, ...ask });
    const { recorded } = outcome;
    if (recorded !== null) this.journal += encodeLease(recorded, this.site.nowMs);
    return outcome;
  }

  lease(place: Place, mac: string): string {
    const requested = this.ask(place, mac, MessageType.DISCOVER).reply?.yiaddr ?? "none";
    return this.select(place, mac, requested).type === "ACK" ? requested : "refused";
  }

  select(place: Place, mac: string, requested: string): Outcome {
    return this.ask(place, mac, MessageType.REQUEST, { requested, server: place.server });
  }

  renew(place: Place, mac: string, ciaddr: string): Outcome {
    // By unicast, past the relay agent.
    return this.ask(place, mac, MessageType.REQUEST, { ciaddr, packet: {} });
  }

  restart(journal = this.journal): void {
    this.site.leases = new LeaseTable();
    this.site.offers = new OfferTable();
    for (const one of replayJournal(new TextEncoder().encode(journal)).leases) {
      this.site.leases.restore(one);
    }
    for (const { subnet } of [eth1, eth2, ...behindRelays]) {
      this.site.leases.adoptNetwork(subnet);
    }
  }

  /** As an earlier version wrote it: without the networks. */
  get oldJournal(): string {
    const { leases } = replayJournal(new TextEncoder().encode(this.journal));
    return leases.map(oldJournalLine).join("");
  }

  running(): readonly Lease[] {
    const { leases, nowMs } = this.site;
    return leases.all().filter((one) => one.state === "bound" && isActive(one, nowMs));
  }
}

const pairs = [
  ["two links", 0, 1],
  ["a link and a network behind its relay agent", 0, 2],
  ["two networks behind relay agents of one link", 2, 3],
] as const;

describe.each(pairs)("field fault 1: one machine in %s", (_, first, second) => {
  const [one, two] = [places[first], places[second]];

  test("has a lease in each, and both are renewed, also after a restart", () => {
    const networks = new Networks();
    const addresses = [networks.lease(one, macA), networks.lease(two, macA)] as const;
    expect(networks.running().map(({ address }) => address)).toEqual(addresses);
    for (const journal of [networks.journal, networks.oldJournal]) {
      expect(networks.renew(one, macA, addresses[0]).type).toBe("ACK");
      expect(networks.renew(two, macA, addresses[1]).type).toBe("ACK");
      networks.restart(journal);
      expect(networks.running()).toHaveLength(2);
    }
    expect(networks.ask(one, macA, MessageType.DISCOVER).reply?.yiaddr).toBe(addresses[0]);
    expect(networks.ask(two, macA, MessageType.DISCOVER).reply?.yiaddr).toBe(addresses[1]);
  });

  test("keeps the one when it gives back or declines the other", () => {
    for (const type of [MessageType.RELEASE, MessageType.DECLINE]) {
      const networks = new Networks();
      const [kept, given] = [networks.lease(one, macA), networks.lease(two, macA)];
      const how =
        type === MessageType.RELEASE ? { ciaddr: given, packet: {} } : { requested: given };
      expect(networks.ask(two, macA, type, { server: two.server, ...how }).recorded).toMatchObject({
        address: given,
      });
      expect(networks.running().map(({ address }) => address)).toEqual([kept]);
      networks.restart();
      expect(networks.running().map(({ address }) => address)).toEqual([kept]);
    }
  });

  test("cannot be robbed of the one by a request in the other", () => {
    const networks = new Networks();
    const address = networks.lease(one, macA);
    const release = { server: two.server, ciaddr: "0.0.0.0", requested: address };
    expect(networks.ask(two, macA, MessageType.RELEASE, release).recorded).toBeNull();
    expect(networks.ask(two, macA, MessageType.DECLINE, release).recorded).toBeNull();
    networks.lease(two, macA);
    const others = [macB, macs[2]].map((mac) => networks.lease(one, mac));
    expect(others).not.toContain(address);
  });

  test("is a newcomer in the second: its lease starts there, and it takes no offer from known machines", () => {
    const networks = new Networks();
    networks.lease(one, macA);
    networks.site.passSeconds(100);
    const held = networks.ask(two, macA, MessageType.DISCOVER).held;
    expect(held?.known).toBe(false);
    const { recorded } = networks.select(two, macA, held?.address ?? "");
    expect(recorded?.startedAtMs).toBe(networks.site.nowMs);
  });
});

test("field fault 1: leases of one machine in two networks are imported both, and two in one are not", async () => {
  const leases = new LeaseTable();
  const clock = new SteadyClock({ now: () => 0, wall: () => 0 });
  const parts = { leases, journal: null, links: () => [eth1, eth2], emit: () => {}, clock };
  const times = { startedAtMs: 0, expiresAtMs: 1000, hostname: null, clientId: null };
  const offered = ["192.168.77.100", "10.1.0.100", "192.168.88.100", "192.168.77.101"];
  const result = await new LeaseAdmin(parts).import(
    offered.map((address) => ({ mac: macA, address, ...times })),
  );
  expect(result).toEqual({
    imported: 3,
    skipped: [{ address: "192.168.77.101", reason: `${macA} has another lease in the file` }],
  });
});

test("a journal of an earlier version, in which a machine moved within its network, gives it its last lease", () => {
  const networks = new Networks();
  const first = networks.lease(places[0], macA);
  const entry = { mac: macA, address: "192.168.77.30" };
  networks.site.addNode(entry);
  expect(networks.lease(places[0], macA)).toBe(entry.address);
  networks.restart(networks.oldJournal);
  expect(networks.site.leases.at(first)).toBeNull();
  expect(networks.running().map(({ address }) => address)).toEqual([entry.address]);
});

test("two networks that the configuration makes one: both leases run on, the later one is the machine's", () => {
  const networks = new Networks();
  const addresses = [networks.lease(places[2], macA), networks.lease(places[3], macA)];
  networks.restart();
  const wide = { network: "10.0.0.0", prefixLength: 8 };
  networks.site.leases.adoptNetwork(wide);
  expect(networks.running().map(({ address }) => address)).toEqual(addresses);
  expect(networks.site.leases.ofMachine(macA, wide)?.address).toBe(addresses[1]);
});

const step = fc.record({
  action: fc.constantFrom(
    "lease",
    "discover",
    "select",
    "renew",
    "reboot",
    "release",
    "decline",
    "wait",
    "restart",
    "restart with an old journal",
  ),
  who: fc.constantFrom(...macs),
  where: fc.constantFrom(...places),
  /** Which address of which network the request is about. */
  about: fc.constantFrom("192.168.77", "192.168.88", "10.1.0", "10.2.0"),
  number: fc.constantFrom(100, 101, 102),
  seconds: fc.constantFrom(10, 100, 1900, 4000),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Performs one step; returns what was acknowledged. */
function perform(networks: Networks, { action, who, where, about, number, seconds }: Step) {
  const address = `${about}.${number}`;
  switch (action) {
    case "lease": {
      const offered = networks.ask(where, who, MessageType.DISCOVER).reply?.yiaddr;
      return offered === undefined ? null : networks.select(where, who, offered);
    }
    case "discover":
      networks.ask(where, who, MessageType.DISCOVER, { requested: address });
      return null;
    case "select":
      return networks.select(where, who, address);
    case "renew":
      return networks.renew(where, who, address);
    case "reboot":
      return networks.ask(where, who, MessageType.REQUEST, { requested: address });
    case "release":
      networks.ask(where, who, MessageType.RELEASE, { ciaddr: address, server: where.server });
      return null;
    case "decline":
      networks.ask(where, who, MessageType.DECLINE, { requested: address, server: where.server });
      return null;
    case "wait":
      networks.site.passSeconds(seconds);
      return null;
    case "restart":
      networks.restart();
      return null;
    case "restart with an old journal":
      networks.restart(networks.oldJournal);
      return null;
  }
}

/** What happened to the promises of the steps so far that must not happen. */
class Promises {
  readonly broken: string[] = [];
  readonly #until = new Map<string, { mac: string; untilMs: number }>();

  /** A running lease of before the step that is no longer there. */
  kept(networks: Networks, before: readonly Lease[], one: Step, outcome: Outcome | null): void {
    const { leases, nowMs } = networks.site;
    const got = outcome?.type === "ACK" ? networkOf(outcome.reply?.yiaddr) : "none";
    for (const lease of before) {
      const { mac, address } = lease;
      const now = leases.at(address);
      if (!isActive(lease, nowMs) || (now?.mac === mac && now.state === "bound")) continue;
      const about = `${one.about}.${one.number}` === address;
      const gaveBack = about && (one.action === "release" || one.action === "decline");
      // With another address in the same network a machine gives up the one before.
      if (mac === one.who && (gaveBack || lease.network === got)) continue;
      this.broken.push(`${address} of ${mac} was lost by ${one.action} of ${one.who}`);
    }
  }

  acknowledged(networks: Networks, before: readonly Lease[], mac: string, outcome: Outcome): void {
    const { type, reply } = outcome;
    if (type !== "ACK" || reply === null) return;
    const { nowMs, leases } = networks.site;
    const holder = this.#until.get(reply.yiaddr);
    const given = before.some(({ address }) => address === reply.yiaddr);
    if (given && holder !== undefined && holder.mac !== mac && holder.untilMs > nowMs) {
      this.broken.push(`${reply.yiaddr} of ${holder.mac} went to ${mac}`);
    }
    const leaseSeconds = readU32(reply.options.get(51) ?? new Uint8Array(4), 0);
    const untilMs = nowMs + leaseSeconds * 1000;
    this.#until.set(reply.yiaddr, { mac, untilMs });
    const lease = leases.at(reply.yiaddr);
    if (lease?.mac === mac && lease.expiresAtMs === untilMs) return;
    this.broken.push(`${reply.yiaddr} was promised to ${mac}, and is not recorded`);
  }
}

test("field fault 1: no address is bound to two machines, and no running lease disappears by itself", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const networks = new Networks();
      const promises = new Promises();
      for (const one of steps) {
        const before = networks.running();
        const outcome = perform(networks, one);
        promises.kept(networks, before, one, outcome);
        if (outcome !== null) promises.acknowledged(networks, before, one.who, outcome);
      }
      expect(promises.broken).toEqual([]);
    }),
    { numRuns: cases(1500) },
  );
});

function networkOf(address = ""): string | null {
  const found = [eth1, eth2, ...behindRelays].find(({ subnet }) => subnetContains(subnet, address));
  return found === undefined ? null : `${found.subnet.network}/24`;
}
