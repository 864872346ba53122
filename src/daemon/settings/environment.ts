import type { ProxyEnvironment } from "../../artifacts/origin/proxy.ts";
import { parseTraceparent, type TraceContext } from "../../boot/trace-context.ts";

/** The environment variables of this process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What counts of the environment's proxies, as in curl: lower case before capitals, and `http_proxy` in lower case only. */
export function proxyEnvironment(environment: Environment): ProxyEnvironment {
  const read = (...names: readonly string[]) =>
    names.map((name) => environment[name] ?? "").find((value) => value !== "") ?? null;
  return {
    httpProxy: read("http_proxy"),
    httpsProxy: read("https_proxy", "HTTPS_PROXY"),
    allProxy: read("all_proxy", "ALL_PROXY"),
    noProxy: read("no_proxy", "NO_PROXY"),
  };
}

/**
 * The trace that this process belongs to: what starts it hands it on in TRACEPARENT (OpenTelemetry,
 * environment variables as context propagation carriers). Null without a valid one.
 */
export function traceOf(environment: Environment): TraceContext | null {
  return parseTraceparent(environment["TRACEPARENT"] ?? "");
}
