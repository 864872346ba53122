import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { loadEncoding } from "../../../src/daemon/elsewhere/otlp-encoding.ts";
import { openReceiver } from "../../../src/daemon/elsewhere/receiver.ts";
import { TraceExporter } from "../../../src/daemon/elsewhere/trace-exporter.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import type { Span } from "../../../src/telemetry/span.ts";
import { SpanQueue } from "../../../src/telemetry/span-queue.ts";
import { Collector } from "../../support/collector.ts";
import { eventually } from "../../support/eventually.ts";

let collector: Collector;
let events: PxeEvent[];
const closers: (() => unknown)[] = [];
beforeEach(async () => {
  [collector, events] = [await Collector.open(), []];
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await collector.close();
});

const traceId = "0af7651916cd43dd8448eb211c80319c";

function spanOf(name: string, more: Partial<Span> = {}): Span {
  return {
    traceId,
    spanId: "b7ad6b7169203331",
    parentId: null,
    parentIsRemote: false,
    sampled: true,
    name,
    startMs: 1_800_000_000_000.25,
    endMs: 1_800_000_000_001.5,
    attributes: { text: "a", whole: 7, part: 0.5, flag: true, list: ["x", "y"] },
    events: [{ name: "tftp-failed", atMs: 1_800_000_000_001, attributes: { "eim_pxe.bytes": 9 } }],
    droppedEvents: 3,
    error: null,
    ...more,
  };
}

async function exporting(
  encoding: "json" | "protobuf" = "json",
  queue = new SpanQueue(),
): Promise<TraceExporter> {
  const target = { ca: null, proxy: null, environment: noProxies, key: "telemetry.otlp" };
  const receiver = openReceiver({ ...target, url: `${collector.url}/v1/traces` });
  const resource = { version: "1", hostname: "site", instance: "i" };
  const exporter = new TraceExporter({
    collector: "collector.example",
    post: receiver.post,
    encoding: await loadEncoding(encoding, resource),
    headers: { authorization: "Bearer x" },
    emit: (event) => void events.push(event),
    queue,
    sendAfterMs: 1,
    retryTimes: { firstMs: 1, longestMs: 2 },
  });
  closers.push(async () => {
    await exporter.close(1000);
    receiver.close();
  });
  return exporter;
}

const names = () => events.map(({ event }) => event);

describe("what a collector gets", () => {
  it.each(["json", "protobuf"] as const)("in %s is the spans as they are", async (encoding) => {
    const exporter = await exporting(encoding);
    exporter.add(spanOf("offer", { parentId: "00f067aa0ba902b7", error: "no loader" }));
    await eventually(() => expect(collector.spans).toHaveLength(1));
    expect(collector.spans[0]).toEqual({
      traceId,
      spanId: "b7ad6b7169203331",
      parentSpanId: "00f067aa0ba902b7",
      name: "offer",
      startMs: 1_800_000_000_000.25,
      endMs: 1_800_000_000_001.5,
      attributes: { text: "a", whole: 7, part: 0.5, flag: true, list: ["x", "y"] },
      events: [{ name: "tftp-failed", attributes: { "eim_pxe.bytes": 9 } }],
      status: { code: 2, message: "no loader" },
      resource: {
        "service.name": "eim-pxe",
        "service.version": "1",
        "service.instance.id": "i",
        "host.name": "site",
      },
    });
    expect(collector.requests[0]?.headers["authorization"]).toBe("Bearer x");
  });

  it("is sent again when it fails for a while, once each, and said", async () => {
    collector.status = 503;
    const exporter = await exporting();
    exporter.add(spanOf("discover"));
    await eventually(() => expect(collector.requests.length).toBeGreaterThan(2));
    exporter.add(spanOf("offer"));
    collector.status = 200;
    await eventually(() => expect(collector.spans).toHaveLength(2));
    await eventually(() => expect(names()).toContain("traces-restored"));
    expect(new Set(names())).toEqual(new Set(["traces-failed", "traces-restored"]));
  });

  it("is given up where it is refused for good", async () => {
    collector.status = 400;
    const exporter = await exporting();
    exporter.add(spanOf("discover"));
    await eventually(() => expect(names()).toEqual(["traces-refused"]));
    collector.status = 200;
    exporter.add(spanOf("offer"));
    await eventually(() => expect(collector.spans.map(({ name }) => name)).toEqual(["offer"]));
  });

  it("is bounded while the collector is away: the oldest go, and that is said", async () => {
    collector.status = 500;
    const queue = new SpanQueue(100);
    const exporter = await exporting("json", queue);
    for (let n = 0; n < 10_000; n += 1) exporter.add(spanOf(String(n)));
    expect(queue.size).toBeLessThanOrEqual(100);
    await eventually(() => expect(names()).toContain("traces-dropped"));
    collector.status = 200;
    await eventually(() => expect(collector.spans.at(-1)?.name).toBe("9999"));
  });

  it("is sent at the end, and what is not sampled never is", async () => {
    const exporter = await exporting();
    exporter.add(spanOf("discover", { sampled: false }));
    exporter.add(spanOf("offer"));
    await exporter.close(5000);
    expect(collector.spans.map(({ name }) => name)).toEqual(["offer"]);
  });
});
