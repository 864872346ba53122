import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { ip4FromBytes, ip4ToNumber } from "../../../src/lib/ip4.ts";
import { fullLink, firmware, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

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

  test("an address whose lease ends before the offer is taken is held like any other", () => {
    const site = new FullSite({ pools: pool(100, 100) });
    const machine = new Machine(site, macA);
    const address = machine.lease();
    site.passSeconds(3590);
    expect(machine.discover().reply?.yiaddr).toBe(address);
    site.passSeconds(11);
    expect(new Machine(site, macB).discover().type).toBeNull();
    expect(machine.select(address).type).toBe("ACK");
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
    expect(ignored).toBe("no address of 192.168.77.0/24 is left to lease");
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
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
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
