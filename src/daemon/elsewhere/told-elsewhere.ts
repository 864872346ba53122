import type { ProxyEnvironment } from "../../artifacts/origin/proxy.ts";
import type { Subscriber } from "../../events/bus.ts";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../observe/metrics.ts";
import { addWebhookMetrics } from "../../observe/webhook-metrics.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { Settings } from "../settings/settings.ts";
import { Traces } from "./traces.ts";
import { Webhooks } from "./webhooks.ts";

export interface ElsewhereParts {
  readonly settings: Settings;
  readonly proxyEnvironment: ProxyEnvironment;
  readonly metrics: Metrics;
  readonly sessions: BootSessions;
  /** Tells this run of the program from every other. */
  readonly instance: string;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** Whoever is told of events in other programs. What goes wrong there is reported, and harms no boot. */
export class ToldElsewhere {
  readonly #webhooks: Webhooks;
  /** Null: nobody collects traces. */
  readonly #traces: Traces | null;

  /** @throws ConfigError when the proxy on the way to one cannot be used */
  constructor(parts: ElsewhereParts) {
    const { settings, proxyEnvironment: environment, metrics, emit, clock } = parts;
    const { config, webhooks, collector } = settings;
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
    const { sessions, instance } = parts;
    const traced = { proxy, environment, sessions, instance, emit, clock };
    this.#traces = collector === null ? null : new Traces({ collector, ...traced });
    addWebhookMetrics(metrics.registry, () => this.#webhooks.counts());
  }

  get subscribers(): readonly Subscriber[] {
    const webhooks: Subscriber = { name: "webhooks", hears: "shown", hear: this.#webhooks.hear };
    if (this.#traces === null) return [webhooks];
    return [webhooks, { name: "traces", hears: "every", hear: this.#traces.hear }];
  }

  async start(): Promise<void> {
    await Promise.all([this.#webhooks.start(), this.#traces?.start()]);
  }

  /** What can still be told within `graceMs` is told. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([this.#webhooks.close(), this.#traces?.close(graceMs)]);
  }
}
