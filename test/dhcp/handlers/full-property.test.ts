import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { firmware, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine, type Outcome } from "../../support/full-site.ts";
import { cases } from "../../support/cases.ts";

/*
 * Machines that do anything at any time, against the only thing that must never happen: that an
 * address which one machine may use is acknowledged to another one.
 */

const macs = [1, 2, 3, 4].map((n) => `52:54:00:00:00:0${n}`);
const addresses = [98, 99, 100, 101, 102, 103].map((n) => `192.168.77.${n}`);
const servers = [ourAddress, "192.168.77.9"];
const kinds = [firmware.uefi, firmware.ipxe, firmware.operatingSystem];

const step = fc.record({
  action: fc.constantFrom(
    "discover",
    "take the offer",
    "select",
    "reboot",
    "renew",
    "decline",
    "release",
    "inform",
    "wait",
    "reserve",
    "restart",
  ),
  who: fc.nat(macs.length - 1),
  where: fc.nat(addresses.length - 1),
  server: fc.constantFrom(...servers),
  kind: fc.constantFrom(...kinds),
  seconds: fc.constantFrom(1, 8, 16, 130, 1900, 4000),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Who may use which address until when, by what was acknowledged and given back. */
class Truth {
  readonly wrongs: string[] = [];
  readonly until = new Map<string, { mac: string; untilMs: number }>();

  acknowledged({ type, reply }: Outcome, mac: string, nowMs: number): void {
    const leaseTime = reply?.options.get(51);
    if (type !== "ACK" || reply === null || leaseTime === undefined) return;
    const holder = this.until.get(reply.yiaddr);
    if (holder !== undefined && holder.mac !== mac && holder.untilMs > nowMs) {
      this.wrongs.push(`${reply.yiaddr} went to ${mac} while it was ${holder.mac}'s`);
    }
    // A machine uses one address: with a new one it gives up the one before.
    for (const [address, former] of this.until) if (former.mac === mac) this.until.delete(address);
    const seconds = new DataView(leaseTime.buffer, leaseTime.byteOffset).getUint32(0);
    this.until.set(reply.yiaddr, { mac, untilMs: nowMs + seconds * 1000 });
  }

  /** It stopped using the address: it starts over, gives it back, or found somebody else there. */
  stopped(mac: string, address: string | null): void {
    for (const [at, { mac: holder }] of this.until) {
      if (holder === mac && (address === null || address === at)) this.until.delete(at);
    }
  }
}

function perform(site: FullSite, truth: Truth, offers: Map<string, string>, one: Step): void {
  const mac = macs[one.who] ?? "";
  const address = addresses[one.where] ?? "";
  const machine = new Machine(site, mac, one.kind);
  const take = (outcome: Outcome) => truth.acknowledged(outcome, mac, site.nowMs);
  switch (one.action) {
    case "discover": {
      // A machine that discovers uses no address (RFC 2131 4.4.1).
      truth.stopped(mac, null);
      const { reply } = machine.discover({ requested: one.seconds > 100 ? address : null });
      if (reply !== null) offers.set(mac, reply.yiaddr);
      break;
    }
    case "take the offer":
      return take(machine.select(offers.get(mac) ?? address));
    case "select":
      return take(machine.select(address, one.server));
    case "reboot":
      return take(machine.reboot(address));
    case "renew":
      return take(machine.renew(address));
    case "decline": {
      const { recorded } = machine.decline(address, one.server);
      if (recorded !== null) truth.stopped(mac, address);
      break;
    }
    case "release": {
      const { recorded } = machine.release(address, one.server);
      if (recorded !== null) truth.stopped(mac, address);
      break;
    }
    case "inform":
      return take(machine.inform(address));
    case "wait":
      site.passSeconds(one.seconds);
      break;
    case "reserve":
      if (site.nodes.every((node) => node.mac !== mac && node.address !== address)) {
        site.addNode({ mac, address });
      }
      break;
    case "restart":
      // Offers are not in the journal.
      site.offers = new OfferTable();
      break;
  }
}

test("no address is acknowledged to a machine while another one may use it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const site = new FullSite({ pools: [{ first: "192.168.77.100", last: "192.168.77.102" }] });
      const truth = new Truth();
      const offers = new Map<string, string>();
      for (const one of steps) perform(site, truth, offers, one);
      expect(truth.wrongs).toEqual([]);
      const bound = site.leases.all().filter(({ state }) => state === "bound");
      expect(new Set(bound.map(({ mac }) => mac)).size).toBe(bound.length);
    }),
    { numRuns: cases(2000) },
  );
});
