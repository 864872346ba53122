import { describe, expect, test } from "vitest";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { ip4ToNumber } from "../../../src/lib/ip4.ts";
import { firmware, fullLink, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const otherServer = "192.168.77.9";
const elsewhere = "10.9.9.9";
const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
const pool = (first: number, last: number) => [
  { first: `192.168.77.${first}`, last: `192.168.77.${last}` },
];

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
      network: "192.168.77.0/24",
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
    expect(site.offers.ofMachine(macA, fullLink.subnet, site.nowMs)).toBeNull();
    expect(new Machine(site, macB).lease()).toBe(address);
  });

  test("of another server is told of a machine that boots, and of no other", () => {
    const told = (options?: ConstructorParameters<typeof Machine>[2]) => {
      const machine = new Machine(new FullSite(), macA, options);
      machine.discover();
      const { effects } = machine.select("192.168.77.33", otherServer);
      return effects.flatMap((effect) =>
        effect.kind === "event" && effect.event.event === "taken-elsewhere" ? [effect.event] : [],
      );
    };
    const by = { interface: fullLink.interface, server: otherServer, shared: false };
    expect([firmware.uefi, firmware.ipxe].map(told)).toMatchObject([
      [{ mac: macA, address: "192.168.77.33", ...by }],
      [{ mac: macA, address: "192.168.77.33", ...by }],
    ]);
    expect(told()).toEqual([]);
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
