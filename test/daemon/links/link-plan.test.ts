import { expect, test } from "vitest";
import { configuredLinks, wantedLinks } from "../../../src/daemon/links/link-plan.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import type { NetworkInterface } from "../../../src/net/interfaces.ts";

test("exclusions are no part of the pools that a link hands out", () => {
  const text = `
interfaces:
  - name: eth1
    address: 192.168.77.1
    dhcp:
      mode: full
      pools: [192.168.77.100-192.168.77.109]
      exclude: [192.168.77.100, 192.168.77.104-192.168.77.105]
`;
  const [link] = configuredLinks(parseConfig(text, "test.yaml"), []);
  expect(link?.dhcp).toMatchObject({
    full: {
      pools: [
        { first: "192.168.77.101", last: "192.168.77.103" },
        { first: "192.168.77.106", last: "192.168.77.109" },
      ],
    },
  });
});

test("field fault 29: without interfaces the only card is waited for, not a container's bridge", () => {
  const facts = { index: 2, up: true, carrier: true, loopback: false, broadcast: true };
  const eth0: NetworkInterface = { name: "eth0", addresses: [], kind: "card", ...facts };
  const subnet = subnetOf("172.17.0.1", 16);
  const addresses = [{ address: "172.17.0.1", subnet }];
  const docker0: NetworkInterface = { name: "docker0", addresses, kind: "container", ...facts };
  const links = wantedLinks(parseConfig("{}", "test.yaml"), [docker0, eth0]);
  expect(links).toMatchObject([{ interface: "eth0", address: null, mode: "proxy" }]);
});
