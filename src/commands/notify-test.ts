import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { openReceiver } from "../daemon/elsewhere/receiver.ts";
import { proxyEnvironment } from "../daemon/settings/environment.ts";
import { loadSettings } from "../daemon/settings/settings.ts";
import type { WebhookSettings } from "../daemon/settings/webhook-files.ts";
import { systemClock } from "../lib/clock.ts";
import { testEvent } from "../webhooks/cloud-event.ts";
import { deliver } from "../webhooks/delivery.ts";
import type { Post } from "../webhooks/post.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";

interface Tried {
  readonly webhook: string;
  readonly delivered: boolean;
  /** Null where it was delivered. */
  readonly reason: string | null;
}

/** `eim-pxe notify test`: tells each webhook of a made-up event, once, from here and not through the running server. */
export async function notifyTest(
  program: Program,
  { config: file, json }: ReportOptions,
): Promise<number> {
  const { config, webhooks } = loadSettings(file, program.environment);
  if (webhooks.length === 0) {
    program.err.write(
      "There are no webhooks: name one under notify.webhooks in the configuration, see docs/webhooks.md.\n",
    );
    return ExitCode.badConfiguration;
  }
  const way = {
    proxy: config.artifacts.proxy,
    environment: proxyEnvironment(program.environment),
  };
  const receivers = webhooks.map((webhook) => ({
    webhook,
    receiver: openReceiver({ ...webhook, ...way }),
  }));
  try {
    const tried = await Promise.all(
      receivers.map(({ webhook, receiver }) => tryOne(webhook, receiver.post)),
    );
    for (const one of json ? [] : tried) program.out.write(lineOf(one));
    if (json) program.out.write(`${JSON.stringify({ webhooks: tried })}\n`);
    return tried.every(({ delivered }) => delivered) ? ExitCode.ok : ExitCode.notBooted;
  } finally {
    for (const { receiver } of receivers) receiver.close();
  }
}

async function tryOne({ name, signingKey }: WebhookSettings, post: Post): Promise<Tried> {
  const event = testEvent({ hostname: hostname(), newId: randomUUID, wallMs: systemClock.wall() });
  const delivery = { post, key: signingKey, clock: systemClock };
  const sent = { id: event.id, body: JSON.stringify(event) };
  const outcome = await deliver(sent, delivery, new AbortController().signal);
  return outcome.kind === "delivered"
    ? { webhook: name, delivered: true, reason: null }
    : { webhook: name, delivered: false, reason: outcome.reason };
}

function lineOf({ webhook, delivered, reason }: Tried): string {
  return delivered ? `ok    ${webhook} took the event\n` : `fail  ${webhook}: ${reason}\n`;
}
