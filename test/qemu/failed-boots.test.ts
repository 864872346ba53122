import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../support/tools.ts";
import { bootUntil, useSite } from "./boots.ts";
import { wire } from "./network.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: labTools });

/** How the site's own server fails, with what a machine of this firmware shows, and the cause that is named. */
const failures = [
  {
    what: "gives no machine an address",
    siteLines: ["dhcp-ignore=tag:!known"],
    screen: /PXE-E16/,
    code: "no-address",
    cause: "no server offers an address",
  },
  {
    what: "sends a boot menu without its list of servers",
    siteLines: ["dhcp-option-force=60,PXEClient", "dhcp-option-force=vendor:PXEClient,6,7"],
    screen: /PXE-E/,
    code: "broken-boot-menu",
    cause: `${wire.siteAddress} offers this machine a boot menu`,
  },
] as const;

describe.skipIf(skipped !== null)(
  `a boot that fails${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describe.each(failures)(
      "because the site's server $what",
      ({ siteLines, screen, code, cause }) => {
        const site = useSite({ mode: "proxy", extend: async () => ({ siteLines }) });

        it("is reported within a minute of its last sign, with its cause", async () => {
          await bootUntil(site(), "uefi", screen);
          const stalled = await site().server.waitForEvent("boot-stalled", null, 120_000);
          expect(stalled.fields).toMatchObject({
            mac: "52:54:00:77:00:01",
            stage: "offer",
            code,
            cause: expect.stringContaining(cause),
            who: "site",
          });
        });
      },
    );
  },
);
