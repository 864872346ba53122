import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { eventCatalogue } from "../events/catalogue.ts";
import type { EventName, PxeEvent } from "../events/types.ts";
import { BoundedLabel } from "./bounded-label.ts";
import { addTransferMetrics } from "./transfer-metrics.ts";

/** More than there are rules. */
const mostCauses = 256;

export interface Metrics {
  readonly registry: Registry;
  readonly count: (event: PxeEvent) => void;
  /** A machine reached a stage for the first time in this boot, so long after the boot began. */
  readonly stageReached: (stage: string, seconds: number) => void;
  readonly logLineSuppressed: (event: EventName) => void;
}

/** How full the pools of a network are. */
export interface PoolFilling {
  readonly interface: string;
  readonly network: string;
  readonly leased: number;
  readonly quarantined: number;
  readonly free: number;
}

/** Connections to the boot port. */
export interface ConnectionCounts {
  /** A request is under way. */
  readonly busy: number;
  readonly idle: number;
}

/** Prometheus metrics in a registry of their own; what is handed in is asked at each scrape. */
export function createMetrics(
  ready: () => boolean,
  pools: () => readonly PoolFilling[] | Promise<readonly PoolFilling[]>,
  connections: () => ConnectionCounts,
  leading: () => boolean | null = () => null,
): Metrics {
  const registry = new Registry();
  // Its default of 10 ms wakes an idle process a hundred times a second; each sample costs the same.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 500 });
  // Gauges with a counter's ending, which promtool objects to; the ones without it have the same by type.
  for (const what of ["handles", "requests", "resources"]) {
    registry.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  // A label costs more than all else that is done with an event here, so labels wait for a scrape.
  const counts = new Map<string, number>(Object.keys(eventCatalogue).map((event) => [event, 0]));
  registry.registerMetric(
    new Counter({
      name: "eim_pxe_events_total",
      help: "Events by name, as in docs/events.md",
      labelNames: ["event"] as const,
      registers: [],
      collect() {
        this.reset();
        for (const [event, count] of counts) this.inc({ event }, count);
      },
    }),
  );
  const stageSeconds = new Histogram({
    name: "eim_pxe_boot_stage_seconds",
    help: "Time from the first sign of a boot to each of its stages",
    labelNames: ["stage"] as const,
    buckets: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300],
    registers: [registry],
  });
  const stalled = new Counter({
    name: "eim_pxe_boots_stalled_total",
    help: "Boots that came to stand still, by cause, as in docs/diagnosis.md",
    labelNames: ["diagnosis"] as const,
    registers: [registry],
  });
  const suppressed = new Counter({
    name: "eim_pxe_log_lines_suppressed_total",
    help: "Log lines left out because one event came too often",
    labelNames: ["event"] as const,
    registers: [registry],
  });
  const refusedConnections = new Counter({
    name: "eim_pxe_http_connections_refused_total",
    help: "HTTP connections that were refused because too many were open",
    labelNames: ["port"] as const,
    registers: [registry],
  });
  const syncs = new Counter({
    name: "eim_pxe_mirror_syncs_total",
    help: "Synchronisations of the mirror by end: changed (a new generation), unchanged, failed",
    labelNames: ["outcome"] as const,
    registers: [registry],
  });
  for (const outcome of ["changed", "unchanged", "failed"] as const) syncs.inc({ outcome }, 0);
  const certificateExpiry = new Gauge({
    name: "eim_pxe_origin_certificate_expiry_timestamp_seconds",
    help: "When the certificate that an origin presents expires",
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
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_leader",
      help: "1 while this replica answers DHCP in mode full, 0 while another one does; absent without leader.kubernetesLease",
      registers: [],
      collect() {
        this.reset();
        const is = leading();
        if (is === null) this.remove();
        else this.set(is ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_http_connections",
      help: "Connections to the boot port: busy with a request, or idle",
      labelNames: ["state"] as const,
      registers: [],
      collect() {
        const { busy, idle } = connections();
        this.set({ state: "busy" }, busy);
        this.set({ state: "idle" }, idle);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_pool_addresses",
      help: "Addresses in the pools of mode full: leased, in quarantine, free",
      labelNames: ["interface", "network", "state"] as const,
      registers: [],
      async collect() {
        const found = await pools();
        this.reset();
        for (const { interface: name, network, leased, quarantined, free } of found) {
          this.set({ interface: name, network, state: "leased" }, leased);
          this.set({ interface: name, network, state: "quarantined" }, quarantined);
          this.set({ interface: name, network, state: "free" }, free);
        }
      },
    }),
  );
  const countTransfer = addTransferMetrics(registry);
  const causes = new BoundedLabel(mostCauses);
  return {
    registry,
    count(event) {
      counts.set(event.event, (counts.get(event.event) ?? 0) + 1);
      countTransfer(event);
      switch (event.event) {
        case "boot-stalled":
          stalled.inc({ diagnosis: causes.take(event.code) });
          break;
        case "http-connections-refused":
          refusedConnections.inc({ port: event.port }, event.refused);
          break;
        case "sync-done":
          syncs.inc({ outcome: event.changed ? "changed" : "unchanged" });
          break;
        case "sync-failed":
          syncs.inc({ outcome: "failed" });
          break;
        case "origin-certificate":
          certificateExpiry.set({ origin: event.origin }, Date.parse(event.expiresAt) / 1000);
          break;
        default:
          break;
      }
    },
    stageReached(stage, seconds) {
      stageSeconds.observe({ stage }, seconds);
    },
    logLineSuppressed(event) {
      suppressed.inc({ event });
    },
  };
}
