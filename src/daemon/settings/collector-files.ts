import { readText } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { ConfigError } from "../../lib/errors.ts";
import { readCaFile } from "./webhook-files.ts";

/** `telemetry.otlp`, with what its files say. */
export interface CollectorSettings {
  /** Where traces are sent by POST. */
  readonly url: string;
  /** Its host: what messages name it by. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The only trust for its certificate, as PEM text; null: the public CAs. */
  readonly ca: string | null;
  readonly encoding: "json" | "protobuf";
}

/**
 * Null where nobody collects traces.
 *
 * @throws ConfigError when a file cannot be read, or holds nothing that can be used
 */
export function readCollector({ telemetry: { otlp } }: Config): CollectorSettings | null {
  if (otlp === null) return null;
  const { url, headersFile, caFile, encoding } = otlp;
  return {
    url: tracesUrl(url),
    name: new URL(url).host,
    headers: headersFile === null ? {} : readHeaders(headersFile),
    ca: caFile === null ? null : readCaFile(caFile),
    encoding,
  };
}

/** OpenTelemetry, OTLP exporter configuration: the endpoint is a base, unless it is that of traces already. */
function tracesUrl(base: string): string {
  const url = new URL(base);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith("/v1/traces") ? path : `${path}/v1/traces`;
  return url.href;
}

/** `Name: value`, a line for each; empty lines and those that begin with # do not count. */
function readHeaders(file: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [at, line] of readText(file, "headers").split("\n").entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    // RFC 9110 5.6.2 and 5.5: nothing of the value is shown, it is a secret as a rule.
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t -~]*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new ConfigError([
        `${file}:${at + 1}:1: must be a header such as "Authorization: Bearer …"`,
      ]);
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
