import { beforeEach, describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { ip4FromNumber, ip4ToBytes, ip4ToNumber } from "../../../src/lib/ip4.ts";
import { message } from "../../support/dhcp.ts";
import { EffectSite, macA, macB, system } from "../../support/effect-site.ts";

/*
 * A replica took over whose journal lacks what the former leader granted: RFC 2131 leases are with machines, and only
 * these know of them.
 */

const [first, last] = ["192.168.77.100", "192.168.77.109"];
const typeOf = (reply: DhcpPacket | null) =>
  reply?.options.get(OptionCode.MESSAGE_TYPE)?.[0] ?? null;

let site: EffectSite;
/** Who has which address, as ARP would show. */
let hosts: Map<string, string>;
beforeEach(() => {
  hosts = new Map();
  site = new EffectSite().withPool(first, last);
  site.recovering = true;
  site.usedBy = (_link, address, mac) => {
    const host = hosts.get(address);
    return Promise.resolve(host === undefined ? "nobody" : host === mac ? "machine" : "other");
  };
});

const discover = (mac: string) => site.ask(mac, message(system));
const renew = (mac: string, address: string) =>
  site.ask(mac, message(system, MessageType.REQUEST), address);
const reboot = (mac: string, address: string) =>
  site.ask(mac, {
    ...message(system, MessageType.REQUEST),
    [OptionCode.REQUESTED_ADDRESS]: ip4ToBytes(address),
  });

describe("after another replica has led with a journal of its own", () => {
  test("an address that a machine has is offered to no other, however many are in use", async () => {
    // Nine of ten, none of which this replica knows.
    const [from, to] = [ip4ToNumber(first), ip4ToNumber(last)];
    for (let number = from; number <= to; number++) {
      if (number !== from + 4) hosts.set(ip4FromNumber(number), `02:00:00:00:00:${number & 63}`);
    }
    expect((await discover(macA))?.yiaddr).toBe(ip4FromNumber(from + 4));
    // Nothing is left for the other one: an address in use is no way out.
    expect(await discover(macB)).toBeNull();
    expect(site.events.map(({ event }) => event)).not.toContain("conflict-check-unreliable");
  });

  test("even the address of a lease on record is checked: the former leader may have given it to another machine", async () => {
    site.recovering = false;
    const address = await site.lease(macA);
    site.recovering = true;
    hosts.set(address, macB);
    const offered = await discover(macA);
    expect(typeOf(offered)).toBe(MessageType.OFFER);
    expect(offered?.yiaddr).not.toBe(address);
    // A machine that has it itself gets it again.
    hosts.set(address, macB);
    expect(typeOf(await renew(macB, address))).toBe(MessageType.ACK);
  });

  test("each offer is checked, also one that was made a moment before", async () => {
    await discover(macA);
    const before = site.checked.length;
    await discover(macA);
    expect(site.checked.length).toBeGreaterThan(before);
  });

  test("a machine that renews an unknown lease keeps it", async () => {
    expect(typeOf(await renew(macA, "192.168.77.105"))).toBe(MessageType.ACK);
    expect(site.leases.at("192.168.77.105")).toMatchObject({ mac: macA, state: "bound" });
    expect(site.disk.written.at("192.168.77.105")).toMatchObject({ mac: macA });
  });

  test("what the machine has goes before an older lease of it that is on record here", async () => {
    site.recovering = false;
    const former = await site.lease(macA);
    site.recovering = true;
    const has = former === "192.168.77.107" ? "192.168.77.108" : "192.168.77.107";
    expect(typeOf(await renew(macA, has))).toBe(MessageType.ACK);
    expect(site.leases.at(has)).toMatchObject({ mac: macA });
    expect(site.leases.at(former)).toBeNull();
  });

  test("an address that was found in use is its machine's when that renews it", async () => {
    const free = (await discover(macB))?.yiaddr ?? "";
    hosts.set(free, macA);
    site.nowMs += 20_000;
    await discover(macB);
    expect(site.quarantined()).toEqual([free]);
    expect(typeOf(await renew(macA, free))).toBe(MessageType.ACK);
    expect(site.leases.at(free)).toMatchObject({ mac: macA, state: "bound" });
    expect(site.quarantined()).toEqual([]);
  });

  test("nobody is refused: where the record names another machine nothing is said", async () => {
    site.recovering = false;
    const address = await site.lease(macA);
    expect(typeOf(await renew(macB, address))).toBe(MessageType.NAK);
    site.recovering = true;
    expect(await renew(macB, address)).toBeNull();
    expect(await reboot(macB, address)).toBeNull();
    expect(site.leases.at(address)).toMatchObject({ mac: macA });
  });

  test("an address of another network is refused all the same: no replica can have granted it", async () => {
    expect(typeOf(await reboot(macA, "10.1.2.3"))).toBe(MessageType.NAK);
  });

  test("a machine whose address could not be checked is answered when it asks again", async () => {
    site.usedBy = (_link, _address, _mac, { urgent }) => Promise.resolve(urgent ? null : "nobody");
    expect(await discover(macA)).toBeNull();
    site.usedBy = () => Promise.resolve("nobody");
    expect(typeOf(await discover(macA))).toBe(MessageType.OFFER);
  });

  test("all is as usual when the time is over", async () => {
    site.recovering = false;
    const address = await site.lease(macA);
    expect(typeOf(await renew(macB, address))).toBe(MessageType.NAK);
    const checks = site.checked.length;
    await discover(macA);
    expect(site.checked.length).toBe(checks);
  });
});
