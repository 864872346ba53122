import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { addressLines, startDnsmasq } from "./address-server.ts";
import { bootOne, bootUntil, poolAddress, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { wire, wireOf } from "./network.ts";
import type { Segment } from "./network.ts";
import { LabError } from "./process.ts";
import { addRoutedSubnet } from "./segments.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

/** Behind the relay. */
const far = wireOf("brfar", "192.168.78");
const relayAddress = "192.168.77.3";

describe.skipIf(skipped !== null)(`mode proxy${skipped === null ? "" : ` (${skipped})`}`, () => {
  describe("beside a site's server that hands out a boot file of its own", () => {
    const site = useSite({
      mode: "proxy",
      loaders: "modern",
      extend: async () => ({ siteLines: ["dhcp-boot=other.efi"] }),
    });

    it("boots a UEFI machine from ours", async () => {
      const boot = await bootOne(site(), "uefi");
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      expect(boot.stages).toEqual(stages);
    });

    it("had that boot file against it", async () => {
      const replies = await site().replies();
      const files = replies
        .filter(({ server }) => server === wire.siteAddress)
        .map(({ file }) => file);
      expect(files).toContain("other.efi");
    });
  });

  describe("beside a site's server that sends option 60 alone, which no proxy can win against", () => {
    const site = useSite({
      mode: "proxy",
      extend: async () => ({ siteLines: ["dhcp-option-force=60,PXEClient"] }),
    });

    it("names that server as soon as a UEFI machine takes its address", async () => {
      await bootUntil(site(), "uefi", /PXE-E16/);
      const named = await site().server.waitForEvent("unbeatable-server", null, 5_000);
      expect(named.fields).toMatchObject({
        level: "error",
        mac: "52:54:00:77:00:01",
        server: wire.siteAddress,
        reason: expect.stringContaining(`remove option 60`),
      });
    });

    it("says so once more when the boot stands still, with its cause and who has to act", async () => {
      const stalled = await site().server.waitForEvent("boot-stalled", null, 120_000);
      expect(stalled.fields).toMatchObject({
        level: "warn",
        mac: "52:54:00:77:00:01",
        stage: "offer",
        code: "unbeatable-server",
        cause: expect.stringContaining(wire.siteAddress),
        who: "network",
      });
    });
  });

  describe("through a relay in another subnet", () => {
    let subnet: Segment | null = null;
    const site = useSite({
      mode: "proxy",
      loaders: "modern",
      extend: async (network, folder) => {
        subnet = await addRoutedSubnet(network, wire, far, relayAddress);
        const relay = await startDnsmasq(
          "relay",
          folder,
          network.insideFar,
          [wire.siteAddress, wire.serverAddress].map(
            (server) => `dhcp-relay=${far.serverAddress},${server}`,
          ),
        );
        return { siteLines: addressLines(far, far.serverAddress), stop: relay.stop };
      },
    });

    it("boots a UEFI machine", async () => {
      if (subnet === null) throw new LabError("there is no subnet behind a relay");
      const boot = await bootOne(site(), "uefi", { network: subnet, link: far });
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      expect(boot.stages).toEqual(stages);
      expect(boot.address).toMatch(poolAddress(far));
    });

    it("answers to the relay, from our own address", async () => {
      const replies = await site().replies();
      const ours = replies.filter(({ server }) => server === wire.serverAddress);
      expect(ours).not.toHaveLength(0);
      for (const reply of ours) {
        expect(reply).toMatchObject({
          fromAddress: wire.serverAddress,
          toAddress: far.serverAddress,
          giaddr: far.serverAddress,
          yiaddr: "0.0.0.0",
        });
      }
    });
  });
});
