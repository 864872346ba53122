import { createHash, randomUUID } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { ProxySettings } from "../../artifacts/origin/proxy.ts";
import type { Subscriber } from "../../events/bus.ts";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { cloudEvent } from "../../webhooks/cloud-event.ts";
import { Webhook, type WebhookCounts } from "../../webhooks/webhook.ts";
import type { WebhookSettings } from "../settings/webhook-files.ts";
import { openReceiver, type Receiver } from "./receiver.ts";

export interface WebhooksParts extends ProxySettings {
  readonly webhooks: readonly WebhookSettings[];
  readonly keepEvents: number;
  readonly dataDir: string;
  readonly emit: Emit;
  readonly clock: Clock;
}

interface Told {
  readonly events: ReadonlySet<string>;
  readonly webhook: Webhook;
  readonly receiver: Receiver;
}

/** All webhooks of the configuration, as one subscriber. */
export class Webhooks {
  readonly #folder: string;
  readonly #told: readonly Told[];
  readonly #files: ReadonlySet<string>;
  readonly #clock: Clock;
  /** Of all of them. */
  readonly #events: ReadonlySet<string>;

  /** @throws ConfigError when the proxy on the way to one cannot be used */
  constructor(parts: WebhooksParts) {
    const { webhooks, keepEvents, dataDir, emit, clock } = parts;
    this.#clock = clock;
    this.#folder = join(dataDir, "webhooks");
    this.#files = new Set(webhooks.map(fileOf));
    this.#told = webhooks.map((settings) => {
      const { url, key, ca, name, events, signingKey } = settings;
      const { proxy, environment } = parts;
      const receiver = openReceiver({ url, key, ca, proxy, environment });
      const path = join(this.#folder, fileOf(settings));
      const { post } = receiver;
      const webhook = new Webhook({ name, post, key: signingKey, path, keepEvents, emit, clock });
      return { events, webhook, receiver };
    });
    this.#events = new Set(this.#told.flatMap(({ events }) => [...events]));
  }

  /** Takes up what waits on disk, and forgets what waited for webhooks that are no longer configured. */
  async start(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const gone = names.filter((name) => name.endsWith(".jsonl") && !this.#files.has(name));
    await Promise.all(gone.map((name) => rm(join(this.#folder, name), { force: true }))).catch(
      () => {},
    );
    await Promise.all(this.#told.map(({ webhook }) => webhook.start()));
  }

  readonly hear: Subscriber["hear"] = (event) => {
    // Thousands of events come in a second of a boot storm, few of them for a webhook.
    if (!this.#events.has(event.event)) return;
    const listening = this.#told.filter(({ events }) => events.has(event.event));
    const origin = { hostname: hostname(), newId: randomUUID, wallMs: this.#clock.wall() };
    const told = cloudEvent(event, origin);
    // Each of them is sent the same bytes.
    const queued = { id: told.id, body: JSON.stringify(told) };
    for (const { webhook } of listening) webhook.tell(queued);
  };

  counts(): readonly WebhookCounts[] {
    return this.#told.map(({ webhook }) => webhook.counts());
  }

  async close(): Promise<void> {
    await Promise.all(this.#told.map(({ webhook }) => webhook.close()));
    for (const { receiver } of this.#told) receiver.close();
  }
}

/** Of the URL, so that what waits stays with its receiver when the list is sorted anew; and two of the same URL are two. */
function fileOf({ url, name }: WebhookSettings): string {
  const digest = createHash("sha256").update(`${url}\n${name}`).digest("hex");
  return `${digest.slice(0, 16)}.jsonl`;
}
