import type { Registry } from "prom-client";
import { z } from "zod";
import { refusals } from "../../../src/boot/refusals.ts";
import { createMetrics, type Metrics } from "../../../src/observe/metrics.ts";
import { addSiteMetrics } from "../../../src/observe/site-metrics.ts";
import { addWebhookMetrics } from "../../../src/observe/webhook-metrics.ts";
import { bootStatuses } from "../../../src/timeline/rules.ts";
import { stages } from "../../../src/timeline/stages.ts";
import { table } from "./parts.ts";

/** Everything that `/metrics` can have, of a site where nothing happened yet but for one network, mirror and webhook. */
export function allMetrics(): Metrics {
  const metrics = createMetrics(
    () => true,
    () => [{ interface: "eth1", network: "10.0.0.0/24", leased: 1, quarantined: 0, free: 9 }],
    () => ({ busy: 0, idle: 0 }),
    () => true,
  );
  addSiteMetrics(metrics.registry, {
    version: "0.0.0",
    machines: () => Promise.resolve(Object.fromEntries(bootStatuses.map((status) => [status, 0]))),
    generation: () => ({ createdAtMs: 0, bytes: 1 }),
    generations: () => 1,
    lastSyncAtMs: () => 0,
    disk: () => Promise.resolve({ freeBytes: 1, totalBytes: 2 }),
    http: () => ({ open: 0, limit: 4096 }),
    tftp: () => ({ open: 0, limit: 1000 }),
  });
  addWebhookMetrics(metrics.registry, () => [
    { webhook: "https://x.example", waiting: 0, delivered: 0, failed: 0, refused: 0, dropped: 0 },
  ]);
  return metrics;
}

const described = z.array(
  z.object({
    name: z.string(),
    help: z.string(),
    type: z.string(),
    labelNames: z.array(z.string()),
  }),
);

/** Ours, by name. */
export function describedMetrics(registry: Registry): z.output<typeof described> {
  return described
    .parse(registry.getMetricsAsArray())
    .filter(({ name }) => name.startsWith("eim_pxe_"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a label may say. None grows with what machines or strangers send. */
const labels: Readonly<Record<string, string>> = {
  content: "`loader`, `kernel`, `initramfs`",
  diagnosis: "a code of a [cause](diagnosis.md)",
  event: "a name of an [event](events.md)",
  file: "the name of a file that is served; the first 64, further ones are `other`",
  interface: "a network interface of the configuration",
  network: "a network of the configuration",
  origin: "a URL of `artifacts.origin`",
  outcome: "as the metric's line says",
  port: "`boot`, `admin`",
  protocol: "`dhcp`, `tftp`, `http`",
  reason: `by protocol. dhcp: ${refusals.map(({ code }) => `\`${code}\``).join(", ")}. tftp: the words for its error codes (RFC 1350), such as \`file-not-found\`. http: the status, such as \`status-404\``,
  stage: stages.map((stage) => `\`${stage}\``).join(", "),
  state: "as the metric's line says",
  status: bootStatuses.map((status) => `\`${status}\``).join(", "),
  version: "eim-pxe's",
  webhook: "a URL of `notify.webhooks`",
};

export function metricsTable(registry: Registry): string {
  return table(
    ["metric", "kind", "what it says"],
    describedMetrics(registry).map(({ name, type, labelNames, help }) => [
      `\`${name}${labelNames.length === 0 ? "" : `{${labelNames.join(",")}}`}\``,
      type,
      help.replaceAll(/docs\/([a-z]+)\.md/g, "[$1.md]($1.md)"),
    ]),
  );
}

export function labelsTable(registry: Registry): string {
  const named = new Set(describedMetrics(registry).flatMap(({ labelNames }) => labelNames));
  return table(
    ["label", "values"],
    [...named].toSorted().map((name) => {
      const values = labels[name];
      if (values === undefined) throw new Error(`say what values the label ${name} has`);
      return [`\`${name}\``, values];
    }),
  );
}
