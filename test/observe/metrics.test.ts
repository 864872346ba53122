import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import type { EventName, PxeEvent } from "../../src/events/types.ts";
import { allMetrics, describedMetrics } from "../support/docs/metrics.ts";

const names = Object.keys(eventCatalogue).filter(
  (name): name is EventName => name in eventCatalogue,
);

const isEvent = (fields: object): fields is PxeEvent => "event" in fields;

/** An event whose every text somebody made up, even those that only this program chooses. */
function madeUp(name: EventName, n: number): PxeEvent {
  const text = `made-up-${n}`;
  const fields = {
    event: name,
    ...Object.fromEntries(
      // prettier-ignore
      ["mac", "address", "interface", "network", "server", "uuid", "serial", "file", "asked", "path", "reason", "code", "stage", "client", "from", "subscriber", "message", "webhook"].map(
        (field) => [field, text],
      ),
    ),
    // The program's own words and numbers, each from a closed set.
    protocol: n % 2 === 0 ? "tftp" : "http",
    port: n % 2 === 0 ? "boot" : "admin",
    why: "machine-denied",
    status: 404,
    errorCode: n,
    origin: "https://o.example",
    expiresAt: "2030-01-01T00:00:00.000Z",
    bytes: 1,
    durationMs: n,
    retransmissions: 1,
    refused: 1,
    changed: true,
  };
  if (!isEvent(fields)) throw new TypeError(`${name} is no event`);
  return fields;
}

async function seriesAfter(floods: number): Promise<number> {
  const { registry, count, logLineSuppressed } = allMetrics();
  for (const name of names) {
    for (let n = 0; n < floods; n++) count(madeUp(name, n));
    logLineSuppressed(name);
  }
  const text = await registry.metrics();
  return text.split("\n").filter((line) => line.startsWith("eim_pxe_")).length;
}

describe("events", () => {
  it("are counted from the start, and once each however often they are asked for", async () => {
    const { registry, count } = allMetrics();
    const name = 'eim_pxe_events_total{event="lease-granted"}';
    expect(await registry.metrics()).toContain(`${name} 0`);
    for (let n = 0; n < 3; n++) count(madeUp("lease-granted", n));
    for (let n = 0; n < 2; n++) expect(await registry.metrics()).toContain(`${name} 3`);
  });
});

describe("the number of series", () => {
  it("does not grow with what strangers send", async () => {
    const few = await seriesAfter(300);
    expect(await seriesAfter(3000)).toBe(few);
    expect(few).toBeLessThan(1500);
  });

  it("takes further file names together", async () => {
    const { registry, count } = allMetrics();
    for (let n = 0; n < 100; n++) count(madeUp("tftp-probe", n));
    const text = await registry.metrics();
    expect(text).toContain('eim_pxe_tftp_transfers_total{file="made-up-63",outcome="probe"} 1');
    expect(text).toContain('eim_pxe_tftp_transfers_total{file="other",outcome="probe"} 36');
  });
});

describe("what is counted", () => {
  it("has reasons of refusals by protocol, from closed sets", async () => {
    const { registry, count } = allMetrics();
    count(madeUp("dhcp-refused", 0));
    count(madeUp("tftp-refused", 1));
    count(madeUp("tftp-refused", 99));
    count(madeUp("http-refused", 0));
    const text = await registry.metrics();
    for (const [protocol, reason] of [
      ["dhcp", "machine-denied"],
      ["tftp", "file-not-found"],
      ["tftp", "not-defined"],
      ["http", "status-404"],
    ]) {
      expect(text).toContain(
        `eim_pxe_requests_refused_total{protocol="${protocol}",reason="${reason}"} 1`,
      );
    }
  });

  it("has downloads by HTTP with their ends and how long they took", async () => {
    const { registry, count } = allMetrics();
    count(madeUp("initramfs-done", 1500));
    count(madeUp("download-aborted", 7));
    const text = await registry.metrics();
    expect(text).toContain(
      'eim_pxe_http_downloads_total{file="made-up-1500",outcome="complete"} 1',
    );
    expect(text).toContain('eim_pxe_http_downloads_total{file="made-up-7",outcome="aborted"} 1');
    expect(text).toContain('eim_pxe_download_seconds_sum{protocol="http",content="initramfs"} 1.5');
  });

  it("has synchronisations by their end, before the first one too", async () => {
    const { registry, count } = allMetrics();
    count(madeUp("sync-done", 0));
    const text = await registry.metrics();
    expect(text).toContain('eim_pxe_mirror_syncs_total{outcome="changed"} 1');
    expect(text).toContain('eim_pxe_mirror_syncs_total{outcome="failed"} 0');
  });
});

describe("the examples for Prometheus and Grafana", () => {
  const { registry } = allMetrics();
  const known = new Map(
    describedMetrics(registry).map(({ name, labelNames }) => [name, new Set(labelNames)]),
  );
  const rules = z
    .object({
      groups: z.array(
        z.object({
          rules: z.array(
            z.object({
              alert: z.string(),
              expr: z.string(),
              annotations: z.object({ summary: z.string(), description: z.string() }),
            }),
          ),
        }),
      ),
    })
    .parse(parse(readFileSync("examples/prometheus-rules.yaml", "utf8")));
  const dashboard = z
    .object({
      panels: z.array(
        z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) }),
      ),
    })
    .parse(JSON.parse(readFileSync("examples/grafana-dashboard.json", "utf8")));
  const expressions = [
    ...rules.groups
      .flatMap((group) => group.rules)
      .map(({ alert, expr }) => [alert, expr] as const),
    ...dashboard.panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => [title, expr] as const),
    ),
    ...[...readFileSync("docs/metrics.md", "utf8").matchAll(/^\| [^|]+\? \| `(.+)` \|$/gm)].map(
      ([, expr = ""]) => ["docs/metrics.md", expr] as const,
    ),
  ];

  it("are there", () => {
    expect(rules.groups.flatMap((group) => group.rules).length).toBeGreaterThanOrEqual(10);
    expect(dashboard.panels.length).toBeGreaterThanOrEqual(15);
    expect(expressions.filter(([from]) => from === "docs/metrics.md")).toHaveLength(7);
  });

  it.each(expressions)("name only metrics and labels that there are: %s, %s", async (_, expr) => {
    const text = await registry.metrics();
    for (const [, name = "", , selected = ""] of expr.matchAll(
      /\b((?:eim_pxe|nodejs|process)_\w+?)(_bucket|_sum|_count)?\b(?!_)(\{([^}]*)\})?/g,
    )) {
      expect([name, text.includes(`# TYPE ${name} `)]).toEqual([name, true]);
      const labels = [...selected.matchAll(/(\w+)\s*[=!]/g)].map(([, label = ""]) => label);
      const own = known.get(name) ?? new Set();
      const others = labels.filter((one) => !own.has(one) && !["instance", "job"].includes(one));
      expect([name, others]).toEqual([name, []]);
    }
  });
});
