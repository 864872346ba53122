import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { eventCatalogue } from "./catalogue.ts";
import type { EventName, PxeEvent } from "./events.ts";

export interface Metrics {
  readonly registry: Registry;
  count(event: PxeEvent): void;
  /** A machine reached a stage for the first time in this boot, so long after the boot began. */
  stageReached(stage: string, seconds: number): void;
  logLineSuppressed(event: EventName): void;
}

/** Prometheus metrics in a registry of their own; `ready` is asked at each scrape. */
export function createMetrics(ready: () => boolean): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const events = new Counter({
    name: "eim_pxe_events_total",
    help: "Events by name, as in docs/events.md",
    labelNames: ["event"] as const,
    registers: [registry],
  });
  for (const event of Object.keys(eventCatalogue)) events.inc({ event }, 0);
  const stageSeconds = new Histogram({
    name: "eim_pxe_boot_stage_seconds",
    help: "Time from the first sign of a boot to each of its stages",
    labelNames: ["stage"] as const,
    buckets: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300],
    registers: [registry],
  });
  const suppressed = new Counter({
    name: "eim_pxe_log_lines_suppressed_total",
    help: "Log lines left out because one event came too often",
    labelNames: ["event"] as const,
    registers: [registry],
  });
  const sent = new Counter({
    name: "eim_pxe_bytes_sent_total",
    help: "Bytes of loaders and Micro-OS files that were handed out completely",
    labelNames: ["protocol"] as const,
    registers: [registry],
  });
  const certificateExpiry = new Gauge({
    name: "eim_pxe_origin_certificate_expiry_timestamp_seconds",
    help: "When the certificate that an origin presents comes to its end",
    labelNames: ["origin"] as const,
    registers: [registry],
  });
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_ready",
      help: "1 when a machine could boot now",
      registers: [],
      collect() {
        this.set(ready() ? 1 : 0);
      },
    }),
  );
  return {
    registry,
    count(event) {
      events.inc({ event: event.event });
      if (event.event === "loader-done") sent.inc({ protocol: event.protocol }, event.bytes);
      if (event.event === "origin-certificate") {
        certificateExpiry.set({ origin: event.origin }, Date.parse(event.expiresAt) / 1000);
      }
      if (event.event === "initramfs-done") sent.inc({ protocol: "http" }, event.bytes);
    },
    stageReached(stage, seconds) {
      stageSeconds.observe({ stage }, seconds);
    },
    logLineSuppressed(event) {
      suppressed.inc({ event });
    },
  };
}
