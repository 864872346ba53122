import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { addressLines, startDnsmasq } from "./address-server.ts";
import { bootOne, poolAddress, useSite } from "./boots.ts";
import { wire, wireOf } from "./network.ts";
import type { LabNetwork, Segment } from "./network.ts";
import { LabError, startService } from "./process.ts";
import type { Service } from "./process.ts";
import { addRoutedSubnet } from "./segments.ts";
import { labTools } from "./site.ts";

/*
 * Field fault 3. iPXE's ROM does not set the broadcast flag, and a proxy's offer has no address that a relay
 * agent could send it to: it is delivered only where the server sets the flag.
 */

/** Behind the relay agent. */
const far = wireOf("brfar", "192.168.78");
const uplinkAddress = "192.168.77.3";
const servers = [wire.siteAddress, wire.serverAddress];

interface Relay {
  readonly name: string;
  readonly tools: readonly string[];
  readonly start: (network: LabNetwork, folder: string) => Promise<Service>;
}

const relays: readonly Relay[] = [
  {
    name: "dnsmasq",
    tools: [],
    start: ({ insideFar }, folder) =>
      startDnsmasq(
        "relay",
        folder,
        insideFar,
        servers.map((server) => `dhcp-relay=${far.serverAddress},${server}`),
      ),
  },
  {
    name: "ISC dhcrelay",
    tools: ["dhcrelay"],
    start: async ({ insideFar }, folder) => {
      const service = startService({
        name: "relay",
        command: insideFar(
          "dhcrelay",
          "-4",
          "-d",
          "--no-pid",
          "-i",
          far.bridge,
          "-i",
          "uplink",
          ...servers,
        ),
        logFile: join(folder, "relay.log"),
      });
      const started = (line: string) => (/Sending on +Socket\/fallback/.test(line) ? true : null);
      await service.waitForLine("start", started, 10_000);
      return service;
    },
  },
];

describe.each(relays)("mode proxy behind a relay agent of $name", ({ tools, start }) => {
  const skipped = reasonToSkip({ root: true, tools: [...labTools, ...tools] });

  describe.skipIf(skipped !== null)(`(${skipped ?? "tools are there"})`, () => {
    let subnet: Segment | null = null;
    const site = useSite({
      mode: "proxy",
      extend: async (network, folder) => {
        subnet = await addRoutedSubnet(network, wire, far, uplinkAddress);
        const relay = await start(network, folder);
        return { siteLines: addressLines(far, far.serverAddress), stop: relay.stop };
      },
    });

    it("field fault 3: boots a BIOS machine with iPXE in its card's ROM", async () => {
      if (subnet === null) throw new LabError("there is no subnet behind a relay agent");
      const boot = await bootOne(site(), "bios", { network: subnet, link: far });
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      // The card's ROM is iPXE: no loader is needed.
      expect(boot.stages).toEqual(stages.slice(stages.indexOf("ipxe-discover")));
      expect(boot.address).toMatch(poolAddress(far));
    });

    it("field fault 3: asks the relay agent to broadcast what has no address", async () => {
      const replies = await site().replies();
      const ours = replies.filter(({ server }) => server === wire.serverAddress);
      expect(ours).not.toHaveLength(0);
      for (const reply of ours) {
        expect(reply).toMatchObject({ toAddress: far.serverAddress, yiaddr: "0.0.0.0" });
      }
    });
  });
});
