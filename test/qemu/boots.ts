import { afterAll, afterEach, beforeAll } from "vitest";
import { z } from "zod";
import { expectedArguments } from "./boot-script.ts";
import { wire } from "./network.ts";
import type { Segment, Wire } from "./network.ts";
import { LabError } from "./process.ts";
import { firmwareFacts } from "./qemu-command.ts";
import type { Firmware, Machine } from "./qemu-command.ts";
import { openSite } from "./site.ts";
import type { Site, SiteOptions } from "./site.ts";

const bootsPage = z.object({
  boots: z.array(
    z.object({
      mac: z.string().nullable(),
      steps: z.array(z.object({ stage: z.string() })),
    }),
  ),
});

/** A site for all tests of a block; its logs stay when one of them fails. */
export function useSite(options: SiteOptions): () => Site {
  let opened: Site | null = null;
  const site = () => {
    if (opened === null) throw new LabError("the site could not be opened");
    return opened;
  };
  beforeAll(async () => {
    opened = await openSite(options);
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
export async function bootOne(
  site: Site,
  firmware: Firmware,
  where: {
    readonly network?: Segment;
    readonly link?: Wire;
    /** Further arguments for QEMU. */
    readonly flags?: readonly string[];
  } = {},
) {
  const machine = site.newMachine(firmware);
  const { network = site.network, link = wire, flags } = where;
  const { commandLine, address, seconds } = await site.boot(machine, { network, flags });
  const { title, arch } = firmwareFacts[firmware];
  process.stderr.write(`${title}: power-on to Micro-OS ${seconds.toFixed(1)} s\n`);

  await site.server.waitForEvent("micro-os", machine.mac, 5_000);
  const page = bootsPage.parse(await site.adminPage(`/api/v1/boots?mac=${machine.mac}`));
  const [boot, ...others] = page.boots;
  if (boot === undefined || others.length > 0) {
    throw new LabError(`/api/v1/boots has ${page.boots.length} boots of ${machine.mac}, not one`);
  }
  return {
    machine,
    commandLine,
    expectedArguments: expectedArguments(machine, { link, arch }),
    address,
    stages: boot.steps.map(({ stage }) => stage),
  };
}

/** Powers a machine (by its firmware: a new one) on, until its console shows a line that matches; for those that go no further. */
export async function bootUntil(
  site: Site,
  machine: Firmware | Machine,
  wanted: RegExp,
  flags: readonly string[] = [],
  limitSeconds?: number,
): Promise<void> {
  const off = new AbortController();
  let seen = false;
  const onConsoleLine = (line: string) => {
    if (!wanted.test(line)) return;
    seen = true;
    off.abort();
  };
  await site
    .boot(typeof machine === "string" ? site.newMachine(machine) : machine, {
      onConsoleLine,
      signal: off.signal,
      flags,
      limitSeconds,
    })
    .catch((cause: unknown) => {
      if (!seen) throw cause;
    });
}

/** Between the link's `firstAddress` and `lastAddress`. */
export function poolAddress(link: Wire): RegExp {
  const network = link.firstAddress.replace(/\d+$/, "").replaceAll(".", String.raw`\.`);
  return new RegExp(`^${network}1\\d\\d$`);
}
