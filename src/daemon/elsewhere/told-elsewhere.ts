import type { ProxyEnvironment } from "../../artifacts/origin/proxy.ts";
import type { Subscriber } from "../../events/bus.ts";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../observe/metrics.ts";
import { addWebhookMetrics } from "../../observe/webhook-metrics.ts";
import type { Settings } from "../settings/settings.ts";
import { Webhooks } from "./webhooks.ts";

export interface ElsewhereParts {
  readonly settings: Settings;
  readonly proxyEnvironment: ProxyEnvironment;
  readonly metrics: Metrics;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** Whoever is told of events in other programs. What goes wrong there is reported, and harms no boot. */
export class ToldElsewhere {
  readonly #webhooks: Webhooks;

  /** @throws ConfigError when the proxy on the way to one cannot be used */
  constructor(parts: ElsewhereParts) {
    const { settings, proxyEnvironment: environment, metrics, emit, clock } = parts;
    const { config, webhooks } = settings;
    const { dataDir, notify, artifacts } = config;
    const { proxy } = artifacts;
    const { keepEvents } = notify;
    this.#webhooks = new Webhooks({
      webhooks,
      keepEvents,
      dataDir,
      proxy,
      environment,
      emit,
      clock,
    });
    addWebhookMetrics(metrics.registry, () => this.#webhooks.counts());
  }

  get subscribers(): readonly Subscriber[] {
    return [{ name: "webhooks", hears: "shown", hear: this.#webhooks.hear }];
  }

  async start(): Promise<void> {
    await this.#webhooks.start();
  }

  async close(): Promise<void> {
    await this.#webhooks.close();
  }
}
