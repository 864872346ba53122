import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { reasonToSkip } from "../../support/tools.ts";
import { useSite } from "../boots.ts";
import { debianTools } from "../debian.ts";
import { wire } from "../network.ts";
import { labTools, type LoaderKind } from "../site.ts";

/*
 * iPXE says its own error: what is reported is in the API within five seconds of the failure, by iPXE of 2019
 * (Debian 12) and of 2025 (Debian 13).
 */

const kinds: readonly (readonly [LoaderKind, string, readonly string[]])[] = [
  ["old", "Debian 12's iPXE", labTools],
  ["modern", "Debian 13's iPXE", [...labTools, ...debianTools]],
];

/** What the scripts of the site's machines are, in the order in which machines are made. */
const errors = [
  {
    what: "a closed port",
    url: `http://${wire.serverAddress}:9/x.ipxe`,
    digits: "0f0a60",
    code: "reported-http-closed",
  },
  {
    what: "a file that is not there",
    url: `http://${wire.serverAddress}:8080/nothing/x.ipxe`,
    digits: "2d0c61",
    code: "file-not-served",
  },
  {
    what: "a host name where there is no name server",
    url: "http://nobody.invalid/x.ipxe",
    digits: "3e1162",
    code: "reported-no-dns-server",
  },
] as const;

/** A script of the site's own, which reports as docs/booting.md says. */
const template = [
  "#!ipxe",
  ...errors.map(
    ({ url }, index) => `iseq \${mac} 52:54:00:77:00:0${index + 1} && set url ${url} ||`,
  ),
  "imgfetch ${url} || goto failed",
  ":failed",
  "set eim-errno ${errno:hexraw}",
  "echo eim-failed",
  "imgfetch ${eim-events-url}?stage=failed&mac=${mac:hexhyp}&errno=${eim-errno}&platform=${platform}&manufacturer=${manufacturer:uristring} ||",
  "sleep 300",
  "",
].join("\n");

/** Only for a report that never comes: a busy machine may need ten times what a quiet one does. */
const SAID_WITHIN_MS = 600_000;

const page = z.object({
  boots: z.array(
    z.object({
      vendor: z.string().nullable(),
      diagnosis: z.object({ code: z.string(), evidence: z.array(z.string()) }).nullable(),
    }),
  ),
});

describe.each(kinds)("%s", (loaders, name, tools) => {
  const skipped = reasonToSkip({ root: true, tools });

  describe.skipIf(skipped !== null)(`${name}${skipped === null ? "" : ` (${skipped})`}`, () => {
    const site = useSite({
      mode: "full",
      loaders,
      extend: async (_, folder) => {
        const file = join(folder, "template.ipxe");
        await writeFile(file, template);
        return { settings: { boot: { script: file } } };
      },
    });

    it.each(errors)("reports $what", async ({ digits, code }) => {
      const machine = site().newMachine("uefi");
      const off = new AbortController();
      let failedAtMs: number | null = null;
      const onConsoleLine = (line: string) => {
        if (line.includes("eim-failed")) failedAtMs ??= performance.now();
      };
      const powered = site()
        .boot(machine, { signal: off.signal, onConsoleLine })
        .catch((cause: unknown) => cause);
      const { fields } = await site().server.waitForEvent("beacon", machine.mac, SAID_WITHIN_MS);
      const reported = page.parse(await site().adminPage(`/api/v1/boots?mac=${machine.mac}`));
      const knownAtMs = performance.now();
      off.abort();
      await powered;
      // Told, not judged: it depends on what else this machine does.
      const afterMs = knownAtMs - (failedAtMs ?? Number.NaN);
      process.stderr.write(`in the API ${Math.round(afterMs)} ms after the console said so\n`);
      expect(fields).toMatchObject({ stage: "failed", platform: "efi", manufacturer: "QEMU" });
      expect(String(fields["errno"])).toMatch(new RegExp(`^${digits}`));
      const [boot] = reported.boots;
      expect(boot).toMatchObject({ vendor: "QEMU", diagnosis: { code } });
      expect(boot?.diagnosis?.evidence.join(" ")).toContain(`with error ${digits}`);
    });
  });
});
