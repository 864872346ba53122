import { describe, expect, it } from "vitest";
import { stages } from "../../src/boot/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootOne, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

describe.skipIf(skipped !== null)(`iPXE 1.21${skipped === null ? "" : ` (${skipped})`}`, () => {
  const site = useSite({ mode: "proxy", loaders: "modern" });

  it("boots a UEFI machine by the autoexec.ipxe beside it, and tells which machine it is", async () => {
    const boot = await bootOne(site(), "uefi");
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);

    const { mac, uuid, serial } = boot.machine;
    const of = (name: string) => site().server.events.filter(({ event }) => event === name);
    expect(of("autoexec").map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ mac, file: "autoexec.ipxe", protocol: "tftp" }),
    ]);
    // Only that script adds them: the URL in our DHCP answer has no more than the MAC.
    expect(of("script").map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ mac, uuid, serial }),
    ]);
  });
});
