import { expect, it } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { configurationText } from "../../src/setup/configuration-text.ts";

it.each(["eth1", "br-lan", "eth0.10", "123", "0x1", "wlan@if2", "a:b", "null"])(
  "a configuration that is proposed for the interface %s is read back as it",
  (name) => {
    const subnet = { network: "192.168.77.0", prefixLength: 24 };
    const link = { interface: name, address: "192.168.77.1", subnet, mode: "full" } as const;
    expect(parseConfig(configurationText(link), null, {}).interfaces[0]?.name).toBe(name);
  },
);
