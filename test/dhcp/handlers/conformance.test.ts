import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import {
  decodePacket,
  encodedLength,
  encodePacket,
  MessageType,
} from "../../../src/dhcp/wire/packet.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import { concat, fromText, readU32, toText, u16, u32 } from "../../../src/lib/bytes.ts";
import { ip4FromBytes, ip4ToBytes } from "../../../src/lib/ip4.ts";
import { firmware, type Options, ourAddress } from "../../support/dhcp.ts";
import { type Ask, FullSite, Machine, type Outcome } from "../../support/full-site.ts";

/*
 * What RFC 2131 and its neighbours ask of a server, case by case, as ISC Forge's list for DHCPv4 puts it:
 * DISCOVER, REQUEST in its four states, DECLINE, RELEASE, INFORM, relays, client identifiers, requested
 * options, fields of the header. The cases are told anew here; the client is simulated.
 */

const one = "192.168.77.100";
const two = "192.168.77.101";
const elsewhere = "10.9.9.9";
const otherServer = "192.168.77.9";
const relay = "192.168.77.254";
const [macA, macB, macC] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b", "52:54:00:00:00:0c"];
const tiny = [{ first: one, last: one }];
const pair = [{ first: one, last: two }];

const settings = {
  router: [ourAddress],
  dns: ["192.168.77.53", "192.168.77.54"],
  ntp: ["192.168.77.123"],
  logServers: ["192.168.77.5"],
  domain: "site.example",
};

function client(site = new FullSite({ ...settings, pools: pair }), mac = macA): Machine {
  return new Machine(site, mac);
}

const raw = ({ reply }: Outcome, code: number): readonly number[] | null => {
  const value = reply?.options.get(code);
  return value === undefined ? null : [...value];
};
const seconds = ({ reply }: Outcome, code: number): number =>
  readU32(reply?.options.get(code) ?? new Uint8Array(), 0);
const serverOf = ({ reply }: Outcome): string =>
  ip4FromBytes(reply?.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array(4));
const list = (...codes: readonly number[]): Ask => ({
  options: { [OptionCode.PARAMETER_REQUEST_LIST]: Uint8Array.from(codes) },
});
const identified = (...id: readonly number[]): Options => ({
  [OptionCode.CLIENT_IDENTIFIER]: Uint8Array.from(id),
});

describe("DHCPDISCOVER", () => {
  test("one address in the pool: it is offered, with our identifier and the lease time", () => {
    const offer = client(new FullSite({ pools: tiny })).discover();
    expect(offer).toMatchObject({ type: "OFFER", reply: { yiaddr: one } });
    expect(serverOf(offer)).toBe(ourAddress);
    expect(seconds(offer, OptionCode.LEASE_TIME)).toBe(3600);
  });

  test("an offer repeats the transaction id", () => {
    const { reply } = client().discover({ packet: { xid: 0xdeadbeef } });
    expect(reply?.xid).toBe(0xdeadbeef);
  });

  test("an offer is a BOOTREPLY of the same hardware type, with hops and secs at zero", () => {
    const { reply } = client().discover({ packet: { hops: 3, secs: 77 } });
    expect(reply).toMatchObject({ op: 2, htype: 1, hops: 0, secs: 0 });
  });

  test("an offer repeats the hardware address", () => {
    expect([...(client().discover().reply?.chaddr ?? [])]).toEqual([0x52, 0x54, 0, 0, 0, 10]);
  });

  test("a hardware address of sixteen bytes is served like any other", () => {
    const chaddr = new Uint8Array(16).fill(7);
    expect(client().discover({ packet: { chaddr } }).reply?.chaddr).toEqual(chaddr);
  });

  test("an offer has no client address, whatever the client filled in", () => {
    const { reply } = client().discover({ ciaddr: "192.168.77.33" });
    expect(reply?.ciaddr).toBe("0.0.0.0");
  });

  test("the broadcast flag is repeated when it is set", () => {
    expect(client().discover({ packet: { flags: 0x8000 } }).reply?.flags).toBe(0x8000);
  });

  test("the broadcast flag stays clear when it is clear, and the offer is broadcast all the same", () => {
    const { reply, sentTo } = client().discover({ packet: { flags: 0 } });
    expect(reply?.flags).toBe(0);
    expect(sentTo).toEqual({ address: "255.255.255.255", port: 68 });
  });

  test("two clients ask for one address: the second one gets nothing while the first one decides", () => {
    const site = new FullSite({ pools: tiny });
    client(site).discover();
    expect(client(site, macB).discover().type).toBeNull();
  });

  test("two clients and two addresses: each gets its own", () => {
    const site = new FullSite({ pools: pair });
    const offers = [macA, macB].map((mac) => client(site, mac).discover().reply?.yiaddr);
    expect(new Set(offers)).toEqual(new Set([one, two]));
  });

  test("an empty pool offers nothing, and the full pool is reported", () => {
    const site = new FullSite({ pools: tiny });
    client(site).lease();
    expect(client(site, macB).discover()).toMatchObject({ type: null, events: ["pool-full"] });
  });

  test("a wish for a free address of the pool is followed", () => {
    for (const requested of [one, two]) {
      const { reply } = client(new FullSite({ pools: pair })).discover({ requested });
      expect(reply?.yiaddr).toBe(requested);
    }
  });

  test("a wish for an address that another one has is not followed", () => {
    const site = new FullSite({ pools: pair });
    client(site).discover({ requested: one });
    expect(client(site, macB).discover({ requested: one }).reply?.yiaddr).toBe(two);
  });

  test("a wish for an address outside of the pool is not followed", () => {
    const { reply } = client(new FullSite({ pools: tiny })).discover({ requested: elsewhere });
    expect(reply?.yiaddr).toBe(one);
  });

  test("a client that has a lease is offered the same address again", () => {
    const machine = client();
    expect(machine.discover({ requested: machine.lease() }).reply?.yiaddr).toBe(
      machine.site.leases.ofMachine(macA)?.address,
    );
  });

  test("a client whose lease ended is offered its former address while it is free", () => {
    const site = new FullSite({ pools: pair });
    const address = client(site).lease();
    site.passSeconds(7200);
    expect(client(site).discover().reply?.yiaddr).toBe(address);
  });

  test("a wish for a longer lease than the longest gets the longest", () => {
    const offer = client().discover({ options: { 51: u32(999_999) } });
    expect(seconds(offer, OptionCode.LEASE_TIME)).toBe(3600);
  });

  test("a wish for a shorter lease is followed", () => {
    const offer = client().discover({ options: { 51: u32(600) } });
    expect(seconds(offer, OptionCode.LEASE_TIME)).toBe(600);
    expect(seconds(offer, OptionCode.RENEWAL_TIME)).toBe(300);
    expect(seconds(offer, OptionCode.REBINDING_TIME)).toBe(525);
  });

  test("a malformed wish for a lease time is passed over", () => {
    const offer = client().discover({ options: { 51: Uint8Array.of(1, 2) } });
    expect(seconds(offer, OptionCode.LEASE_TIME)).toBe(3600);
  });

  test("a server identifier in a DHCPDISCOVER has no meaning and does no harm", () => {
    expect(client().discover({ server: otherServer }).type).toBe("OFFER");
  });

  test("a packet without a message type is BOOTP and not answered", () => {
    const none = { options: { [OptionCode.MESSAGE_TYPE]: new Uint8Array() } };
    expect(client().discover(none).type).toBeNull();
  });

  test("a message type that is not for servers is not answered", () => {
    for (const type of [0, 2, 5, 6, 9, 13, 255]) expect(client().send(type).type).toBeNull();
  });

  test("a BOOTREPLY is not answered", () => {
    expect(client().discover({ packet: { op: 2 } }).type).toBeNull();
  });

  test("Auto-Configure (116) is not answered in kind: the offer has an address and no 116", () => {
    const offer = client().discover({ options: { 116: Uint8Array.of(1) } });
    expect(offer.type).toBe("OFFER");
    expect(raw(offer, 116)).toBeNull();
  });

  test("Auto-Configure (116) with a full pool: silence, so that the client may configure itself", () => {
    const site = new FullSite({ pools: tiny });
    client(site).lease();
    expect(client(site, macB).discover({ options: { 116: Uint8Array.of(1) } }).type).toBeNull();
  });

  test("Rapid Commit (80) is not offered: the client gets an ordinary offer", () => {
    const offer = client().discover({ options: { 80: new Uint8Array() } });
    expect(offer.type).toBe("OFFER");
    expect(raw(offer, 80)).toBeNull();
  });
});

describe("DHCPREQUEST, SELECTING", () => {
  test("the offered address is acknowledged with the times of the lease", () => {
    const machine = client();
    const address = machine.discover().reply?.yiaddr ?? "";
    const ack = machine.select(address);
    expect(ack).toMatchObject({ type: "ACK", reply: { yiaddr: address, ciaddr: "0.0.0.0" } });
    expect([51, 58, 59].map((code) => seconds(ack, code))).toEqual([3600, 1800, 3150]);
  });

  test("the acknowledgement has the transaction id of the request, not of the discover", () => {
    const machine = client();
    const address = machine.discover({ packet: { xid: 1 } }).reply?.yiaddr ?? "";
    const ask = { requested: address, server: ourAddress, packet: { xid: 2 } };
    expect(machine.send(MessageType.REQUEST, ask).reply?.xid).toBe(2);
  });

  test("with another server's identifier: silence, and the offer is free", () => {
    const site = new FullSite({ pools: tiny });
    const machine = client(site);
    machine.discover();
    expect(machine.select(one, otherServer).type).toBeNull();
    expect(client(site, macB).lease()).toBe(one);
  });

  test("without a requested address: silence", () => {
    const machine = client();
    machine.discover();
    expect(machine.send(MessageType.REQUEST, { server: ourAddress }).type).toBeNull();
  });

  test("another address of the pool than the offered one: NAK", () => {
    const machine = client();
    const offered = machine.discover().reply?.yiaddr ?? "";
    expect(machine.select(offered === one ? two : one).type).toBe("NAK");
  });

  test("an address outside of the pool: NAK", () => {
    const machine = client();
    machine.discover();
    expect(machine.select("192.168.77.20").type).toBe("NAK");
  });

  test("an address of another network: NAK", () => {
    const machine = client();
    machine.discover();
    expect(machine.select(elsewhere).type).toBe("NAK");
  });

  test("an address that another client has: NAK", () => {
    const site = new FullSite({ pools: pair });
    const taken = client(site).lease();
    client(site, macB).discover();
    expect(client(site, macB).select(taken).type).toBe("NAK");
  });

  test("without a DHCPDISCOVER before: acknowledged while the address is free", () => {
    expect(client().select(two)).toMatchObject({ type: "ACK", reply: { yiaddr: two } });
  });

  test("twice, since the acknowledgement was lost: acknowledged twice, one lease", () => {
    const machine = client();
    const address = machine.lease();
    expect(machine.select(address).type).toBe("ACK");
    expect(machine.site.leases.all()).toHaveLength(1);
  });

  test("after the offer ended and nobody took it: acknowledged", () => {
    const machine = client();
    const address = machine.discover().reply?.yiaddr ?? "";
    machine.site.passSeconds(60);
    expect(machine.select(address).type).toBe("ACK");
  });
});

describe("DHCPNAK", () => {
  const nak = (): Outcome => client().select("192.168.77.20");

  test("has no address in any field of the header", () => {
    const zero = "0.0.0.0";
    expect(nak().reply).toMatchObject({ ciaddr: zero, yiaddr: zero, siaddr: zero });
  });

  test("names us, says why, and has no other option but the client's identifier", () => {
    expect([...(nak().reply?.options.keys() ?? [])].toSorted((a, b) => a - b)).toEqual([
      53, 54, 56, 61,
    ]);
  });

  test("is broadcast, even to a client that has an address", () => {
    const site = new FullSite({ pools: pair });
    const taken = client(site).lease();
    expect(client(site, macB).renew(taken)).toMatchObject({
      type: "NAK",
      sentTo: { address: "255.255.255.255", port: 68 },
    });
  });

  test("through a relay asks the relay to broadcast it", () => {
    const ask = { requested: elsewhere, packet: { giaddr: relay, flags: 0 } };
    expect(client().send(MessageType.REQUEST, ask)).toMatchObject({
      type: "NAK",
      reply: { flags: 0x8000, giaddr: relay },
      sentTo: { address: relay, port: 67 },
    });
  });

  test("changes no lease", () => {
    const machine = client();
    const address = machine.lease();
    machine.reboot(elsewhere);
    expect(machine.site.leases.ofMachine(macA)).toMatchObject({ address, state: "bound" });
  });
});

describe("DHCPREQUEST, INIT-REBOOT", () => {
  test("the client's own address: acknowledged", () => {
    const machine = client();
    const address = machine.lease();
    expect(machine.reboot(address)).toMatchObject({ type: "ACK", reply: { yiaddr: address } });
  });

  test("the acknowledgement is broadcast: the client does not use the address yet", () => {
    const machine = client();
    expect(machine.reboot(machine.lease()).sentTo).toEqual({
      address: "255.255.255.255",
      port: 68,
    });
  });

  test("another address of the pool: NAK", () => {
    const machine = client();
    const address = machine.lease();
    expect(machine.reboot(address === one ? two : one).type).toBe("NAK");
  });

  test("an address of another network: NAK", () => {
    const machine = client();
    machine.lease();
    expect(machine.reboot(elsewhere).type).toBe("NAK");
  });

  test("a client that is not known, a server that is not the authority: silence", () => {
    const site = new FullSite({ pools: pair, authoritative: false });
    expect(client(site).reboot(one).type).toBeNull();
    expect(client(site).reboot(elsewhere).type).toBeNull();
  });

  test("a client that is not known, with an address that another one has: NAK", () => {
    const site = new FullSite({ pools: pair });
    const taken = client(site).lease();
    expect(client(site, macB).reboot(taken).type).toBe("NAK");
  });

  test("after the client gave its address back: acknowledged while it is free", () => {
    const machine = client();
    const address = machine.lease();
    machine.release(address);
    expect(machine.reboot(address).type).toBe("ACK");
  });

  test("after the client gave its address back and another one took it: NAK", () => {
    const site = new FullSite({ pools: tiny });
    const machine = client(site);
    machine.release(machine.lease());
    client(site, macB).lease();
    expect(machine.reboot(one).type).toBe("NAK");
  });
});

describe("DHCPREQUEST, RENEWING", () => {
  test("is acknowledged to the client's own address, with ciaddr and yiaddr", () => {
    const machine = client();
    const address = machine.lease();
    expect(machine.renew(address)).toMatchObject({
      type: "ACK",
      reply: { ciaddr: address, yiaddr: address },
      sentTo: { address, port: 68 },
    });
  });

  test("begins the lease anew", () => {
    const machine = client();
    const address = machine.lease();
    machine.site.passSeconds(3000);
    machine.renew(address);
    machine.site.passSeconds(3000);
    expect(client(machine.site, macB).select(address).type).toBe("NAK");
  });

  test("keeps the moment at which the client got the address", () => {
    const machine = client();
    const address = machine.lease();
    const startedAtMs = machine.site.nowMs;
    machine.site.passSeconds(100);
    expect(machine.renew(address).recorded?.startedAtMs).toBe(startedAtMs);
  });

  test("goes by ciaddr, not by a requested address beside it", () => {
    const machine = client();
    const address = machine.lease();
    const ask = { ciaddr: address, requested: elsewhere };
    expect(machine.send(MessageType.REQUEST, ask).reply?.yiaddr).toBe(address);
  });

  test("of another client's address: NAK, and the lease stays the other's", () => {
    const site = new FullSite({ pools: pair });
    const taken = client(site).lease();
    expect(client(site, macB).renew(taken).type).toBe("NAK");
    expect(site.leases.at(taken)?.mac).toBe(macA);
  });

  test("of an address that the configuration no longer has: NAK", () => {
    const machine = client();
    const address = machine.lease();
    const { site } = machine;
    site.link = { ...site.link, full: { ...site.link.full, pools: [] } };
    expect(machine.renew(address).type).toBe("NAK");
  });

  test("gets the options of today", () => {
    const machine = client();
    const address = machine.lease();
    const { site } = machine;
    site.link = { ...site.link, full: { ...site.link.full, domain: "new.example" } };
    expect(toText(machine.renew(address).reply?.options.get(15) ?? u16(0))).toBe("new.example");
  });
});

describe("DHCPREQUEST, REBINDING", () => {
  test("is acknowledged like a renewal, after seven eighths of the lease", () => {
    const machine = client();
    const address = machine.lease();
    machine.site.passSeconds(3150);
    expect(machine.renew(address)).toMatchObject({ type: "ACK", reply: { yiaddr: address } });
  });

  test("of a client that is not known, with a free address of the pool: taken on", () => {
    expect(client().renew(two)).toMatchObject({ type: "ACK", reply: { yiaddr: two } });
  });

  test("of a client that is not known, a server that is not the authority: silence", () => {
    const site = new FullSite({ pools: pair, authoritative: false });
    expect(client(site).renew(two).type).toBeNull();
  });

  test("through a relay goes back through the relay", () => {
    const machine = client();
    const address = machine.lease();
    const ask = { ciaddr: address, packet: { giaddr: relay } };
    expect(machine.send(MessageType.REQUEST, ask)).toMatchObject({
      type: "ACK",
      sentTo: { address: relay, port: 67 },
    });
  });
});

describe("DHCPDECLINE", () => {
  test("is not answered", () => {
    const machine = client();
    expect(machine.decline(machine.lease()).type).toBeNull();
  });

  test("keeps the address from everybody, its client included", () => {
    const site = new FullSite({ pools: tiny });
    const machine = client(site);
    machine.decline(machine.lease());
    expect(machine.discover().type).toBeNull();
    expect(client(site, macB).discover().type).toBeNull();
  });

  test("lets its client have another address", () => {
    const machine = client();
    const address = machine.lease();
    machine.decline(address);
    expect(machine.lease()).not.toBe(address);
  });

  test("of an address that the client does not have changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    const other = address === one ? two : one;
    machine.decline(other);
    expect(machine.site.leases.at(other)).toBeNull();
    expect(machine.site.leases.ofMachine(macA)?.state).toBe("bound");
  });

  test("of another client's address changes nothing", () => {
    const site = new FullSite({ pools: pair });
    const address = client(site).lease();
    client(site, macB).decline(address);
    expect(site.leases.at(address)).toMatchObject({ mac: macA, state: "bound" });
  });

  test("for another server changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    machine.decline(address, otherServer);
    expect(machine.site.leases.at(address)?.state).toBe("bound");
  });

  test("without a requested address changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    machine.send(MessageType.DECLINE, { server: ourAddress });
    expect(machine.site.leases.at(address)?.state).toBe("bound");
  });
});

describe("DHCPRELEASE", () => {
  test("is not answered, and frees the address", () => {
    const site = new FullSite({ pools: tiny });
    const machine = client(site);
    expect(machine.release(machine.lease()).type).toBeNull();
    expect(client(site, macB).lease()).toBe(one);
  });

  test("lets the client have the same address again", () => {
    const machine = client();
    const address = machine.lease();
    machine.release(address);
    expect(machine.lease()).toBe(address);
  });

  test("without a server identifier counts all the same", () => {
    const machine = client();
    const address = machine.lease();
    machine.send(MessageType.RELEASE, { ciaddr: address });
    expect(machine.site.leases.at(address)?.state).toBe("released");
  });

  test("with an address that is not the client's changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    machine.release(address === one ? two : one);
    expect(machine.site.leases.at(address)?.state).toBe("bound");
  });

  test("of another client changes nothing", () => {
    const site = new FullSite({ pools: pair });
    const address = client(site).lease();
    client(site, macB).release(address);
    expect(site.leases.at(address)).toMatchObject({ mac: macA, state: "bound" });
  });

  test("for another server changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    machine.release(address, otherServer);
    expect(machine.site.leases.at(address)?.state).toBe("bound");
  });

  test("without a client address changes nothing", () => {
    const machine = client();
    const address = machine.lease();
    machine.send(MessageType.RELEASE, { server: ourAddress, requested: address });
    expect(machine.site.leases.at(address)?.state).toBe("bound");
  });

  test("twice is once", () => {
    const machine = client();
    const address = machine.lease();
    machine.release(address);
    expect(machine.release(address)).toMatchObject({ type: null, recorded: null });
  });
});

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
