import { Counter, Gauge, type Registry } from "prom-client";

/** What became of the events for one webhook since the start. */
export interface WebhookFigures {
  /** Of the configuration, so there are few. */
  readonly webhook: string;
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  readonly refused: number;
  readonly dropped: number;
}

/** Adds the metrics of the webhooks, which are asked at each scrape. */
export function addWebhookMetrics(
  registry: Registry,
  figures: () => readonly WebhookFigures[],
): void {
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_webhook_waiting_events",
      help: "Events that wait for a webhook's receiver to take them",
      labelNames: ["webhook"] as const,
      registers: [],
      collect() {
        for (const { webhook, waiting } of figures()) this.set({ webhook }, waiting);
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      name: "eim_pxe_webhook_events_total",
      help: "Events for a webhook by what became of them: delivered, refused for good, or dropped because too many waited",
      labelNames: ["webhook", "outcome"] as const,
      registers: [],
      collect() {
        this.reset();
        for (const { webhook, delivered, refused, dropped } of figures()) {
          this.inc({ webhook, outcome: "delivered" }, delivered);
          this.inc({ webhook, outcome: "refused" }, refused);
          this.inc({ webhook, outcome: "dropped" }, dropped);
        }
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      name: "eim_pxe_webhook_failed_attempts_total",
      help: "Attempts to tell a webhook's receiver of an event that failed and are made again",
      labelNames: ["webhook"] as const,
      registers: [],
      collect() {
        this.reset();
        for (const { webhook, failed } of figures()) this.inc({ webhook }, failed);
      },
    }),
  );
}
