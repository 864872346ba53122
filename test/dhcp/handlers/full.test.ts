import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import { toText } from "../../../src/lib/bytes.ts";
import { fullLink, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const otherServer = "192.168.77.9";
const elsewhere = "10.9.9.9";
const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
const pool = (first: number, last: number) => [
  { first: `192.168.77.${first}`, last: `192.168.77.${last}` },
];

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

  test("field fault 44: of a reserved address is believed the second time, for ten minutes, where it cannot be checked", () => {
    const site = new FullSite({ pools: [] });
    site.addNode({ mac: macA, address: "192.168.77.20" });
    const machine = new Machine(site, macA);
    machine.lease();
    // Also a copy of it that came by another relay agent.
    for (let n = 0; n < 2; n++) {
      expect(machine.decline("192.168.77.20").events).toEqual(["decline-doubted"]);
    }
    site.passSeconds(20);
    expect(machine.lease()).toBe("192.168.77.20");
    expect(machine.decline("192.168.77.20").events).toEqual(["lease-declined"]);
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
    expect(machine.discover(from).ignored).toContain("not configured");
    const selection = relayInformation({ linkSelection: "10.9.9.0" });
    const selected = {
      packet: { giaddr: "192.168.77.254" },
      options: { [OptionCode.RELAY_AGENT_INFORMATION]: selection },
    };
    expect(machine.discover(selected).ignored).toContain("not configured");
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
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.hostname).toBe("a\\x1bb");
    new Machine(site, macA).renew(address);
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.hostname).toBe("a\\x1bb");
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
