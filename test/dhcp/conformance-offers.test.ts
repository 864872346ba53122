import { describe, expect, test } from "vitest";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { u32 } from "../../src/lib/bytes.ts";
import { fullLink, ourAddress } from "../support/dhcp.ts";
import { FullSite, type Outcome } from "../support/full-site.ts";
import {
  one,
  two,
  elsewhere,
  otherServer,
  relay,
  macA,
  macB,
  tiny,
  pair,
  client,
  raw,
  seconds,
  serverOf,
} from "../support/conformance.ts";

/*
 * What RFC 2131 and its neighbours ask of a server, case by case, as ISC Forge's list for DHCPv4 puts it: DISCOVER,
 * the REQUEST that takes an offer, NAK.
 * The cases are told anew here; the client is simulated.
 */

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
      machine.site.leases.ofMachine(macA, fullLink.subnet)?.address,
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
    expect(machine.site.leases.ofMachine(macA, fullLink.subnet)).toMatchObject({
      address,
      state: "bound",
    });
  });
});
