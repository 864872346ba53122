import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { OfferStyle } from "../../src/boot/offer-style.ts";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { addressLines } from "./address-server.ts";
import { bootOne, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { wire, wireOf } from "./network.ts";
import type { Segment } from "./network.ts";
import { LabError, startService } from "./process.ts";
import { addRoutedSubnet } from "./segments.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });
const note = skipped === null ? "" : ` (${skipped})`;

const far = wireOf("brfar", "192.168.78");
const relayAddress = "192.168.77.3";
const relayScript = fileURLToPath(new URL("guests/picky-relay.ts", import.meta.url));

/** What an earlier run of the server learnt of the lab's machines, by their number. */
async function learntBefore(
  folder: string,
  learnt: Readonly<Record<number, OfferStyle>>,
): Promise<void> {
  const since = new Date(0).toISOString();
  const machines = Object.entries(learnt).map(([number, way]) => ({
    mac: `52:54:00:77:00:0${number}`,
    way,
    since,
  }));
  await mkdir(join(folder, "data"), { recursive: true });
  await writeFile(join(folder, "data", "ways.json"), JSON.stringify({ machines }));
}

describe.skipIf(skipped !== null)(`EDK2 in mode proxy${note}`, () => {
  let subnet: Segment | null = null;
  const site = useSite({
    mode: "proxy",
    loaders: "modern",
    extend: async (network, folder) => {
      await learntBefore(folder, { 2: "menu" });
      subnet = await addRoutedSubnet(network, wire, far, relayAddress);
      const relay = startService({
        name: "relay",
        command: network.insideFar(
          process.execPath,
          "--import",
          "tsx",
          relayScript,
          far.bridge,
          far.serverAddress,
          "uplink",
          relayAddress,
          wire.siteAddress,
          wire.serverAddress,
        ),
        logFile: join(folder, "relay.log"),
      });
      const started = (line: string) => (line === "relay started" ? true : null);
      await relay.waitForLine("start", started, 30_000);
      return { siteLines: addressLines(far, far.serverAddress), stop: relay.stop };
    },
  });

  it("whose first answer leads nowhere boots when it is answered in another way", async () => {
    if (subnet === null) throw new LabError("there is no subnet behind a relay");
    const { server } = site();
    const boot = await bootOne(site(), "uefi", { network: subnet, link: far });
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    const named = (name: string) =>
      server.events
        .filter(({ event, fields }) => event === name && fields["mac"] === boot.machine.mac)
        .map(({ fields }) => fields["way"]);
    expect(named("offer").slice(0, 2)).toEqual(["direct", "boot-server"]);
    expect(named("adapted")).toContain("boot-server");
    expect(named("way-learnt")).toEqual(["boot-server"]);
  });

  it("that is known to want a menu boots from one", async () => {
    const boot = await bootOne(site(), "uefi");
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    const ways = site().server.events.filter(
      ({ event, fields }) => event === "offer" && fields["mac"] === boot.machine.mac,
    );
    // One on port 67, and one from the boot server that the menu names.
    expect(ways.map(({ fields }) => fields["way"])).toEqual(["menu", "menu"]);
  });
});

describe.skipIf(skipped !== null)(`EDK2 in mode full${note}`, () => {
  const site = useSite({
    mode: "full",
    loaders: "modern",
    extend: async (_, folder) => {
      await learntBefore(folder, { 1: "boot-server", 2: "menu" });
      return {};
    },
  });

  it.each(["boot-server", "menu"])("that is known to want %s boots so", async (way) => {
    const boot = await bootOne(site(), "uefi");
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    const offers = site().server.events.filter(
      ({ event, fields }) => event === "offer" && fields["mac"] === boot.machine.mac,
    );
    expect(offers.map(({ fields }) => fields["way"])).toEqual([way, way]);
  });
});
