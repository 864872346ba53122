import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { stages } from "../../../src/timeline/stages.ts";
import { eventually } from "../../support/eventually.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { startService } from "../process.ts";
import { labTools } from "../site.ts";

/* Real firmware whose boot is a trace: with the longer names of loaders, and a trace that comes as far as the Micro-OS. */

const skipped = reasonToSkip({ root: true, tools: labTools });
const collector = fileURLToPath(new URL("../guests/collector.ts", import.meta.url));

const collected = z.object({
  name: z.string(),
  traceId: z.string(),
  parentSpanId: z.string(),
  startMs: z.number(),
  endMs: z.number(),
});

describe.skipIf(skipped !== null)("boots that are traced", () => {
  const spans: z.output<typeof collected>[] = [];
  const site = useSite({
    mode: "proxy",
    extend: async (network, folder) => {
      const service = startService({
        name: "collector",
        command: network.inside(process.execPath, "--import", "tsx", collector, "4318"),
        logFile: join(folder, "collector.log"),
      });
      await service.waitForLine("start", (line) => line === "listening" || null, 600_000);
      service.onLine((line) => {
        if (line.startsWith("{")) spans.push(collected.parse(JSON.parse(line)));
      });
      const settings = { telemetry: { otlp: { url: "http://127.0.0.1:4318" } } };
      return { settings, stop: service.stop };
    },
  });

  // The card of a BIOS machine brings iPXE: there is no loader to fetch.
  const inIpxe = stages.slice(stages.indexOf("ipxe-discover"));

  it.each([
    ["bios", inIpxe],
    ["uefi", stages],
    ["uefi-http", stages],
  ] as const)(
    "%s: the trace has every stage with its time, and is named to the Micro-OS",
    async (firmware, expected) => {
      const { commandLine, ...boot } = await bootOne(site(), firmware);
      expect(boot.stages).toEqual(expected);
      const told = / traceparent=00-([0-9a-f]{32})-([0-9a-f]{16})-01( |$)/.exec(commandLine);
      const [, traceId = "", spanId = ""] = told ?? [];
      const own = () => spans.filter((span) => span.traceId === traceId);
      await eventually(() => {
        expect(own().map(({ name }) => name)).toEqual([...expected, "network boot"]);
      });
      const [root] = own().slice(-1);
      for (const { name, startMs, endMs, parentSpanId } of own().slice(0, -1)) {
        expect([name, parentSpanId]).toEqual([name, spanId]);
        expect(startMs).toBeGreaterThanOrEqual(root?.startMs ?? Infinity);
        expect(endMs).toBeLessThanOrEqual(root?.endMs ?? 0);
      }
    },
  );
});
