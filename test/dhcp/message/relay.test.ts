import { describe, expect, test } from "vitest";
import { handleBootServer } from "../../../src/dhcp/handlers/boot-server.ts";
import type { FullSettings } from "../../../src/dhcp/link.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import { concat } from "../../../src/lib/bytes.ts";
import { ip4FromBytes, ip4ToBytes } from "../../../src/lib/ip4.ts";
import {
  askProxy,
  clientMac,
  firmware,
  fullLink,
  message,
  onlyReply,
  type Options,
  ourAddress,
  planFor,
  proxyLink,
  reasons,
  requestWith,
  selecting,
  sent,
} from "../../support/dhcp.ts";
import { type Ask, FullSite, Machine } from "../../support/full-site.ts";

/** The relay agent as servers see it, and as the clients of its network do. */
const relay = "10.1.0.254";
const clientSide = "10.1.5.1";
const other = "192.168.77.9";

const behind: FullSettings = {
  ...fullLink.full,
  pools: [{ first: "10.1.0.100", last: "10.1.0.109" }],
  router: [relay],
  domain: "behind.example",
};

/** A site with two networks behind relay agents beside its own. */
function siteWithRelays(): FullSite {
  const site = new FullSite();
  const second = { ...behind, pools: [{ first: "10.2.0.100", last: "10.2.0.109" }] };
  site.link = {
    ...site.link,
    relayed: [
      { subnet: { network: "10.1.0.0", prefixLength: 24 }, full: behind },
      { subnet: { network: "10.2.0.0", prefixLength: 24 }, full: second },
    ],
  };
  return site;
}

function through(giaddr: string, said: Parameters<typeof relayInformation>[0] = {}): Ask {
  const options = { [OptionCode.RELAY_AGENT_INFORMATION]: relayInformation(said) };
  return { packet: { giaddr }, options };
}

function serverIdIn(reply: { readonly options: ReadonlyMap<number, Uint8Array> } | null) {
  return ip4FromBytes(reply?.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array(4));
}

describe("a network behind a relay agent in mode full", () => {
  test("is known by giaddr, and has addresses and settings of its own", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    const { reply, sentTo } = machine.discover(through(relay));
    expect(reply?.yiaddr).toMatch(/^10\.1\.0\.10[0-9]$/);
    expect(reply?.options.get(OptionCode.SUBNET_MASK)).toEqual(ip4ToBytes("255.255.255.0"));
    expect(reply?.options.get(OptionCode.ROUTER)).toEqual(ip4ToBytes(relay));
    expect(reply?.options.get(OptionCode.BROADCAST_ADDRESS)).toEqual(ip4ToBytes("10.1.0.255"));
    expect(sentTo).toEqual({ address: relay, port: 67 });
    expect(reply?.siaddr).toBe(ourAddress);
  });

  test("is known by link selection where giaddr is in another one (RFC 3527)", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    const { reply, sentTo } = machine.discover(through(relay, { linkSelection: "10.2.0.0" }));
    expect(reply?.yiaddr).toMatch(/^10\.2\.0\.10[0-9]$/);
    expect(sentTo).toEqual({ address: relay, port: 67 });
  });

  test("is left to others when no configuration names it", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    expect(machine.discover(through("10.3.0.1")).ignored).toContain("not configured");
  });

  test("ignores link selection without a relay agent in between", () => {
    const ask = { ...through(relay, { linkSelection: "10.2.0.0" }), packet: {} };
    expect(new Machine(siteWithRelays(), clientMac).discover(ask).reply?.yiaddr).toMatch(/^192/);
  });

  test("keeps its lease when the machine renews and releases by unicast, past the relay agent", () => {
    const site = siteWithRelays();
    const machine = new Machine(site, clientMac);
    const address = machine.discover(through(relay)).reply?.yiaddr ?? "";
    const selected = machine.send(MessageType.REQUEST, {
      ...through(relay),
      requested: address,
      server: ourAddress,
    });
    expect(selected.type).toBe("ACK");
    const renewed = machine.renew(address);
    expect(renewed.type).toBe("ACK");
    expect(renewed.reply?.options.get(OptionCode.ROUTER)).toEqual(ip4ToBytes(relay));
    expect(renewed.sentTo).toEqual({ address, port: 68 });
    machine.release(address);
    expect(site.leases.at(address)?.state).toBe("released");
  });

  test("NAKs what is of another network, and asks the relay agent to broadcast it", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    const asked = { requested: "192.168.77.120", packet: { giaddr: relay, flags: 0 } };
    const { type, reply, sentTo } = machine.send(MessageType.REQUEST, asked);
    expect([type, reply?.flags]).toEqual(["NAK", 0x8000]);
    expect(sentTo).toEqual({ address: relay, port: 67 });
  });

  test("never has the relay agent's own addresses to lease", () => {
    const site = siteWithRelays();
    const agent = { giaddr: "10.1.0.100", override: "10.1.0.101" };
    const asked = through(agent.giaddr, { serverIdOverride: agent.override });
    const given = Array.from({ length: 10 }, (_, i) => {
      const machine = new Machine(site, `02:00:00:00:00:0${i}`);
      return machine.discover(asked).reply?.yiaddr ?? "none";
    });
    expect(new Set(given)).toEqual(
      new Set(["none", ...Array.from({ length: 8 }, (_, i) => `10.1.0.10${i + 2}`)]),
    );
    const wish = { ...asked, requested: agent.giaddr };
    const newcomer = new Machine(siteWithRelays(), clientMac);
    expect(newcomer.discover(wish).reply?.yiaddr).not.toBe(agent.giaddr);
  });

  test("has reservations inside and outside of its pool", () => {
    const site = siteWithRelays();
    site.addNode({ mac: clientMac, address: "10.1.0.7" });
    expect(new Machine(site, clientMac).discover(through(relay)).reply?.yiaddr).toBe("10.1.0.7");
  });
});

describe("server identifier override (RFC 5107)", () => {
  const override = through(relay, { serverIdOverride: clientSide });
  const option82 = override.options ?? {};
  const viaRelay = { giaddr: relay };

  test("in mode full is what the client sees, and by which it chooses, renews and releases", () => {
    const site = siteWithRelays();
    const machine = new Machine(site, clientMac);
    const offer = machine.discover(override).reply;
    expect(serverIdIn(offer)).toBe(clientSide);
    const address = offer?.yiaddr ?? "";
    const chosen = { ...override, requested: address, server: clientSide };
    const acknowledged = machine.send(MessageType.REQUEST, chosen);
    expect([acknowledged.type, serverIdIn(acknowledged.reply)]).toEqual(["ACK", clientSide]);
    const renewed = machine.send(MessageType.REQUEST, { ...override, ciaddr: address });
    expect([renewed.type, serverIdIn(renewed.reply)]).toEqual(["ACK", clientSide]);
    machine.send(MessageType.RELEASE, { ...override, ciaddr: address, server: clientSide });
    expect(site.leases.at(address)?.state).toBe("released");
  });

  test("in mode full does not make another server's client ours", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    const asked = { ...override, requested: "10.1.0.100", server: other };
    expect(machine.send(MessageType.REQUEST, asked).ignored).toBe("addressed to another server");
  });

  test("is in a NAK, too", () => {
    const machine = new Machine(siteWithRelays(), clientMac);
    const asked = { ...override, requested: "192.168.77.120", server: clientSide };
    expect(serverIdIn(machine.send(MessageType.REQUEST, asked).reply)).toBe(clientSide);
  });

  test("in mode proxy is what the client sees and may choose; the files stay ours", () => {
    const options: Options = { ...message(firmware.uefi), ...option82 };
    const offer = onlyReply(askProxy(options, viaRelay));
    expect([serverIdIn(offer), offer.siaddr]).toEqual([clientSide, ourAddress]);
    const taken = { ...selecting(firmware.uefi, clientSide, "10.1.0.50"), ...option82 };
    expect(onlyReply(askProxy(taken, viaRelay)).options.get(53)?.[0]).toBe(MessageType.ACK);
    const elsewhere = { ...selecting(firmware.uefi, other, "10.1.0.50"), ...option82 };
    expect(reasons(askProxy(elsewhere, viaRelay))).toEqual(["addressed to another server"]);
  });

  test("counts on port 4011, too", () => {
    const asked = { ...selecting(firmware.uefi, clientSide, "10.1.0.50"), ...option82 };
    const request = requestWith(asked, viaRelay, { address: relay, port: 67 });
    const effects = handleBootServer(request, planFor(request), proxyLink);
    expect(serverIdIn(onlyReply(effects))).toBe(clientSide);
  });

  test.each([
    ["of a client, without a relay agent", relayInformation({ serverIdOverride: clientSide }), {}],
    ["of 0.0.0.0", relayInformation({ serverIdOverride: "0.0.0.0" }), viaRelay],
    ["of a wrong length", Uint8Array.of(11, 2, 10, 1), viaRelay],
    ["cut short", Uint8Array.of(11, 4, 10, 1), viaRelay],
  ])("%s changes nothing, and option 82 is given back all the same", (_, value, changes) => {
    const options = { ...message(firmware.uefi), [OptionCode.RELAY_AGENT_INFORMATION]: value };
    const [send] = sent(askProxy(options, changes));
    expect(serverIdIn(send?.packet ?? null)).toBe(ourAddress);
    expect(send?.packet.options.get(OptionCode.RELAY_AGENT_INFORMATION)).toEqual(value);
  });

  test("reads no further than the sub-options that it knows", () => {
    const unknown = concat([Uint8Array.of(200, 1, 7), option82[82] ?? new Uint8Array()]);
    const options = { ...message(firmware.uefi), [OptionCode.RELAY_AGENT_INFORMATION]: unknown };
    expect(serverIdIn(onlyReply(askProxy(options, viaRelay)))).toBe(clientSide);
  });
});
