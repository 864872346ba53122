import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { bootUntil, useSite } from "../boots.ts";
import { debianTools } from "../debian.ts";
import { microsoftKeys } from "../qemu-command.ts";
import { signedLoader, signedSite, signingTools } from "../signed-site.ts";
import { labTools, type SiteOptions } from "../site.ts";

/* What firmware with Secure Boot refuses, and what is said of it. */

const skipped = reasonToSkip({
  root: true,
  tools: [...labTools, ...debianTools, ...signingTools, microsoftKeys],
});
const refused = /Access Denied|Security Violation|No bootable option/;
/** A busy machine may need ten times what a quiet one does. */
const SAID_WITHIN_MS = 600_000;

function siteWith(changed: "loader" | "kernel" | null, loader = signedLoader): SiteOptions {
  return {
    mode: "proxy",
    extend: async (_network, folder, built) => {
      const { loaders, microOs } = await signedSite(folder, built, changed);
      const boot = { loaders: { 7: loader } };
      return { microOs, settings: { boot, artifacts: { loaderDirs: [loaders] } } };
    },
  };
}

describe.skipIf(skipped !== null)(
  `firmware with Secure Boot${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describe("that is given an unsigned loader", () => {
      const site = useSite(siteWith(null, "ipxe.efi"));

      it("is given the signed one by itself, and always from then on", async () => {
        const machine = site().newMachine("uefi-secure");
        for (let times = 0; times < 2; times++) await bootUntil(site(), machine, refused);
        await site().boot(machine);
        const learnt = await site().server.waitForEvent("loader-learnt", machine.mac, 60_000);
        expect(learnt.fields).toMatchObject({ loader: signedLoader, insteadOf: "ipxe.efi" });
        await site().boot(machine);
        const offers = site().server.events.filter(({ event }) => event === "offer");
        expect(offers.at(-1)?.fields).toMatchObject({ boots: signedLoader });
      });
    });

    describe.each([
      ["a loader of which a byte was changed", "loader", undefined],
      ["a loader whose signer its variables do not know", null, microsoftKeys],
    ] as const)("that is given %s", (_, changed, variables) => {
      const site = useSite(siteWith(changed));

      it("refuses it, which is said with where the key goes", async () => {
        const usual = site().newMachine("uefi-secure");
        const machine = variables === undefined ? usual : { ...usual, variables };
        for (let times = 0; times < 3; times++) await bootUntil(site(), machine, refused);
        const said = await site().server.waitForEvent("boot-stalled", machine.mac, SAID_WITHIN_MS);
        expect(said.fields).toMatchObject({ code: "loader-refused", who: "site" });
        expect(said.fields["remedy"]).toContain("Authorised Signatures (db)");
      });
    });

    describe("that is given a kernel of which a byte was changed", () => {
      const site = useSite(siteWith("kernel"));

      it("refuses it, which is said", async () => {
        const machine = site().newMachine("uefi-secure");
        const off = new AbortController();
        const on = site()
          .boot(machine, { signal: off.signal })
          .catch((cause: unknown) => cause);
        const said = await site().server.waitForEvent("boot-stalled", machine.mac, SAID_WITHIN_MS);
        off.abort();
        await on;
        expect(["kernel-refused", "reported-image-refused"]).toContain(said.fields["code"]);
      });
    });
  },
);
