import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootOne, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

describe.skipIf(skipped !== null)(`iPXE 1.21${skipped === null ? "" : ` (${skipped})`}`, () => {
  const site = useSite({ mode: "proxy", loaders: "modern" });

  it.each([
    ["uefi", "tftp"],
    ["uefi-http", "http"],
  ] as const)(
    "boots %s by the autoexec.ipxe beside it, fetched by %s",
    async (firmware, protocol) => {
      const boot = await bootOne(site(), firmware);
      expect(boot.commandLine).toMatch(boot.expectedArguments);
      expect(boot.stages).toEqual(stages);

      const { mac, uuid, serial } = boot.machine;
      const of = (name: string) =>
        site()
          .server.events.filter(({ event, fields }) => event === name && fields["mac"] === mac)
          .map(({ fields }) => fields);
      expect(of("autoexec")).toEqual([
        expect.objectContaining({ file: "autoexec.ipxe", protocol }),
      ]);
      // Only that script adds them: the URL in our DHCP answer has no more than the MAC.
      expect(of("script")).toEqual([expect.objectContaining({ uuid, serial })]);
    },
  );
});
