import { describe, expect, test } from "vitest";
import { emptyNode, type NodeEntry } from "../../../src/boot/node.ts";
import { planBoot } from "../../../src/boot/policy.ts";
import { decide, type Knowledge, type Role } from "../../../src/dhcp/handlers/decide.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import type { Options } from "../../support/dhcp.ts";
import {
  baseUrl,
  clientMac,
  eventNames,
  firmware,
  fullLink,
  message,
  onlyReply,
  ourAddress,
  policy,
  proxyLink,
  requestWith,
  selecting,
  sent,
} from "../../support/dhcp.ts";

const uuid = "33221100-5544-7766-8899-aabbccddeeff";
const nowMs = 1_800_000_000_000;

function knowing(
  ...nodes: readonly NodeEntry[]
): Knowledge & { leases: LeaseTable; offers: OfferTable } {
  return {
    plan: (client, node) => planBoot(client, node, policy, baseUrl),
    findNode: (machine) =>
      nodes.find((node) => node.mac === machine.mac || (node.uuid ?? "") === machine.uuid) ?? null,
    reservedFor: (address) => nodes.find((node) => node.address === address) ?? null,
    leases: new LeaseTable(),
    offerStyles: new OfferStyleTable(),
    offers: new OfferTable(),
    smee: null,
  };
}

function decided(options: Options, link: Link, role: Role, knowledge: Knowledge = knowing()) {
  return decide(requestWith(options), link, role, knowledge, nowMs);
}

describe("decide", () => {
  test("on a proxy's link gives no address, on a full server's link one", () => {
    const discover = message(firmware.uefi);
    expect(onlyReply(decided(discover, proxyLink, "server")).yiaddr).toBe("0.0.0.0");
    expect(onlyReply(decided(discover, fullLink, "server")).yiaddr).toMatch(/^192\.168\.77\.1/);
  });

  test("on the boot server's port answers requests and no discovers", () => {
    const answer = onlyReply(decided(message(firmware.uefi, 3), proxyLink, "boot-server"));
    expect(answer.file).toBe("ipxe.efi");
    expect(sent(decided(message(firmware.uefi), proxyLink, "boot-server"))).toEqual([]);
  });

  test("names a node's script in mode full; a proxy's own script chains to it", () => {
    const scriptUrl = "https://boot.example/x.ipxe";
    const knowledge = knowing({ ...emptyNode, mac: clientMac, scriptUrl });
    const asked = (link: Link) => decided(message(firmware.ipxe), link, "server", knowledge);
    expect(onlyReply(asked(fullLink)).file).toBe(scriptUrl);
    expect(onlyReply(asked(proxyLink)).file).toBe(`${baseUrl}/${clientMac}/boot.ipxe`);
  });

  test.each([
    ["in mode proxy", proxyLink, "server"],
    ["on port 4011", proxyLink, "boot-server"],
    ["in mode full", fullLink, "server"],
  ] as const)("a machine whose entry says dhcp: false is not answered %s", (_, link, role) => {
    const knowledge = knowing({ ...emptyNode, mac: clientMac, dhcp: false });
    for (const type of [1, 3]) {
      const effects = decided(message(firmware.uefi, type), link, role, knowledge);
      expect(effects.map(({ kind }) => kind)).not.toContain("send");
      expect(eventNames(effects).at(-1)).toBe("dhcp-refused");
      expect(JSON.stringify(effects)).toContain("its node entry says dhcp: false");
    }
  });

  test.each([
    ["proxy", proxyLink],
    ["full", fullLink],
  ] as const)("in mode %s an ordinary client shows that an operating system runs", (_, link) => {
    expect(eventNames(decided(message(firmware.operatingSystem), link, "server"))).toContain(
      "system-dhcp",
    );
    for (const options of [firmware.uefi, firmware.uefiHttp, firmware.ipxe]) {
      expect(eventNames(decided(message(options), link, "server"))).not.toContain("system-dhcp");
    }
  });

  test.each([
    ["offered", false],
    ["leased", true],
  ])("field fault 16: tells which card of a machine has its address, once %s", (_, leased) => {
    const reserved = "192.168.77.20";
    const knowledge = knowing({ ...emptyNode, uuid, address: reserved });
    const run = (options: Options, card: string, pools = fullLink.full.pools) => {
      const link = { ...fullLink, full: { ...fullLink.full, pools } };
      const request = requestWith(options, { chaddr: macToBytes(card) });
      const effects = decide(request, link, "server", knowledge, nowMs);
      for (const effect of effects) {
        if (effect.kind === "offer") knowledge.offers.put(effect.offer, nowMs);
        if (effect.kind === "record") knowledge.leases.put(effect.lease, nowMs);
      }
      return effects;
    };
    const [first, second] = ["52:54:00:00:00:01", "52:54:00:00:00:02"] as const;
    const discover = message(firmware.uefi);
    expect(eventNames(run(discover, first))).not.toContain("reservation-held");
    if (leased) run(selecting(firmware.uefi, ourAddress, reserved), first);
    const other = run(discover, second);
    const address = onlyReply(other).yiaddr;
    expect(address).not.toBe(reserved);
    const fields = { mac: second, interface: "eth1", reserved, holder: first };
    const event = { event: "reservation-held", ...fields };
    expect(other).toContainEqual({ kind: "event", event: { ...event, address } });
    // Without a pool there is nothing else for it.
    const alone = eventNames(run(discover, second, []));
    expect(alone).toEqual(expect.arrayContaining(["reservation-held", "dhcp-refused"]));
  });

  test.each(["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"])(
    "field fault 52: a hardware address that no network card has, %s, is not answered",
    (mac) => {
      for (const link of [proxyLink, fullLink]) {
        const request = requestWith(message(firmware.uefi), { chaddr: macToBytes(mac) });
        const effects = decide(request, link, "server", knowing(), nowMs);
        expect(effects.map(({ kind }) => kind)).toEqual(["ignore"]);
      }
    },
  );

  test("a machine is not the node whose address it had before, when it tells another UUID", () => {
    const address = "192.168.77.120";
    const knowledge = knowing();
    for (const effect of decided(
      selecting(firmware.uefi, ourAddress, address),
      fullLink,
      "server",
      knowledge,
    )) {
      if (effect.kind === "record") knowledge.leases.put(effect.lease, nowMs);
    }
    const entry = { ...emptyNode, name: "other", address, uuid: uuid.replace("3", "4") };
    const later = { ...knowing(entry), leases: knowledge.leases };
    const reply = onlyReply(decided(message(firmware.uefi), fullLink, "server", later));
    expect(reply.options.has(OptionCode.HOST_NAME)).toBe(false);
    expect(reply.yiaddr).not.toBe(address);
  });

  test("an operating system is the node by whose UUID its firmware was recognised", () => {
    const knowledge = knowing({ ...emptyNode, uuid, name: "by-uuid", address: "192.168.77.20" });
    const offer = decided(message(firmware.uefi), fullLink, "server", knowledge);
    expect(onlyReply(offer).yiaddr).toBe("192.168.77.20");
    const take = selecting(firmware.uefi, ourAddress, "192.168.77.20");
    for (const effect of decided(take, fullLink, "server", knowledge)) {
      if (effect.kind === "record") knowledge.leases.put(effect.lease, nowMs);
    }
    const system = decided(message(firmware.operatingSystem), fullLink, "server", knowledge);
    expect(onlyReply(system).yiaddr).toBe("192.168.77.20");
    expect(onlyReply(system).options.get(12)).toEqual(new TextEncoder().encode("by-uuid"));
    // Field fault 1: in every network that it asks from.
    const subnet = { network: "192.168.88.0", prefixLength: 24 };
    const elsewhere = { ...fullLink, interface: "eth2", address: "192.168.88.1", subnet };
    const there = decided(message(firmware.operatingSystem), elsewhere, "server", knowledge);
    expect(there.find(({ kind }) => kind === "ignore")).toMatchObject({
      reason: "no address of 192.168.88.0/24 is left to lease",
    });
    const inform = decided(message(firmware.operatingSystem, 8), elsewhere, "server", knowledge);
    expect(onlyReply(inform).options.get(12)).toEqual(new TextEncoder().encode("by-uuid"));
  });
});
