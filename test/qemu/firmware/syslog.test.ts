import { describe, expect, it } from "vitest";
import { z } from "zod";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { debianTools } from "../debian.ts";
import { eventsUrl } from "../eim-pxe.ts";
import { beaconArgument, loggedLine, syslogArgument } from "../micro-os.ts";
import { wire } from "../network.ts";
import { labTools } from "../site.ts";

/* What iPXE and the Micro-OS write to their logs, in the timeline of their machine. */

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

const page = z.object({ boots: z.array(z.object({ id: z.string() })) });
const detail = z.object({
  events: z.array(
    z.looseObject({ event: z.string(), app: z.string().nullish(), text: z.string().nullish() }),
  ),
});

const kernelArgs = [
  `${beaconArgument}=${eventsUrl}`,
  `${syslogArgument}=${wire.serverAddress}`,
] as const;

// In mode proxy nobody but our script tells iPXE of a log server; in mode full it is told by option 7, too.
describe.skipIf(skipped !== null).each(["proxy", "full"] as const)(
  `logs of machines in mode %s${skipped === null ? "" : ` (${skipped})`}`,
  (mode) => {
    const site = useSite({
      mode,
      loaders: "newest",
      loaderNames: { 7: "ipxe-amd64.efi" },
      extend: () => Promise.resolve({ settings: { syslog: { port: 514 }, boot: { kernelArgs } } }),
    });

    it("have lines of iPXE 2.0 and of the Micro-OS in their machine's timeline", async () => {
      const { machine } = await bootOne(site(), "uefi");
      const { boots } = page.parse(await site().adminPage(`/api/v1/boots?mac=${machine.mac}`));
      const path = `/api/v1/boots/${encodeURIComponent(boots[0]?.id ?? "")}`;
      const { events } = detail.parse(await site().adminPage(path));
      const lines = events.filter(({ event }) => event === "syslog");
      const ofIpxe = lines.filter(({ app }) => app === "ipxe").map(({ text }) => text ?? "");
      // What it prints of a download, and nothing that only a terminal would take.
      expect(ofIpxe.join("\n")).toMatch(/vmlinuz-x86_64\.\.\./);
      expect(ofIpxe.join("\n")).not.toContain("\\x");
      expect(lines.filter(({ app }) => app === "micro-os").map(({ text }) => text)).toEqual([
        loggedLine,
      ]);
    });
  },
);
