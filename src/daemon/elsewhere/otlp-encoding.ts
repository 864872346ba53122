import type { Span } from "../../telemetry/span.ts";

/** Spans as the body of an OTLP request. */
export type EncodeSpans = (spans: readonly Span[]) => Uint8Array;

export interface Encoding {
  readonly encode: EncodeSpans;
  readonly contentType: string;
}

/** What the spans come from. */
export interface Resource {
  readonly version: string;
  readonly hostname: string;
  /** Tells this run of the program from every other. */
  readonly instance: string;
}

/**
 * OpenTelemetry's own encoders, which are loaded only where traces are sent: it takes some 0.4 s.
 *
 * @throws what `import` throws where the optional packages are not installed
 */
export async function loadEncoding(
  how: "json" | "protobuf",
  { version, hostname, instance }: Resource,
): Promise<Encoding> {
  const [transformer, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/otlp-transformer"),
    import("@opentelemetry/resources"),
  ]);
  const { JsonTraceSerializer, ProtobufTraceSerializer } = transformer;
  const serializer = how === "json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  const resource = resourceFromAttributes({
    "service.name": "eim-pxe",
    "service.version": version,
    "service.instance.id": instance,
    "host.name": hostname,
  });
  const instrumentationScope = { name: "eim-pxe", version };
  return {
    contentType: how === "json" ? "application/json" : "application/x-protobuf",
    encode: (spans) => {
      const readable = spans.map((span) => ({
        ...readableSpan(span),
        resource,
        instrumentationScope,
      }));
      return serializer.serializeRequest(readable) ?? new Uint8Array();
    },
  };
}

type Readable = Parameters<
  (typeof import("@opentelemetry/otlp-transformer"))["JsonTraceSerializer"]["serializeRequest"]
>[0][number];

/** OpenTelemetry's values, which its packages have as constants. */
const INTERNAL = 0;
const UNSET = 0;
const ERROR = 2;

function readableSpan(span: Span): Omit<Readable, "resource" | "instrumentationScope"> {
  const { traceId, spanId, parentId, sampled } = span;
  const traceFlags = sampled ? 1 : 0;
  return {
    name: span.name,
    kind: INTERNAL,
    spanContext: () => ({ traceId, spanId, traceFlags }),
    ...(parentId === null
      ? {}
      : {
          parentSpanContext: {
            traceId,
            spanId: parentId,
            traceFlags,
            isRemote: span.parentIsRemote,
          },
        }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    ended: true,
    status: span.error === null ? { code: UNSET } : { code: ERROR, message: span.error },
    attributes: span.attributes,
    links: [],
    events: span.events.map(({ name, atMs, attributes }) => ({
      name,
      time: hrTime(atMs),
      attributes,
      droppedAttributesCount: 0,
    })),
    droppedAttributesCount: 0,
    droppedEventsCount: span.droppedEvents,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1_000_000)];
}
