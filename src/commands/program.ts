import { parseTraceparent, type TraceContext } from "../boot/trace.ts";

/** What a command gets of the process it runs in. Only `cli.ts` makes one; tests make their own. */
export interface Program {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly in: NodeJS.ReadableStream;
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
  /** Whether `out` and `err` are terminals: lines for people, progress that redraws itself. */
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Calls `handler` at each signal; returns a function that stops it. */
  onSignal(signal: NodeJS.Signals, handler: () => void): () => void;
}

/** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */
export interface ProxyEnvironment {
  readonly httpProxy: string | null;
  readonly httpsProxy: string | null;
  readonly noProxy: string | null;
}

/** Lower case wins over upper case, as in curl. */
export function proxyEnvironment(environment: Program["environment"]): ProxyEnvironment {
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
export function traceOf(environment: Program["environment"]): TraceContext | null {
  return parseTraceparent(environment["TRACEPARENT"] ?? "");
}

/** The options of every command that reads the configuration and can print its result as JSON. */
export interface ReportOptions {
  /** The configuration; null: the default one. */
  readonly config: string | null;
  readonly json: boolean;
}

/** The exit codes that the commands share. */
export const ExitCode = {
  ok: 0,
  fault: 1,
  badConfiguration: 2,
  syncFailed: 3,
  notBooted: 4,
  notReachable: 5,
} as const;
