import { describe } from "vitest";
import { reasonToSkip } from "../support/tools.ts";
import { describeLocalBoots, localBootTools } from "./local-boots.ts";

/* Further ones are in `firmware/`, for `npm run test:firmware`. */

const skipped = reasonToSkip({ root: true, tools: localBootTools });

describe.skipIf(skipped !== null)(
  `a machine with a disk${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeLocalBoots([
      { firmware: "bios", mode: "proxy", netboot: "once" },
      { firmware: "uefi", mode: "full", netboot: "once", loaders: "modern" },
    ]);
  },
);
