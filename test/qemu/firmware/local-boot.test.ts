import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { describeLocalBoots, type LocalBootCase, localBootTools } from "../local-boots.ts";

const skipped = reasonToSkip({ root: true, tools: localBootTools });

const ways = ["silent", "exit", "sanboot", "not-found"] as const;

describe.skipIf(skipped !== null)(
  `a machine with a disk${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeLocalBoots([
      { firmware: "bios", mode: "full", netboot: "once" },
      { firmware: "uefi", mode: "proxy", netboot: "once" },
      { firmware: "uefi", mode: "full", netboot: "once", loaders: "modern" },
      { firmware: "bios", mode: "proxy", netboot: "deny" },
      { firmware: "uefi", mode: "proxy", netboot: "deny" },
      { firmware: "bios", mode: "full", netboot: "deny" },
      { firmware: "uefi", mode: "full", netboot: "deny" },
      ...(["bios", "uefi-ipxe-rom"] as const).flatMap((firmware) =>
        ways.map((localBoot): LocalBootCase => ({
          firmware,
          mode: "full",
          netboot: "deny",
          localBoot,
        })),
      ),
      // Loaded as a file, iPXE of 2019 restarts the machine once in `exit` and `sanboot`.
      ...ways.map((localBoot): LocalBootCase => ({
        firmware: "uefi",
        mode: "full",
        netboot: "deny",
        localBoot,
      })),
      ...ways.map((localBoot): LocalBootCase => ({
        firmware: "uefi",
        mode: "full",
        netboot: "deny",
        localBoot,
        loaders: "modern",
      })),
    ]);
  },
);
