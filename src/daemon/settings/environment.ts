import { parseTraceparent, type TraceContext } from "../../boot/trace-context.ts";

/** The environment variables of this process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
export interface ProxyEnvironment {
  readonly httpProxy: string | null;
  readonly httpsProxy: string | null;
  readonly noProxy: string | null;
}

/** Lower case wins over upper case, as in curl. */
export function proxyEnvironment(environment: Environment): ProxyEnvironment {
  const read = (name: string) => environment[name] ?? environment[name.toUpperCase()] ?? null;
  return {
    httpProxy: read("http_proxy"),
    httpsProxy: read("https_proxy"),
    noProxy: read("no_proxy"),
  };
}

/**
 * The trace that this process belongs to: what starts it hands it on in TRACEPARENT (OpenTelemetry,
 * environment variables as context propagation carriers). Null without a valid one.
 */
export function traceOf(environment: Environment): TraceContext | null {
  return parseTraceparent(environment["TRACEPARENT"] ?? "");
}
