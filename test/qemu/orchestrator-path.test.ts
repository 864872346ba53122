import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../support/tools.ts";
import { bootUntil, useSite } from "./boots.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, "sbsign", "openssl"] });

/*
 * The orchestrator's signed loader embeds a script and a CA and goes its own way from here. Debian has
 * no such build, so the boot is followed until the loader runs: signed, from the mirror, by TFTP and HTTP.
 */
describe.skipIf(skipped !== null)(
  `boot.path orchestrator${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    const site = useSite({ mode: "proxy", path: "orchestrator" });

    it.each([
      ["uefi", "tftp"],
      ["uefi-http", "http"],
    ] as const)("starts the orchestrator's loader on %s", async (firmware, protocol) => {
      const seen = site().server.events.length;
      await bootUntil(site(), firmware, /iPXE \d+\.\d+\.\d+/);
      const done = site()
        .server.events.slice(seen)
        .filter(({ event }) => event === "loader-done");
      expect(done.map(({ fields }) => fields)).toEqual([
        expect.objectContaining({ file: "signed_ipxe.efi", protocol }),
      ]);
    });
  },
);
