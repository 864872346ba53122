import { describe, expect, test } from "vitest";
import {
  magicPacket,
  type WakeLink,
  type WakePlace,
  wakeTargets,
} from "../../../src/daemon/links/wake-targets.ts";
import { parseSubnet } from "../../../src/lib/ip4.ts";

function link(name: string, address: string, subnet: string, relayed: string[] = []): WakeLink {
  return {
    interface: name,
    address,
    subnet: parseSubnet(subnet),
    relayed: relayed.flatMap((one) => parseSubnet(one) ?? []),
  };
}

const links = [
  link("eth1", "10.1.0.1", "10.1.0.0/24"),
  link("eth2", "10.2.0.1", "10.2.0.0/24", ["10.3.0.0/24"]),
];

function sentTo(place: Partial<WakePlace>, served = links) {
  const { isKnown, targets } = wakeTargets({ interface: null, addresses: [], ...place }, served);
  return [isKnown, ...targets.map(({ interface: name, to }) => `${name} ${to}`)];
}

describe("a machine that is to wake", () => {
  test("is on the link on which its last boot was heard", () => {
    expect(sentTo({ interface: "eth2", addresses: ["10.1.0.50"] })).toEqual([
      true,
      "eth2 255.255.255.255",
    ]);
  });

  test("is else on the link in whose network its address is", () => {
    expect(sentTo({ addresses: ["192.0.2.1", "10.2.0.50"] })).toEqual([
      true,
      "eth2 255.255.255.255",
    ]);
    expect(sentTo({ interface: "eth9", addresses: ["10.1.0.50"] })).toEqual([
      true,
      "eth1 255.255.255.255",
    ]);
  });

  test("behind a relay agent is reached by its network's broadcast address", () => {
    const expected = [true, "eth2 10.3.0.255"];
    expect(sentTo({ addresses: ["10.3.0.7"] })).toEqual(expected);
    expect(sentTo({ interface: "eth2", addresses: ["10.3.0.7"] })).toEqual(expected);
  });

  test("of which nothing is known is tried on every link, and where none is served on none", () => {
    const all = [false, "eth1 255.255.255.255", "eth2 255.255.255.255"];
    expect(sentTo({})).toEqual(all);
    expect(sentTo({ interface: "eth9", addresses: ["192.0.2.1"] })).toEqual(all);
    expect(sentTo({ interface: "eth1" }, [])).toEqual([false]);
  });

  test("gets six bytes of ones and its address sixteen times", () => {
    const packet = Buffer.from(magicPacket("52:54:00:12:34:ff"));
    expect(packet.toString("hex")).toBe("f".repeat(12) + "5254001234ff".repeat(16));
  });
});
