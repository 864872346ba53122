import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { describeFailures } from "../failing.ts";
import { wire } from "../network.ts";
import { run } from "../process.ts";
import { labTools } from "../site.ts";

const addAddress = ["addr", "add", "10.9.9.2/24", "brd", "+", "dev", "eth0"];

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
        who: "network",
      },
      {
        what: "the site's server gives addresses of another network, and no router",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async (network) => {
            await run(["ip", "-n", network.siteNamespace, ...addAddress]);
            return { addresses: ["dhcp-range=10.9.9.100,10.9.9.199,255.255.255.0,2m"] };
          },
        },
        screen: /PXE-E53|PXE-E18|PXE-E16/,
        stage: "offer",
        code: "server-out-of-reach",
        cause: "gives this machine an address of 10.9.9.0/24 and no router",
        who: "site",
      },
    ]);
  },
);
