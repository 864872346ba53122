import { describe } from "vitest";
import { reasonToSkip } from "../support/tools.ts";
import { describeFailures } from "./failing.ts";
import { labTools } from "./site.ts";

/* Further boots that fail are in `firmware/`, for `npm run test:firmware`. */

const skipped = reasonToSkip({ root: true, tools: labTools });

describe.skipIf(skipped !== null)(
  `a boot that fails${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeFailures([
      {
        what: "the site's server gives no machine an address",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async () => ({ siteLines: ["dhcp-ignore=tag:!known"] }),
        },
        screen: /PXE-E16/,
        stage: "offer",
        code: "no-address",
        cause: "no server offers an address",
        who: "site",
      },
    ]);
  },
);
