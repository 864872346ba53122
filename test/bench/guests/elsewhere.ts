import { Collector } from "../../support/collector.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

/* Whoever is told of events, on loopback: a collector of traces and a webhook's receiver at the ports that are given. */

const [otlp = 0, webhook = 0] = process.argv.slice(2).map(Number);
const collector = await Collector.open(otlp);
const receiver = await WebhookReceiver.open(null, webhook);
process.on("SIGTERM", () => {
  const told = { event: "told", spans: collector.spans.length, events: receiver.taken.length };
  console.log(JSON.stringify(told));
  process.exit(0);
});
console.log(JSON.stringify({ event: "listening" }));
