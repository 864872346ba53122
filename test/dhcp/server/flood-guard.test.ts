import type { Link } from "../../../src/dhcp/link.ts";
import type { Emit, PxeEvent } from "../../../src/events/types.ts";
import { describe, expect, test } from "vitest";
import type { FindNode } from "../../../src/boot/node.ts";
import { planBoot } from "../../../src/boot/policy.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import type { Knowledge } from "../../../src/dhcp/handlers/decide.ts";
import { FloodGuard } from "../../../src/dhcp/server/flood-guard.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { type DhcpPacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import {
  baseUrl,
  firmware,
  fromNowhere,
  fullLink,
  message,
  packetWith,
  proxyLink,
  policy,
  requestWith,
} from "../../support/dhcp.ts";
import { nodeEntry } from "../../support/node-entry.ts";

const uuid = "33221100-5544-7766-8899-aabbccddeeff";
const giaddr = "10.1.0.254";
const full = {
  kind: "event",
  event: {
    event: "pool-full",
    mac: null,
    address: null,
    interface: "eth1",
    network: "192.168.77.0/24",
    addresses: 100,
    leased: 100,
    quarantined: 0,
    kept: 0,
  },
} as const;

const entry = nodeEntry({ uuid, address: "192.168.77.9" });
const byUuid: FindNode = (machine) => (machine.uuid === uuid ? entry : null);

function guard(link: Link = fullLink, emit: Emit = () => {}, findNode = byUuid): FloodGuard {
  const knowledge: Knowledge = {
    plan: (client, node) => planBoot(client, node, policy, baseUrl),
    findNode,
    reservedFor: () => null,
    leases: new LeaseTable(),
    offers: new OfferTable(),
    offerStyles: new OfferStyleTable(),
    smee: null,
  };
  return new FloodGuard(link, knowledge, emit, { now: () => 5000, wall: () => 5000 });
}

function refuses(at: FloodGuard, packet: DhcpPacket): boolean {
  const mac = [...packet.chaddr].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  return at.refuses({ mac, giaddr: packet.giaddr }, encodePacket(packet));
}

test("field fault 52: in mode proxy a flood of unknown clients is dropped, and a machine with an entry is heard", () => {
  const events: PxeEvent[] = [];
  const one = guard(proxyLink, (event) => events.push(event));
  let heard = 0;
  for (let n = 0; n < 20_000; n++) {
    const chaddr = Uint8Array.of(2, 0, 0, n >> 16, (n >> 8) & 255, n & 255);
    if (!refuses(one, packetWith(message(firmware.operatingSystem), { chaddr }))) heard += 1;
  }
  expect(heard).toBe(8192);
  expect(events).toHaveLength(20_000 - 8192);
  expect(refuses(one, packetWith(message(firmware.uefi)))).toBe(false);
});

describe("ever new hardware addresses", () => {
  const made = (n: number) => ({
    chaddr: Uint8Array.of(2, 0, 0, n >> 16, (n >> 8) & 255, n & 255),
  });

  test.each([
    ["full", fullLink, 4096],
    ["proxy", proxyLink, 8192],
  ] as const)(
    "that a wildcard of an entry fits are no more than unknown ones in mode %s",
    (_, link, most) => {
      const wide = nodeEntry({ wildcards: { mac: "02:*" } });
      const one = guard(
        link,
        () => {},
        (machine) => (machine.mac.startsWith("02:") ? wide : null),
      );
      const asked = Array.from({ length: most + 10 }, (_item, n) =>
        refuses(one, packetWith(message(firmware.operatingSystem), made(n))),
      );
      expect(asked.filter((isRefused) => !isRefused)).toHaveLength(most);
    },
  );

  test.each([
    ["full", fullLink, 100],
    ["proxy", proxyLink, 1000],
  ] as const)(
    "with the UUID of an entry are few in mode %s, and take nothing of what is for others",
    (_, link, most) => {
      const events: PxeEvent[] = [];
      const one = guard(link, (event) => events.push(event));
      const asked = Array.from({ length: most + 10 }, (_item, n) =>
        refuses(one, packetWith(message(firmware.uefi), made(n))),
      );
      expect(asked.filter((isRefused) => !isRefused)).toHaveLength(most);
      expect(events.at(-1)).toMatchObject({
        reason: "too many hardware addresses ask with the UUID of one machine",
      });
      expect(refuses(one, packetWith(message(firmware.operatingSystem)))).toBe(false);
    },
  );
});

describe("when the pool is full", () => {
  const asks = message(firmware.operatingSystem);

  test("unknown clients wait, and a machine whose entry is by UUID does not", () => {
    const one = guard();
    one.note(requestWith(asks), [full]);
    expect(refuses(one, packetWith(asks))).toBe(true);
    expect(refuses(one, packetWith(message(firmware.uefi)))).toBe(false);
  });

  const networks = ["10.1.0.0", "10.2.0.0"].map((network) => ({
    subnet: { network, prefixLength: 16 },
    full: { ...fullLink.full, pools: [] },
  }));
  const relayed = { ...fullLink, relayed: networks };
  const fullBehind = { ...full, event: { ...full.event, network: "10.1.0.0/16" } };
  const behind = (relay: string, linkSelection: string | null = null) =>
    requestWith(
      linkSelection === null ? asks : { ...asks, 82: relayInformation({ linkSelection }) },
      { giaddr: relay },
      fromNowhere,
    );

  test.each([
    ["by the relay agent that asked before", behind(giaddr)],
    ["by another relay agent", behind("10.1.77.1")],
    ["by a selection of it", behind("10.2.0.254", "10.1.0.0")],
    ["by a selection of an address in it", behind("192.168.77.9", "10.1.88.1")],
  ])("unknown clients of a network behind relay agents wait, named %s", (_, request) => {
    const one = guard(relayed);
    expect(one.refusesRead(request)).toBe(false);
    one.note(behind(giaddr), [fullBehind]);
    expect(one.refusesRead(request)).toBe(true);
  });

  test("unknown clients of another network behind the same relay agent do not wait for it", () => {
    const one = guard(relayed);
    one.note(behind(giaddr), [fullBehind]);
    expect(one.refusesRead(behind(giaddr, "10.2.0.0"))).toBe(false);
    expect(one.refusesRead(behind("10.2.0.254"))).toBe(false);
    expect(one.refusesRead(requestWith(asks))).toBe(false);
    expect(refuses(one, packetWith(asks))).toBe(false);
  });

  test("a machine whose entry is by UUID does not wait behind a relay agent either", () => {
    const one = guard(relayed);
    one.note(behind(giaddr), [fullBehind]);
    const request = requestWith(message(firmware.uefi), { giaddr }, fromNowhere);
    expect(one.refusesRead(request)).toBe(false);
  });
});
