import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { z } from "zod";
import { bytesIn, type Fields, fieldsOf, messagesIn, numberIn, textIn } from "./protobuf.ts";

/** A span as a collector has it, whichever way it came. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it begins the trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: object }[];
  /** 2: an error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A collector of traces on loopback: OTLP over HTTP, in JSON and in protobuf (opentelemetry-proto 1.x, trace.proto). */
export class Collector {
  readonly #server: Server;
  readonly spans: CollectedSpan[] = [];
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** What it answers. */
  status = 200;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        const { url = "", headers } = request;
        this.requests.push({ path: url, headers });
        const body = Buffer.concat(chunks);
        const isJson = headers["content-type"] === "application/json";
        if (this.status === 200) {
          this.spans.push(...(isJson ? fromJson(body.toString("utf8")) : fromProtobuf(body)));
        }
        response.writeHead(this.status, { "content-type": headers["content-type"] });
        response.end(isJson ? "{}" : "");
      });
    });
  }

  static async open(port = 0, address = "127.0.0.1"): Promise<Collector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    return new Collector(server);
  }

  get url(): string {
    const bound = this.#server.address();
    return typeof bound === "object" ? `http://${bound?.address}:${bound?.port}` : "";
  }

  named(name: string): readonly CollectedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

type AnyValue = z.output<typeof anyValue>;
const anyValue = z.looseObject({
  stringValue: z.string().optional(),
  boolValue: z.boolean().optional(),
  intValue: z.union([z.string(), z.number()]).optional(),
  doubleValue: z.number().optional(),
  arrayValue: z.object({ values: z.array(z.looseObject({ stringValue: z.string() })) }).optional(),
});
const attributes = z.array(z.object({ key: z.string(), value: anyValue })).default([]);
const id = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const jsonSpan = z.looseObject({
  traceId: id(32),
  spanId: id(16),
  parentSpanId: id(16).optional(),
  name: z.string(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes,
  events: z.array(z.looseObject({ name: z.string(), attributes })).default([]),
  status: z.looseObject({ code: z.number().default(0), message: z.string().default("") }),
});
const jsonRequest = z.object({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(jsonSpan) })),
    }),
  ),
});

function fromJson(text: string): CollectedSpan[] {
  return jsonRequest.parse(JSON.parse(text)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? "",
        name: span.name,
        startMs: milliseconds(BigInt(span.startTimeUnixNano)),
        endMs: milliseconds(BigInt(span.endTimeUnixNano)),
        attributes: plain(span.attributes),
        events: span.events.map((event) => ({
          name: event.name,
          attributes: plain(event.attributes),
        })),
        status: { code: span.status.code, message: span.status.message },
        resource: plain(resource.attributes),
      })),
    ),
  );
}

function plain(list: readonly { readonly key: string; readonly value: AnyValue }[]) {
  return Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: AnyValue): unknown {
  if (arrayValue !== undefined) return arrayValue.values.map((one) => one.stringValue);
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? boolValue ?? doubleValue;
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n) / 1000;
}

function fromProtobuf(bytes: Uint8Array): CollectedSpan[] {
  return messagesIn(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const [resource] = messagesIn(resourceSpans, 1);
    return messagesIn(resourceSpans, 2)
      .flatMap((scopeSpans) => messagesIn(scopeSpans, 2))
      .map((span) => spanIn(span, resource ?? new Map()));
  });
}

function spanIn(span: Fields, resource: Fields): CollectedSpan {
  const hex = (number: number) => Buffer.from(bytesIn(span, number)[0] ?? []).toString("hex");
  const [status] = messagesIn(span, 15);
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentSpanId: hex(4),
    name: textIn(span, 5),
    startMs: milliseconds(numberIn(span, 7)),
    endMs: milliseconds(numberIn(span, 8)),
    attributes: attributesIn(span, 9),
    events: messagesIn(span, 11).map((event) => ({
      name: textIn(event, 2),
      attributes: attributesIn(event, 3),
    })),
    status: {
      code: status === undefined ? 0 : Number(numberIn(status, 3)),
      message: status === undefined ? "" : textIn(status, 2),
    },
    resource: attributesIn(resource, 1),
  };
}

function attributesIn(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messagesIn(fields, number).map((pair) => {
      const [value = new Map()] = messagesIn(pair, 2);
      return [textIn(pair, 1), anyIn(value)];
    }),
  );
}

function anyIn(value: Fields): unknown {
  if (value.has(1)) return textIn(value, 1);
  if (value.has(2)) return numberIn(value, 2) === 1n;
  if (value.has(3)) return Number(BigInt.asIntN(64, numberIn(value, 3)));
  if (value.has(4)) {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setBigUint64(0, numberIn(value, 4));
    return bytes.getFloat64(0);
  }
  const [list = new Map()] = messagesIn(value, 5);
  return messagesIn(list, 1).map(anyIn);
}
