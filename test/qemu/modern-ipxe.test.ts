import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isDhcp } from "../../src/capture/datagram.ts";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { bootOne, useSite } from "./boots.ts";
import { debianTools } from "./debian.ts";
import { wire } from "./network.ts";
import { labTools } from "./site.ts";

const bootsPage = z.object({
  boots: z.array(
    z.object({ id: z.string(), mac: z.string().nullable(), address: z.string().nullable() }),
  ),
});
const explainedLine = z.object({ reply: z.object({ hex: z.string() }).optional() });

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

  it("is in a capture that tells the same answers again, and nothing of the other machine", async () => {
    const { boots } = bootsPage.parse(await site().adminPage("/api/v1/boots"));
    const [other, own] = boots;
    expect([own?.mac, other?.mac]).toEqual(["52:54:00:77:00:01", "52:54:00:77:00:02"]);
    const path = `/api/v1/boots/${encodeURIComponent(own?.id ?? "")}/capture?redact=true`;
    const file = await site().savePage(path, "boot.pcap");
    const bytes = await readFile(file);
    const datagrams = [...datagramsOf(bytes)];

    // What the server sent when the machine booted, and what it would send by the capture.
    const sent = datagrams
      .filter(({ source, payload }) => source.address === wire.serverAddress && payload[0] === 2)
      .map(({ payload }) => Buffer.from(payload).toString("hex"));
    const lines = (await site().command("explain", "--pcap", file, "--json")).trim().split("\n");
    const explained = lines.map((line) => explainedLine.parse(JSON.parse(line)));
    expect(explained.flatMap(({ reply }) => reply?.hex ?? [])).toEqual(sent);
    expect(sent.length).toBeGreaterThanOrEqual(1);

    const hex = bytes.toString("hex");
    const text = bytes.toString("latin1");
    expect(hex).not.toContain("525400770002");
    for (const word of ["LAB02", "52:54:00:77:00:02", "52-54-00-77-00-02", other?.address ?? "?"]) {
      expect(text).not.toContain(word);
    }
    // The transfer of its loader is there without the data.
    const opcodes = datagrams
      .filter((datagram) => !isDhcp(datagram))
      .map(({ payload }) => payload[1]);
    expect(opcodes).toContain(1);
    expect(opcodes).not.toContain(3);
  });
});
