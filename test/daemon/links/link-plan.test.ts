import { expect, test } from "vitest";
import { configuredLinks } from "../../../src/daemon/links/link-plan.ts";
import { parseConfig } from "../../../src/config/load.ts";

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
