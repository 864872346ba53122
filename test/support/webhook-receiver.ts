import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
import { z } from "zod";
import type { Certificate } from "../../src/lib/certificate.ts";

/** The parts that CloudEvents 1.0 demands, and those that ours have. */
const cloudEventShape = z.strictObject({
  specversion: z.literal("1.0"),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  subject: z.string().min(1).optional(),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  data: z.record(z.string(), z.unknown()),
});

export type ReceivedEvent = z.output<typeof cloudEventShape>;

/** What it does with a request: take it, answer with a status, never answer, or close the connection. */
export type Habit = "take" | "hang" | "close" | number;

export interface Received {
  readonly event: ReceivedEvent;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly habit: Habit;
}

/** A webhook's receiver on loopback, as its maker would write it: it verifies, and forgets repeated ids. */
export class WebhookReceiver {
  readonly #server: Server;
  readonly #scheme: "http" | "https";
  readonly #sockets = new Set<Socket>();
  /** Every request, in the order in which they came. */
  readonly requests: Received[] = [];
  habit: Habit = "take";
  /** Headers of its answers. */
  headers: Readonly<Record<string, string>> = {};

  private constructor(server: Server, scheme: "http" | "https") {
    this.#server = server;
    this.#scheme = scheme;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        const { habit } = this;
        const body = Buffer.concat(chunks).toString("utf8");
        const event = cloudEventShape.parse(JSON.parse(body));
        this.requests.push({ event, headers: request.headers, body, habit });
        if (habit === "hang") return;
        if (habit === "close") return void request.socket.destroy();
        response.writeHead(habit === "take" ? 204 : habit, this.headers).end();
      });
    });
  }

  static async open(certificate: Certificate | null = null, port = 0): Promise<WebhookReceiver> {
    const server =
      certificate === null
        ? createServer()
        : createSecureServer({ cert: certificate.cert, key: certificate.key });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return new WebhookReceiver(server, certificate === null ? "http" : "https");
  }

  get url(): string {
    const bound = this.#server.address();
    const port = typeof bound === "object" ? bound?.port : null;
    return `${this.#scheme}://127.0.0.1:${port}/hook/with-a-secret`;
  }

  /** Those that it took, each once. */
  get taken(): readonly ReceivedEvent[] {
    const byId = new Map<string, ReceivedEvent>();
    for (const { event, habit } of this.requests) {
      if (habit === "take" && !byId.has(event.id)) byId.set(event.id, event);
    }
    return [...byId.values()];
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Which signatures of a request are right, by the documents that define them. */
export function signaturesOf({ headers, body }: Received, secret: string): string[] {
  const text = (name: string) => String(headers[name] ?? "");
  const mac = (signed: string) => createHmac("sha256", secret).update(signed);
  const signed = `${text("webhook-id")}.${text("webhook-timestamp")}.${body}`;
  const expected = {
    "webhook-signature": `v1,${mac(signed).digest("base64")}`,
    "x-hub-signature-256": `sha256=${mac(body).digest("hex")}`,
  };
  return Object.entries(expected)
    .filter(([name, value]) => isEqual(text(name), value))
    .map(([name]) => name);
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
