import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { signedLoader, signedSite, signingTools } from "./signed-site.ts";
import { labTools } from "./site.ts";

/* What firmware with Secure Boot refuses is in `firmware/secure-boot.test.ts`. */

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools, ...signingTools] });

describe.skipIf(skipped !== null)(
  `firmware with Secure Boot${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    const site = useSite({
      mode: "proxy",
      extend: async (_network, folder, built) => {
        const { loaders, microOs } = await signedSite(folder, built);
        const boot = { loaders: { 7: signedLoader } };
        return { microOs, settings: { boot, artifacts: { loaderDirs: [loaders] } } };
      },
    });

    it("starts a signed loader and a signed kernel, which says that Secure Boot is on", async () => {
      const machine = site().newMachine("uefi-secure");
      const lines: string[] = [];
      await site().boot(machine, { onConsoleLine: (line) => void lines.push(line) });
      expect(lines.join("\n")).toMatch(/Secure [Bb]oot (is )?enabled/);
      const seen = site()
        .server.events.filter(({ fields }) => fields["mac"] === machine.mac)
        .map(({ event }) => event);
      expect(stages.filter((stage) => !seen.includes(stage))).toEqual([]);
    });
  },
);
