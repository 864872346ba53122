import { hostname } from "node:os";
import type { ProxyEnvironment } from "../../artifacts/origin/proxy.ts";
import type { Subscriber } from "../../events/bus.ts";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { Tracer } from "../../telemetry/tracer.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { CollectorSettings } from "../settings/collector-files.ts";
import { packageVersion } from "../settings/package.ts";
import { type Encoding, loadEncoding } from "./otlp-encoding.ts";
import { openReceiver } from "./receiver.ts";
import { TraceExporter } from "./trace-exporter.ts";

/** How often to look for boots that nothing more is heard of. */
const SWEEP_EVERY_MS = 10_000;
/** How long the end waits for the collector at most. */
const GRACE_MS = 1500;

export interface TracesParts {
  readonly collector: CollectorSettings;
  readonly proxy: string | null;
  readonly environment: ProxyEnvironment;
  readonly sessions: BootSessions;
  readonly instance: string;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The traces of boots, and their way to the collector. */
export class Traces {
  readonly #parts: TracesParts;
  readonly #tracer: Tracer;
  readonly #receiver: ReturnType<typeof openReceiver>;
  /** Null before the start, and where the optional packages are missing. */
  #exporter: TraceExporter | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @throws ConfigError when the proxy on the way to the collector cannot be used */
  constructor(parts: TracesParts) {
    this.#parts = parts;
    const { sessions, clock, collector, proxy, environment } = parts;
    const { url, ca } = collector;
    this.#receiver = openReceiver({ url, ca, key: "telemetry.otlp", proxy, environment });
    this.#tracer = new Tracer({ sessions, clock, ended: (span) => this.#exporter?.add(span) });
  }

  readonly hear: Subscriber["hear"] = (event) => {
    if (this.#exporter !== null) this.#tracer.hear(event);
  };

  async start(): Promise<void> {
    const { collector, emit } = this.#parts;
    const encoding = await this.#encoding();
    if (encoding === null) return;
    const { post } = this.#receiver;
    const { headers, name } = collector;
    this.#exporter = new TraceExporter({ collector: name, post, encoding, headers, emit });
    this.#timer = setInterval(() => this.#tracer.sweep(), SWEEP_EVERY_MS);
    this.#timer.unref();
  }

  async close(graceMs: number): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#exporter?.close(Math.min(GRACE_MS, graceMs));
    this.#receiver.close();
  }

  /** Machines boot without it. */
  async #encoding(): Promise<Encoding | null> {
    const { collector, instance, emit } = this.#parts;
    const resource = { version: packageVersion(), hostname: hostname(), instance };
    try {
      return await loadEncoding(collector.encoding, resource);
    } catch (error) {
      const reason =
        `boots are not traced: the optional packages @opentelemetry/otlp-transformer and @opentelemetry/resources ` +
        `cannot be loaded (${messageOf(error)}); install them beside eim-pxe and start it again`;
      emit({ event: "traces-failed", collector: collector.name, reason, waiting: 0 });
      return null;
    }
  }
}
