import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { stages } from "../../src/boot/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { expectedArguments } from "./boot-script.ts";
import { wire } from "./network.ts";
import { LabError } from "./process.ts";
import { firmwareFacts } from "./qemu-command.ts";
import type { Firmware } from "./qemu-command.ts";
import type { Mode } from "./server.ts";
import { labTools, openSite } from "./site.ts";
import type { Site } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: labTools });

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

/** Between `wire.firstAddress` and `wire.lastAddress`. */
const poolAddress = /^192\.168\.77\.1\d\d$/;

const bootsPage = z.object({
  boots: z.array(
    z.object({
      mac: z.string().nullable(),
      steps: z.array(z.object({ stage: z.string() })),
    }),
  ),
});

describe.skipIf(skipped !== null)(`real firmware${skipped === null ? "" : ` (${skipped})`}`, () => {
  describe("in mode full", () => {
    const site = useSite("full");

    it.each(booted.full)(
      "boots %s into the Micro-OS, kernel arguments intact",
      async (firmware) => {
        const boot = await bootOne(site(), firmware);
        expect(boot.commandLine).toMatch(boot.expectedArguments);
        expect(boot.stages).toEqual(expectedStages[firmware]);
        expect(boot.address).toMatch(poolAddress);
      },
    );

    it("gives each machine an address of the pool, by itself", async () => {
      const replies = await site().replies();
      const given = replies.filter(({ yiaddr }) => yiaddr !== "0.0.0.0");
      expect(given).not.toHaveLength(0);
      for (const reply of given) expect(reply.server).toBe(wire.serverAddress);
    });
  });

  describe("in mode proxy, beside the site's own address server", () => {
    const site = useSite("proxy");

    it.each(booted.proxy)(
      "boots %s into the Micro-OS, kernel arguments intact",
      async (firmware) => {
        const boot = await bootOne(site(), firmware);
        expect(boot.commandLine).toMatch(boot.expectedArguments);
        expect(boot.stages).toEqual(expectedStages[firmware]);
        expect(boot.address).toMatch(poolAddress);
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

/** A site for all tests of a block; its logs stay when one of them fails. */
function useSite(mode: Mode): () => Site {
  let opened: Site | null = null;
  const site = () => {
    if (opened === null) throw new LabError("the site could not be opened");
    return opened;
  };
  beforeAll(async () => {
    opened = await openSite({ mode });
  });
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    site().keep();
    process.stderr.write(`logs, serial consoles and capture: ${site().folder}\n`);
  });
  afterAll(() => opened?.close());
  return site;
}

/** Boots a new machine, and gives what its Micro-OS said and what the server's timeline says of it. */
async function bootOne(site: Site, firmware: Firmware) {
  const machine = site.newMachine(firmware);
  const { commandLine, address, seconds } = await site.boot(machine);
  const { title } = firmwareFacts[firmware];
  process.stderr.write(`${title}: power-on to Micro-OS ${seconds.toFixed(1)} s\n`);

  await site.server.waitForEvent("micro-os", machine.mac, 5_000);
  const page = bootsPage.parse(await site.adminPage(`/api/v1/boots?mac=${machine.mac}`));
  const [boot, ...others] = page.boots;
  if (boot === undefined || others.length > 0) {
    throw new LabError(`/api/v1/boots has ${page.boots.length} boots of ${machine.mac}, not one`);
  }
  return {
    commandLine,
    expectedArguments: expectedArguments(machine),
    address,
    stages: boot.steps.map(({ stage }) => stage),
  };
}
