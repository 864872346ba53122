import { describe, expect, test } from "vitest";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket, encodedLength, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { relayInformation } from "../../src/dhcp/wire/vendor-options.ts";
import { concat, fromText, toText, u16 } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { firmware, ourAddress } from "../support/dhcp.ts";
import { type Ask, FullSite, Machine } from "../support/full-site.ts";
import {
  one,
  two,
  elsewhere,
  relay,
  macA,
  macB,
  macC,
  tiny,
  pair,
  client,
  raw,
  serverOf,
  list,
  identified,
} from "../support/conformance.ts";

/*
 * What RFC 2131 and its neighbours ask of a server, case by case, as ISC Forge's list for DHCPv4 puts it: INFORM,
 * relays, client identifiers, requested options, reservations, fields of the header.
 * The cases are told anew here; the client is simulated.
 */

describe("DHCPINFORM", () => {
  const own = "192.168.77.40";

  test("is acknowledged to the client's address, without an address and times", () => {
    const ack = client().inform(own);
    expect(ack).toMatchObject({
      type: "ACK",
      reply: { ciaddr: own, yiaddr: "0.0.0.0" },
      sentTo: { address: own, port: 68 },
    });
    for (const code of [51, 58, 59]) expect(raw(ack, code)).toBeNull();
  });

  test("has the settings of the network and names us", () => {
    const ack = client().inform(own);
    expect(raw(ack, 3)).toEqual([192, 168, 77, 1]);
    expect(serverOf(ack)).toBe(ourAddress);
  });

  test("makes no lease", () => {
    const machine = client();
    machine.inform(own);
    expect(machine.site.leases.all()).toEqual([]);
  });

  test("of a client that has a lease leaves the lease as it is", () => {
    const machine = client();
    const lease = machine.site.leases.at(machine.lease());
    machine.site.passSeconds(100);
    machine.inform(lease?.address ?? "");
    expect(machine.site.leases.all()).toEqual([lease]);
  });

  test("from another network is not answered", () => {
    expect(client().inform(elsewhere).type).toBeNull();
  });

  test("through a relay goes back through the relay", () => {
    const ask = { ciaddr: own, packet: { giaddr: relay } };
    expect(client().send(MessageType.INFORM, ask).sentTo).toEqual({ address: relay, port: 67 });
  });
});

describe("relay agents", () => {
  const circuit = relayInformation({ circuitId: Uint8Array.of(1, 2, 3) });
  const relayed = (more: Ask = {}): Ask => ({
    ...more,
    packet: { giaddr: relay, flags: 0, hops: 1 },
    options: { [OptionCode.RELAY_AGENT_INFORMATION]: circuit, ...more.options },
  });

  test("an offer goes to the relay's server port, with giaddr", () => {
    expect(client().discover(relayed())).toMatchObject({
      type: "OFFER",
      reply: { giaddr: relay },
      sentTo: { address: relay, port: 67 },
    });
  });

  test("relay agent information is given back unchanged in offer, acknowledgement and NAK", () => {
    const machine = client();
    const offer = machine.discover(relayed());
    const take = { requested: offer.reply?.yiaddr ?? "", server: ourAddress };
    const ack = machine.send(MessageType.REQUEST, relayed(take));
    const nak = machine.send(MessageType.REQUEST, relayed({ requested: elsewhere }));
    expect([offer, ack, nak].map(({ type }) => type)).toEqual(["OFFER", "ACK", "NAK"]);
    for (const outcome of [offer, ack, nak]) expect(raw(outcome, 82)).toEqual([...circuit]);
  });

  test("relay agent information is the last option on the wire", () => {
    const { reply } = client().discover(relayed());
    const bytes = reply === null ? new Uint8Array() : encodePacket(reply);
    const end = reply === null ? 0 : encodedLength(reply) - 1;
    expect(bytes[end]).toBe(255);
    expect([...bytes.subarray(end - circuit.length - 2, end)]).toEqual([
      82,
      circuit.length,
      ...circuit,
    ]);
  });

  test("malformed relay agent information is given back as well and keeps nobody from an address", () => {
    const odd = Uint8Array.of(1, 200, 3);
    const offer = client().discover(relayed({ options: { 82: odd } }));
    expect(offer.type).toBe("OFFER");
    expect(raw(offer, 82)).toEqual([...odd]);
  });

  test("without relay agent information none is made up", () => {
    expect(raw(client().discover({ packet: { giaddr: relay } }), 82)).toBeNull();
  });

  test("a relay of a network that is not served is not answered", () => {
    expect(client().discover({ packet: { giaddr: "10.1.1.1" } }).type).toBeNull();
  });
});

describe("client identifiers", () => {
  test("are given back in offer, acknowledgement and NAK (RFC 6842)", () => {
    const machine = new Machine(new FullSite({ pools: pair }), macA, identified(255, 1, 2, 3));
    const offer = machine.discover();
    const ack = machine.select(offer.reply?.yiaddr ?? "");
    const nak = machine.reboot(elsewhere);
    for (const outcome of [offer, ack, nak]) expect(raw(outcome, 61)).toEqual([255, 1, 2, 3]);
  });

  test("are not made up for a client that sends none", () => {
    expect(raw(new Machine(new FullSite({ pools: pair }), macA, {}).discover(), 61)).toBeNull();
  });

  test("an empty one reads as none and is not given back", () => {
    const offer = new Machine(new FullSite({ pools: pair }), macA, identified()).discover();
    expect(offer.type).toBe("OFFER");
    expect(raw(offer, 61)).toBeNull();
  });

  test("one hardware address with two identifiers is one machine with one address", () => {
    const site = new FullSite({ pools: pair });
    const addresses = [identified(1, 2, 3), identified(255, 9, 9), {}].map((id) =>
      new Machine(site, macA, id).lease(),
    );
    expect(new Set(addresses).size).toBe(1);
  });

  test("two hardware addresses with one identifier are two machines", () => {
    const site = new FullSite({ pools: pair });
    const addresses = [macA, macB].map((mac) => new Machine(site, mac, identified(7)).lease());
    expect(new Set(addresses).size).toBe(2);
  });

  test("a release under another identifier counts: the machine is the same", () => {
    const site = new FullSite({ pools: pair });
    const address = new Machine(site, macA, identified(1)).lease();
    new Machine(site, macA, identified(2)).release(address);
    expect(site.leases.at(address)?.state).toBe("released");
  });
});

describe("requested options", () => {
  test("mask, router, name servers, domain, time servers, log servers are there when set", () => {
    const offer = client().discover(list(1, 3, 6, 7, 15, 42));
    expect(raw(offer, 1)).toEqual([255, 255, 255, 0]);
    expect(raw(offer, 3)).toEqual([192, 168, 77, 1]);
    expect(raw(offer, 6)).toEqual([192, 168, 77, 53, 192, 168, 77, 54]);
    expect(raw(offer, 7)).toEqual([192, 168, 77, 5]);
    expect(raw(offer, 15)).toEqual([...fromText("site.example")]);
    expect(raw(offer, 42)).toEqual([192, 168, 77, 123]);
  });

  test("what is asked for and not set is not there, not even empty", () => {
    const offer = client(new FullSite({ pools: pair })).discover(list(3, 6, 15, 42, 119, 121, 200));
    for (const code of [3, 6, 15, 42, 119, 121, 200]) expect(raw(offer, code)).toBeNull();
  });

  test("the acknowledgement has the options of the offer", () => {
    const machine = client();
    const offer = machine.discover(list(1, 3, 6));
    const ack = machine.select(offer.reply?.yiaddr ?? "");
    for (const code of [1, 3, 6, 15]) expect(raw(ack, code)).toEqual(raw(offer, code));
  });

  test("an option that is set by number and value is there, such as 26", () => {
    const options = [{ code: 26, value: u16(1400) }];
    expect(raw(client(new FullSite({ pools: pair, options })).discover(), 26)).toEqual([5, 120]);
  });

  test("a node's own option goes before the link's", () => {
    const site = new FullSite({ pools: pair, options: [{ code: 26, value: u16(1400) }] });
    site.addNode({ mac: macA, options: [{ code: 26, value: u16(9000) }] });
    expect(raw(client(site).discover(), 26)).toEqual([...u16(9000)]);
    expect(raw(client(site, macB).discover(), 26)).toEqual([5, 120]);
  });

  test("a list that asks for everything, twice, is answered like any other", () => {
    const all = Array.from({ length: 254 }, (_, i) => i + 1);
    const offer = client().discover(list(...all, ...all));
    expect(offer.reply?.options).toEqual(client().discover().reply?.options);
  });

  test("the protocol's own options are there without being asked for", () => {
    const offer = client().discover(list(15));
    for (const code of [51, 53, 54, 58, 59]) expect(raw(offer, code)).not.toBeNull();
  });

  test("a reply has at most 548 bytes for a client that announces no size", () => {
    const options = [200, 201, 202, 203].map((code) => ({ code, value: new Uint8Array(120) }));
    const { reply } = client(new FullSite({ pools: pair, options })).discover();
    expect(reply === null ? 0 : encodedLength(reply)).toBeLessThanOrEqual(548);
  });

  test("a value of more than 255 bytes is split and whole again (RFC 3396)", () => {
    const value = concat([new Uint8Array(255).fill(1), new Uint8Array(45).fill(2)]);
    const site = new FullSite({ pools: pair, options: [{ code: 224, value }] });
    const { reply } = client(site).discover({ options: { 57: u16(1500) } });
    const decoded = reply === null ? null : decodePacket(encodePacket(reply));
    expect(decoded?.options.get(224)).toEqual(value);
  });

  test("a PXE client is never sent options in sname and file (52)", () => {
    const options = [200, 201, 202, 203].map((code) => ({ code, value: new Uint8Array(120) }));
    const machine = new Machine(new FullSite({ pools: pair, options }), macA, firmware.uefi);
    expect(raw(machine.discover(), 52)).toBeNull();
  });
});

describe("reservations", () => {
  test("inside the pool: kept for the client", () => {
    const site = new FullSite({ pools: tiny });
    site.addNode({ mac: macA, address: one });
    expect(client(site, macB).discover().type).toBeNull();
    expect(client(site).lease()).toBe(one);
  });

  test("outside of the pool: leased, renewed and released like any other", () => {
    const site = new FullSite({ pools: tiny });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    const machine = client(site);
    const address = machine.lease();
    expect(address).toBe("192.168.77.20");
    expect(machine.renew(address).type).toBe("ACK");
    machine.release(address);
    expect(machine.lease()).toBe(address);
  });

  test("a wish for another address does not lead away from it", () => {
    const site = new FullSite({ pools: pair });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    expect(client(site).discover({ requested: one }).reply?.yiaddr).toBe("192.168.77.20");
  });

  test("another client's reserved address cannot be requested", () => {
    const site = new FullSite({ pools: pair });
    site.addNode({ mac: macC, address: one });
    expect(client(site).select(one).type).toBe("NAK");
    expect(client(site).reboot(one).type).toBe("NAK");
  });

  test("the entry's host name is sent in option 12", () => {
    const site = new FullSite({ pools: pair });
    site.addNode({ mac: macA, name: "rack-1" });
    expect(toText(client(site).discover().reply?.options.get(12) ?? u16(0))).toBe("rack-1");
  });
});

test("a requested address in the four bytes of option 50 is read as it was written", () => {
  const offer = client().discover({ options: { 50: ip4ToBytes(two) } });
  expect(offer.reply?.yiaddr).toBe(two);
});
