import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/packet.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import { toText } from "../../../src/lib/bytes.ts";
import { ip4FromBytes, ip4ToNumber } from "../../../src/lib/ip4.ts";
import { firmware, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const otherServer = "192.168.77.9";
const elsewhere = "10.9.9.9";
const [macA, macB, macC] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b", "52:54:00:00:00:0c"];
const pool = (first: number, last: number) => [
  { first: `192.168.77.${first}`, last: `192.168.77.${last}` },
];

function inPool(address: string): boolean {
  const number = ip4ToNumber(address);
  return number >= ip4ToNumber("192.168.77.100") && number <= ip4ToNumber("192.168.77.199");
}

describe("DHCPDISCOVER (RFC 2131 4.3.1)", () => {
  test("is answered with the offer of an address from the pool", () => {
    const { type, reply, sentTo, events } = new Machine(new FullSite(), macA).discover();
    expect(type).toBe("OFFER");
    expect(inPool(reply?.yiaddr ?? "")).toBe(true);
    expect(ip4FromBytes(reply?.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array())).toBe(
      ourAddress,
    );
    expect(sentTo).toEqual({ address: "255.255.255.255", port: 68 });
    expect(events).toEqual([]);
  });

  test("of firmware raises the stages discover and offer, with the address", () => {
    const { effects, events } = new Machine(new FullSite(), macA, firmware.uefi).discover();
    expect(events).toEqual(["discover", "offer"]);
    expect(effects.at(-1)).toMatchObject({ event: { address: expect.stringMatching(/^192\./) } });
  });

  test("repeated, is answered with the same address each time", () => {
    const machine = new Machine(new FullSite(), macA);
    const first = machine.discover().reply?.yiaddr;
    expect(machine.discover().reply?.yiaddr).toBe(first);
  });

  test("of two machines is answered with two addresses", () => {
    const site = new FullSite({ pools: pool(100, 101) });
    const offers = [macA, macB].map((mac) => new Machine(site, mac).discover().reply?.yiaddr);
    expect(new Set(offers).size).toBe(2);
  });

  test("an offer that nobody takes up is free for others after some seconds", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    new Machine(site, macA).discover();
    expect(new Machine(site, macB).discover().type).toBeNull();
    site.passSeconds(16);
    expect(new Machine(site, macB).discover().reply?.yiaddr).toBe("192.168.77.100");
  });

  test("the address that the client wishes for is offered when it is free", () => {
    const site = new FullSite();
    const wish = { requested: "192.168.77.150" };
    expect(new Machine(site, macA).discover(wish).reply?.yiaddr).toBe("192.168.77.150");
    expect(new Machine(site, macB).discover(wish).reply?.yiaddr).not.toBe("192.168.77.150");
  });

  test.each([
    ["outside the pool", "192.168.77.50"],
    ["of another network", elsewhere],
    ["that is ours", ourAddress],
  ])("a wish for an address %s is not followed", (_, requested) => {
    const { reply } = new Machine(new FullSite(), macA).discover({ requested });
    expect(inPool(reply?.yiaddr ?? "")).toBe(true);
  });

  test("a machine whose lease runs is offered its address, and keeps the lease until it takes it", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.lease();
    const again = machine.discover();
    expect(again.reply?.yiaddr).toBe(address);
    expect(again.recorded).toBeNull();
    expect(site.leases.at(address)?.state).toBe("bound");
  });

  test("firmware, iPXE and operating system of one machine get one address, whatever their client ids", () => {
    const site = new FullSite();
    const stages = [
      firmware.uefi,
      { ...firmware.ipxe, [OptionCode.CLIENT_IDENTIFIER]: Uint8Array.of(1, 1, 2, 3, 4, 5, 6) },
      { [OptionCode.CLIENT_IDENTIFIER]: Uint8Array.of(255, 9, 9, 9, 9, 0, 2, 0, 0) },
    ];
    const addresses = stages.map((options) => new Machine(site, macA, options).lease());
    expect(new Set(addresses).size).toBe(1);
  });

  test("a machine that comes back after its lease ended gets its address again", () => {
    const site = new FullSite({ pools: pool(100, 103) });
    const address = new Machine(site, macA).lease();
    site.passSeconds(4000);
    new Machine(site, macB).lease();
    new Machine(site, macC).lease();
    expect(new Machine(site, macA).lease()).toBe(address);
  });

  test("when all were used, the address that ended first goes to the newcomer", () => {
    const site = new FullSite({ pools: pool(100, 101) });
    const oldest = new Machine(site, macA).lease();
    site.passSeconds(10);
    new Machine(site, macB).lease();
    site.passSeconds(4000);
    expect(new Machine(site, macC).lease()).toBe(oldest);
  });

  test("a full pool is reported and nothing is offered", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    new Machine(site, macA).lease();
    const { type, events, ignored } = new Machine(site, macB).discover();
    expect(type).toBeNull();
    expect(events).toEqual(["pool-full"]);
    expect(ignored).toBe("no address is left");
  });

  test("beyond the limit of the lease table no new address is handed out, but a known one is", () => {
    const site = new FullSite({}, 1);
    const address = new Machine(site, macA).lease();
    expect(new Machine(site, macB).discover().events).toEqual(["pool-full"]);
    expect(new Machine(site, macA).lease()).toBe(address);
    site.addNode({ mac: macC, address: "192.168.77.20" });
    expect(new Machine(site, macC).lease()).toBe("192.168.77.20");
  });

  test("without pools only machines with a reservation are answered", () => {
    const site = new FullSite({ pools: [] });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    expect(new Machine(site, macA).discover().reply?.yiaddr).toBe("192.168.77.20");
    const stranger = new Machine(site, macB).discover();
    expect(stranger.type).toBeNull();
    expect(stranger.ignored).toContain("no address is reserved");
    expect(stranger.events).toEqual([]);
  });

  test("the link's own addresses inside the pool are never handed out", () => {
    const site = new FullSite({
      pools: [{ first: "192.168.77.0", last: "192.168.77.4" }],
      router: ["192.168.77.2"],
      dns: ["192.168.77.3"],
    });
    expect(new Machine(site, macA).lease()).toBe("192.168.77.4");
    expect(new Machine(site, macB).discover().events).toEqual(["pool-full"]);
  });
});

describe("when addresses are short, machines that are known go first", () => {
  test("one with an entry gets what a stranger was offered, and the stranger's request a NAK", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const stranger = new Machine(site, macB);
    const address = stranger.discover().reply?.yiaddr ?? "";
    site.addNode({ mac: macA });
    expect(new Machine(site, macA).lease()).toBe(address);
    expect(stranger.select(address).type).toBe("NAK");
  });

  test("one that had a lease gets its address, which was offered to a stranger meanwhile", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const address = new Machine(site, macA).lease();
    site.passSeconds(4000);
    expect(new Machine(site, macB).discover().reply?.yiaddr).toBe(address);
    expect(new Machine(site, macA).lease()).toBe(address);
  });

  test("but not what another known machine was offered, nor what a stranger has", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    for (const mac of [macA, macB]) site.addNode({ mac });
    new Machine(site, macA).discover();
    expect(new Machine(site, macB).discover().events).toEqual(["pool-full"]);
    site.passSeconds(16);
    new Machine(site, macC).lease();
    expect(new Machine(site, macA).discover().events).toEqual(["pool-full"]);
  });

  test("what strangers were offered comes last, after all that is free", () => {
    const site = new FullSite({ pools: pool(100, 103) });
    const held = [macB, macC].map((mac) => new Machine(site, mac).discover().reply?.yiaddr);
    site.addNode({ mac: macA });
    expect(held).not.toContain(new Machine(site, macA).lease());
  });

  test("an offer that nobody takes up costs nobody's claim to a former address", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const address = new Machine(site, macA).lease();
    site.passSeconds(4000);
    new Machine(site, macB).discover();
    site.passSeconds(16);
    expect(site.leases.ofMachine(macA)?.address).toBe(address);
  });
});

describe("reservations", () => {
  test("inside a pool are kept for their machine", () => {
    const site = new FullSite({ pools: pool(100, 101) });
    site.addNode({ mac: macA, address: "192.168.77.100" });
    expect(new Machine(site, macB).lease()).toBe("192.168.77.101");
    expect(new Machine(site, macC).discover().type).toBeNull();
    expect(new Machine(site, macA).lease()).toBe("192.168.77.100");
  });

  test("win over the lease that the machine has", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const former = machine.lease();
    site.addNode({ mac: macA, address: "192.168.77.20" });
    expect(machine.renew(former).type).toBe("NAK");
    expect(machine.lease()).toBe("192.168.77.20");
    expect(site.leases.at(former)).toBeNull();
  });

  test("for an address that another machine has are fulfilled once it is free", () => {
    const site = new FullSite({ pools: pool(100, 103) });
    const other = new Machine(site, macB);
    const address = other.lease();
    site.addNode({ mac: macA, address });
    const meanwhile = new Machine(site, macA).lease();
    expect(meanwhile).not.toBe(address);
    expect(other.renew(address).type).toBe("NAK");
    site.passSeconds(4000);
    expect(new Machine(site, macA).lease()).toBe(address);
  });

  test("of another network do not count on this link", () => {
    const site = new FullSite();
    site.addNode({ mac: macA, address: elsewhere });
    expect(inPool(new Machine(site, macA).lease())).toBe(true);
  });
});

describe("DHCPREQUEST that takes an offer (SELECTING)", () => {
  test("is acknowledged, and the lease is recorded before", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.discover().reply?.yiaddr ?? "";
    const { type, reply, effects, events, recorded } = machine.select(address);
    expect(type).toBe("ACK");
    expect(reply).toMatchObject({ yiaddr: address, ciaddr: "0.0.0.0" });
    expect(effects.map(({ kind }) => kind)).toEqual(["record", "send", "event"]);
    expect(events).toEqual(["lease-granted"]);
    expect(recorded).toEqual({
      mac: macA,
      address,
      state: "bound",
      startedAtMs: site.nowMs,
      expiresAtMs: site.nowMs + 3_600_000,
      hostname: null,
      clientId: "01080027294e67",
    });
  });

  test("repeated, because the acknowledgement was lost, is acknowledged again", () => {
    const machine = new Machine(new FullSite(), macA);
    const address = machine.lease();
    expect(machine.select(address).type).toBe("ACK");
  });

  test("of another server frees our offer and is not answered", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const machine = new Machine(site, macA);
    const address = machine.discover().reply?.yiaddr ?? "";
    const { type, ignored } = machine.select("192.168.77.33", otherServer);
    expect(type).toBeNull();
    expect(ignored).toBe("addressed to another server");
    expect(site.offers.of(macA, site.nowMs)).toBeNull();
    expect(new Machine(site, macB).lease()).toBe(address);
  });

  test("of another server leaves a lease that runs alone", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.lease();
    expect(machine.select(address, otherServer).recorded).toBeNull();
    expect(site.leases.at(address)?.state).toBe("bound");
  });

  test("after a restart that lost the offer is acknowledged while the address is free", () => {
    expect(new Machine(new FullSite(), macA).select("192.168.77.120").type).toBe("ACK");
  });

  test("for an address that went to another machine meanwhile gets a NAK", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const late = new Machine(site, macA);
    const address = late.discover().reply?.yiaddr ?? "";
    site.passSeconds(16);
    new Machine(site, macB).lease();
    const { type, reply, sentTo, events } = late.select(address);
    expect(type).toBe("NAK");
    expect(reply).toMatchObject({
      yiaddr: "0.0.0.0",
      siaddr: "0.0.0.0",
      ciaddr: "0.0.0.0",
      file: "",
    });
    expect([...(reply?.options.keys() ?? [])].toSorted((a, b) => a - b)).toEqual([53, 54, 56, 61]);
    expect(sentTo).toEqual({ address: "255.255.255.255", port: 68 });
    expect(events).toEqual(["lease-refused"]);
  });

  test("for another address than the one that was offered gets a NAK", () => {
    const machine = new Machine(new FullSite(), macA);
    machine.discover({ requested: "192.168.77.150" });
    expect(machine.select("192.168.77.151").type).toBe("NAK");
  });

  test("counts by the address it requests, also when it gives another one as its present one", () => {
    const machine = new Machine(new FullSite(), macA);
    const requested = machine.discover().reply?.yiaddr ?? "";
    const ask = { requested, server: ourAddress, ciaddr: "192.168.77.20" };
    expect(machine.send(MessageType.REQUEST, ask).reply?.yiaddr).toBe(requested);
  });

  test("without a requested address is not answered", () => {
    const machine = new Machine(new FullSite(), macA);
    const { type } = machine.send(MessageType.REQUEST, { server: ourAddress });
    expect(type).toBeNull();
  });
});

describe("DHCPREQUEST for a former address (INIT-REBOOT)", () => {
  test("of the machine's own address is acknowledged", () => {
    const machine = new Machine(new FullSite(), macA);
    const address = machine.lease();
    expect(machine.reboot(address)).toMatchObject({ type: "ACK", reply: { yiaddr: address } });
  });

  test("after the lease ended is acknowledged while nobody else has the address", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.lease();
    site.passSeconds(100_000);
    expect(machine.reboot(address).type).toBe("ACK");
  });

  test("of another address than the machine's gets a NAK", () => {
    const machine = new Machine(new FullSite(), macA);
    const address = machine.lease();
    const other = address === "192.168.77.110" ? "192.168.77.111" : "192.168.77.110";
    expect(machine.reboot(other).type).toBe("NAK");
  });

  test("of an address of another network gets a NAK from an authoritative server only", () => {
    expect(new Machine(new FullSite(), macA).reboot(elsewhere).type).toBe("NAK");
    const modest = new FullSite({ authoritative: false });
    const machine = new Machine(modest, macA);
    machine.lease();
    expect(machine.reboot(elsewhere).type).toBeNull();
  });

  test("of a machine nobody knows: silence, unless the server is authoritative", () => {
    const modest = new Machine(new FullSite({ authoritative: false }), macA);
    expect(modest.reboot("192.168.77.150").ignored).toBe("another server may know this machine");
    const site = new FullSite();
    new Machine(site, macB).discover({ requested: "192.168.77.150" });
    expect(new Machine(site, macA).reboot("192.168.77.150").type).toBe("NAK");
    expect(new Machine(site, macA).reboot("192.168.77.20").type).toBe("NAK");
    expect(new Machine(site, macA).reboot("192.168.77.151").type).toBe("ACK");
  });

  test("of a machine without an entry, on a link without a pool: silence, since it is another server's", () => {
    const site = new FullSite({ pools: [] });
    site.addNode({ mac: macB, address: "192.168.77.20" });
    const stranger = new Machine(site, macA);
    for (const address of ["192.168.77.150", elsewhere]) {
      expect(stranger.reboot(address).ignored).toBe("another server may know this machine");
      expect(stranger.renew(address).ignored).toBe("another server may know this machine");
    }
    expect(new Machine(site, macB).reboot("192.168.77.150").type).toBe("NAK");
  });

  test("of a machine that has a lease of another link only: it is as unknown as any other", () => {
    const site = new FullSite({ authoritative: false });
    const machine = new Machine(site, macA);
    machine.lease();
    site.link = {
      ...site.link,
      address: "10.9.9.1",
      subnet: { network: "10.9.9.0", prefixLength: 24 },
    };
    expect(machine.reboot(elsewhere).ignored).toBe("another server may know this machine");
  });

  test("of a machine with a reservation is answered even by a server that is not authoritative", () => {
    const site = new FullSite({ authoritative: false });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    expect(new Machine(site, macA).reboot("192.168.77.20").type).toBe("ACK");
    expect(new Machine(site, macA).reboot("192.168.77.21").type).toBe("NAK");
  });
});

describe("DHCPREQUEST of a machine in use of its address (RENEWING, REBINDING)", () => {
  test("extends the lease, gives back ciaddr, and goes to the machine's address", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.lease();
    const startedAtMs = site.nowMs;
    site.passSeconds(1800);
    const { type, reply, sentTo, recorded } = machine.renew(address);
    expect(type).toBe("ACK");
    expect(reply).toMatchObject({ ciaddr: address, yiaddr: address });
    expect(sentTo).toEqual({ address, port: 68 });
    expect(recorded).toMatchObject({ startedAtMs, expiresAtMs: site.nowMs + 3_600_000 });
  });

  test("of an address that is another machine's gets a NAK", () => {
    const site = new FullSite();
    const address = new Machine(site, macA).lease();
    expect(new Machine(site, macB).renew(address).type).toBe("NAK");
    expect(site.leases.at(address)?.mac).toBe(macA);
  });

  test("after the pool was moved away gets a NAK, and the machine an address of the new pool", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    const address = machine.lease();
    site.link = { ...site.link, full: { ...site.link.full, pools: pool(200, 210) } };
    expect(machine.renew(address).type).toBe("NAK");
    expect(ip4ToNumber(machine.lease())).toBeGreaterThanOrEqual(ip4ToNumber("192.168.77.200"));
  });

  test("of a machine nobody knows is taken on by an authoritative server only", () => {
    expect(new Machine(new FullSite(), macA).renew("192.168.77.150").type).toBe("ACK");
    const modest = new FullSite({ authoritative: false });
    expect(new Machine(modest, macA).renew("192.168.77.150").type).toBeNull();
  });
});

describe("DHCPDECLINE (RFC 2131 4.3.3)", () => {
  test("puts the address out of use, and the machine gets another one", () => {
    const site = new FullSite({ pools: pool(100, 101) });
    const machine = new Machine(site, macA);
    const address = machine.lease();
    const { type, events, recorded } = machine.decline(address);
    expect(type).toBeNull();
    expect(events).toEqual(["lease-declined"]);
    expect(recorded?.state).toBe("declined");
    expect(machine.lease()).not.toBe(address);
    expect(new Machine(site, macB).discover().events).toEqual(["pool-full"]);
  });

  test("is over after an hour", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const machine = new Machine(site, macA);
    const address = machine.lease();
    machine.decline(address);
    site.passSeconds(3599);
    expect(machine.discover().type).toBeNull();
    site.passSeconds(1);
    expect(machine.lease()).toBe(address);
  });

  test("of a reserved address is over after ten minutes, since the machine has no other", () => {
    const site = new FullSite({ pools: [] });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    const machine = new Machine(site, macA);
    machine.lease();
    machine.decline("192.168.77.20");
    expect(machine.discover().ignored).toContain("in use");
    site.passSeconds(600);
    expect(machine.lease()).toBe("192.168.77.20");
  });

  test.each([
    ["by a machine that does not have the address", macB, ourAddress],
    ["meant for another server", macA, otherServer],
  ])("%s changes nothing", (_, mac, server) => {
    const site = new FullSite();
    const address = new Machine(site, macA).lease();
    expect(new Machine(site, mac).decline(address, server).recorded).toBeNull();
    expect(site.leases.at(address)?.state).toBe("bound");
  });
});

describe("DHCPRELEASE (RFC 2131 4.3.4)", () => {
  test("frees the address without an answer; its machine gets it again when it can", () => {
    const site = new FullSite({ pools: pool(100, 101) });
    const machine = new Machine(site, macA);
    const address = machine.lease();
    const { type, events, recorded } = machine.release(address);
    expect(type).toBeNull();
    expect(events).toEqual(["lease-released"]);
    expect(recorded).toMatchObject({ state: "released", expiresAtMs: site.nowMs });
    new Machine(site, macB).lease();
    expect(machine.lease()).toBe(address);
  });

  test("makes room for others when there is no other room", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const machine = new Machine(site, macA);
    const address = machine.lease();
    machine.release(address);
    expect(new Machine(site, macB).lease()).toBe(address);
  });

  test("of an address that is not the machine's changes nothing", () => {
    const site = new FullSite();
    const address = new Machine(site, macA).lease();
    expect(new Machine(site, macB).release(address).recorded).toBeNull();
    expect(new Machine(site, macA).release("192.168.77.33").recorded).toBeNull();
    expect(new Machine(site, macA).release(address, otherServer).recorded).toBeNull();
    expect(site.leases.at(address)?.state).toBe("bound");
  });
});

describe("DHCPINFORM (RFC 2131 4.3.5)", () => {
  test("gets the options without an address and without lease times, at its own address", () => {
    const site = new FullSite({ dns: ["192.168.77.53"] });
    const { type, reply, sentTo, recorded } = new Machine(site, macA).inform("192.168.77.40");
    expect(type).toBe("ACK");
    expect(reply).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "192.168.77.40" });
    expect(reply?.options.has(OptionCode.DOMAIN_NAME_SERVER)).toBe(true);
    for (const code of [51, 58, 59]) expect(reply?.options.has(code)).toBe(false);
    expect(sentTo).toEqual({ address: "192.168.77.40", port: 68 });
    expect(recorded).toBeNull();
  });

  test("on a link without a pool is answered to machines with an entry only", () => {
    const site = new FullSite({ pools: [] });
    site.addNode({ mac: macB });
    expect(new Machine(site, macA).inform("192.168.77.40").type).toBeNull();
    expect(new Machine(site, macB).inform("192.168.77.40").type).toBe("ACK");
  });

  test("from another network is not answered", () => {
    expect(new Machine(new FullSite(), macA).inform(elsewhere).type).toBeNull();
  });
});

describe("through a relay agent", () => {
  const circuit = relayInformation({ circuitId: Uint8Array.of(7, 7) });

  test("on the link the reply goes to the relay, with its option 82 given back", () => {
    const { reply, sentTo } = new Machine(new FullSite(), macA).discover({
      packet: { giaddr: "192.168.77.254" },
      options: { [OptionCode.RELAY_AGENT_INFORMATION]: circuit },
    });
    expect(sentTo).toEqual({ address: "192.168.77.254", port: 67 });
    expect(reply?.giaddr).toBe("192.168.77.254");
    expect(reply?.options.get(OptionCode.RELAY_AGENT_INFORMATION)).toEqual(circuit);
  });

  test("a NAK asks the relay to broadcast it", () => {
    const { type, reply, sentTo } = new Machine(new FullSite(), macA).send(MessageType.REQUEST, {
      requested: elsewhere,
      packet: { giaddr: "192.168.77.254", flags: 0 },
    });
    expect(type).toBe("NAK");
    expect(reply?.flags).toBe(0x8000);
    expect(sentTo).toEqual({ address: "192.168.77.254", port: 67 });
  });

  test("from a network that is not served nothing is answered", () => {
    const machine = new Machine(new FullSite(), macA);
    const from = { packet: { giaddr: "10.9.9.1" } };
    expect(machine.discover(from).ignored).toContain("not served");
    const selection = relayInformation({ linkSelection: "10.9.9.0" });
    const selected = {
      packet: { giaddr: "192.168.77.254" },
      options: { [OptionCode.RELAY_AGENT_INFORMATION]: selection },
    };
    expect(machine.discover(selected).ignored).toContain("not served");
  });
});

describe("what is not for a DHCP server", () => {
  test.each([
    ["a reply", { packet: { op: 2 } }, "not a BOOTREQUEST"],
    ["a packet without a hardware address", { packet: { chaddr: new Uint8Array() } }, "hardware"],
    ["a BOOTP request", { options: { 53: new Uint8Array() } }, "message type 0"],
    ["somebody's offer", { options: { 53: Uint8Array.of(2) } }, "message type 2"],
  ])("%s is ignored", (_, ask, reason) => {
    const { type, ignored } = new Machine(new FullSite(), macA).discover(ask);
    expect(type).toBeNull();
    expect(ignored).toContain(reason);
  });
});

describe("what a lease remembers of its machine", () => {
  test("its host name, made printable, also after a packet without one", () => {
    const site = new FullSite();
    const machine = new Machine(site, macA);
    machine.options = { ...machine.options, 12: Uint8Array.of(0x61, 0x1b, 0x62) };
    const address = machine.lease();
    expect(site.leases.ofMachine(macA)?.hostname).toBe("a\\x1bb");
    new Machine(site, macA).renew(address);
    expect(site.leases.ofMachine(macA)?.hostname).toBe("a\\x1bb");
  });
});

test("a lease keeps no more of a client identifier than one option can hold", () => {
  const machine = new Machine(new FullSite(), macA, {
    [OptionCode.CLIENT_IDENTIFIER]: new Uint8Array(60_000).fill(7),
  });
  const { recorded } = machine.select(machine.discover().reply?.yiaddr ?? "");
  expect(recorded?.clientId).toBe("07".repeat(255));
});

test("a NAK says why in option 56", () => {
  const { reply } = new Machine(new FullSite(), macA).reboot(elsewhere);
  expect(toText(reply?.options.get(OptionCode.MESSAGE) ?? new Uint8Array())).toContain(
    "another network",
  );
});
