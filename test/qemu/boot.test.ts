import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { buildDashboard, chromiumPath } from "../support/browser.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootOne, poolAddress, useSite } from "./boots.ts";
import { type LiveDashboard, openDashboard } from "./dashboard.ts";
import { wire } from "./network.ts";
import type { Mode } from "./server.ts";
import type { Machine } from "./qemu-command.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: labTools });
const noBrowser = reasonToSkip({ tools: [chromiumPath] });

const booted = {
  full: ["bios", "uefi", "uefi-http"],
  proxy: ["bios", "uefi", "uefi-http", "uefi-ipxe-rom"],
} as const;

/** iPXE in the card's ROM needs no loader: it asks for its script from the start. */
const withoutLoader = stages.slice(stages.indexOf("ipxe-discover"));
const expectedStages: { readonly [F in (typeof booted)[Mode][number]]: readonly string[] } = {
  bios: withoutLoader,
  uefi: stages,
  "uefi-http": stages,
  "uefi-ipxe-rom": withoutLoader,
};

const everyWord = ["asked", "loader", "script", "Micro-OS", "up"];

describe.skipIf(skipped !== null)(`real firmware${skipped === null ? "" : ` (${skipped})`}`, () => {
  describe("in mode full", () => {
    beforeAll(() => {
      if (noBrowser === null) buildDashboard();
    });
    const site = useSite({ mode: "full" });
    let dashboard: LiveDashboard | null = null;
    beforeAll(async () => {
      if (noBrowser === null) dashboard = await openDashboard(site());
    });
    afterAll(() => dashboard?.close());
    const machines: Machine[] = [];

    it.each(booted.full)(
      "boots %s into the Micro-OS, kernel arguments intact",
      async (firmware) => {
        const boot = await bootOne(site(), firmware);
        expect(boot.commandLine).toMatch(boot.expectedArguments);
        expect(boot.stages).toEqual(expectedStages[firmware]);
        expect(boot.address).toMatch(poolAddress(wire));
        machines.push(boot.machine);
      },
    );

    it.skipIf(noBrowser !== null)(
      "shows each of them on the dashboard as it goes on, in Chromium, without a reload",
      async () => {
        expect(machines).not.toHaveLength(0);
        for (const { firmware, mac } of machines) {
          const words = (await dashboard?.wordsUntilUp(mac)) ?? [];
          process.stderr.write(`the dashboard showed ${firmware}: ${words.join(", ")}\n`);
          expect(words).toEqual(everyWord.filter((word) => words.includes(word)));
          // It was there while it booted, and not only when it was up.
          expect(words[0]).toMatch(firmware === "bios" ? /^script$/ : /^(asked|loader)$/);
          expect(words.at(-1)).toBe("up");
        }
        expect(dashboard?.complaints()).toEqual([]);
      },
    );

    it("tells iPXE not to wait for a proxy: it takes its address long before the 3 s are over", () => {
      const { events } = site().server;
      const waitsMs = events.flatMap(({ event, at, fields }, index) => {
        if (event !== "ipxe-offer") return [];
        const taken = events
          .slice(index)
          .find((one) => one.event === "lease-granted" && one.fields["mac"] === fields["mac"]);
        return taken === undefined ? [] : [taken.at - at];
      });
      process.stderr.write(
        `iPXE, from offer to request: ${waitsMs.map(Math.round).join(", ")} ms\n`,
      );
      expect(waitsMs.length).toBeGreaterThanOrEqual(booted.full.length);
      // On a machine that is busy the emulated one takes its time too, but not each time.
      expect(Math.min(...waitsMs)).toBeLessThan(2000);
    });

    it("gives each machine an address of the pool, by itself", async () => {
      const replies = await site().replies();
      const given = replies.filter(({ yiaddr }) => yiaddr !== "0.0.0.0");
      expect(given).not.toHaveLength(0);
      for (const reply of given) expect(reply.server).toBe(wire.serverAddress);
    });
  });

  describe("in mode proxy, beside the site's own address server", () => {
    const site = useSite({ mode: "proxy" });

    it.each(booted.proxy)(
      "boots %s into the Micro-OS, kernel arguments intact",
      async (firmware) => {
        const boot = await bootOne(site(), firmware);
        expect(boot.commandLine).toMatch(boot.expectedArguments);
        expect(boot.stages).toEqual(expectedStages[firmware]);
        expect(boot.address).toMatch(poolAddress(wire));
      },
    );

    it("boots a UEFI machine from the mirror when the orchestrator is gone", async () => {
      const seen = site().server.events.length;
      await site().stopOrchestrator();
      const failure = await site().server.waitForEvent("sync-failed", null, 30_000, seen);
      expect(failure.fields["serving"]).toBeTypeOf("string");

      const boot = await bootOne(site(), "uefi");
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      expect(boot.stages).toEqual(expectedStages.uefi);
    });

    it("answers without giving out any address", async () => {
      const replies = await site().replies();
      const ours = replies.filter(
        ({ fromMac, fromAddress, server }) =>
          fromMac === site().network.serverMac ||
          fromAddress === wire.serverAddress ||
          server === wire.serverAddress,
      );
      expect(ours).not.toHaveLength(0);
      for (const reply of ours) expect(reply).toMatchObject({ yiaddr: "0.0.0.0" });
      // The same recording does show the addresses that the site's server gave.
      const given = replies.filter(({ yiaddr }) => yiaddr !== "0.0.0.0");
      expect(given).not.toHaveLength(0);
      for (const reply of given) expect(reply.server).toBe(wire.siteAddress);
    });
  });
});
