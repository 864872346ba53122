import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { describeFailures } from "../failing.ts";
import { wire } from "../network.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: labTools });

describe.skipIf(skipped !== null)(
  `a boot that fails by another server${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeFailures([
      {
        what: "the site's server sends a boot menu without its list of servers",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async () => ({
            siteLines: ["dhcp-option-force=60,PXEClient", "dhcp-option-force=vendor:PXEClient,6,7"],
          }),
        },
        screen: /PXE-E/,
        stage: "offer",
        code: "broken-boot-menu",
        cause: `${wire.siteAddress} offers this machine a boot menu`,
        who: "site",
      },
    ]);
  },
);
