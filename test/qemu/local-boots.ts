import { describe, expect, it } from "vitest";
import { bootUntil, useSite } from "./boots.ts";
import { bootableDisk, diskMarker, diskTools } from "./disk.ts";
import { type Firmware, firmwareFacts, type Machine } from "./qemu-command.ts";
import type { Mode } from "./server.ts";
import { labTools, type Site, type SiteOptions } from "./site.ts";

export const localBootTools = [...labTools, ...diskTools];

/** EDK2 without an offer tries each of the card's boot entries for a minute before it comes to the disk; beside other programs that takes ten times as long. */
const limitSeconds = 1_300;

export interface LocalBootCase {
  readonly firmware: Firmware;
  readonly mode: Mode;
  /** Of all machines of the site. */
  readonly netboot: "once" | "deny";
  readonly localBoot?: string;
  readonly loaders?: SiteOptions["loaders"];
}

/** Machines with a disk: the first power-on of one that may boot once ends in the Micro-OS, every other one on the disk. */
export function describeLocalBoots(cases: readonly LocalBootCase[]): void {
  describe.each(cases)(
    "$firmware, mode $mode, netboot $netboot, $localBoot, with loaders $loaders",
    ({ firmware, mode, netboot, localBoot, loaders = "old" }) => {
      const site = useSite({
        mode,
        loaders,
        localBoot,
        nodes: [{ mac: "52:54:00:77:*", netboot }],
      });
      let machine: Machine | null = null;
      const powerOn = async (): Promise<number> => {
        machine ??= await withDisk(site(), firmware);
        const from = performance.now();
        await bootUntil(site(), machine, new RegExp(diskMarker), [], limitSeconds);
        const seconds = (performance.now() - from) / 1000;
        const { title } = firmwareFacts[firmware];
        process.stderr.write(
          `${title}, mode ${mode}, ${localBoot ?? "auto"}: power-on to the disk ${seconds.toFixed(1)} s\n`,
        );
        return seconds;
      };

      it.runIf(netboot === "once")("boots the Micro-OS first", async () => {
        machine ??= await withDisk(site(), firmware);
        await site().boot(machine);
        const used = await site().server.waitForEvent("once-used", machine.mac, 5_000);
        expect(used.fields).toMatchObject({ mac: machine.mac });
      });

      it("goes on to its disk", async () => {
        const former = site().server.events.length;
        expect(await powerOn()).toBeGreaterThan(0);
        const since = site().server.events.slice(former);
        expect(since.filter(({ event }) => event === "kernel")).toEqual([]);
      });
    },
  );
}

async function withDisk(site: Site, firmware: Firmware): Promise<Machine> {
  const machine = site.newMachine(firmware);
  return { ...machine, disk: await bootableDisk(firmware, site.folder) };
}
