import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { toText, u16 } from "../../src/lib/bytes.ts";
import { fullLink, ourAddress } from "../support/dhcp.ts";
import { FullSite } from "../support/full-site.ts";
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
} from "../support/conformance.ts";

/*
 * What RFC 2131 and its neighbours ask of a server, case by case, as ISC Forge's list for DHCPv4 puts it: REQUEST in
 * INIT-REBOOT, RENEWING and REBINDING, DECLINE, RELEASE.
 * The cases are told anew here; the client is simulated.
 */

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
    expect(machine.site.leases.ofMachine(macA, fullLink.subnet)?.state).toBe("bound");
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
