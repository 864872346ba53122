import { X509Certificate } from "node:crypto";
import type { Readable } from "node:stream";
import { type Dispatcher, EnvHttpProxyAgent, ProxyAgent } from "undici";
import { printable } from "../lib/bytes.ts";
import { ConfigError, messageOf, SyncError } from "../lib/errors.ts";
import { explainStatus, explainTransport, type OriginFacts } from "./origin-errors.ts";
import { certificatesIn } from "./verify.ts";

export interface OriginOptions {
  /** Base URL that the names are below: `https://tinkerbell-haproxy.example.com/tink-stack`. */
  readonly url: string;
  /** The only trust for the origin's certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: { readonly pem: string; readonly file: string } | null;
  /** The proxy for every request, from the configuration; null: as `environment` says. */
  readonly proxy: string | null;
  /** The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly environment: {
    readonly httpProxy: string | null;
    readonly httpsProxy: string | null;
    readonly noProxy: string | null;
  };
  readonly connectTimeoutMs?: number;
  /** A transfer that brings no byte for so long is given up. */
  readonly stallTimeoutMs?: number;
}

/** What HTTP says about the version of a file (RFC 9110 8.8). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** What the origin has of a file. */
export type OriginState =
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "present"; readonly validators: Validators; readonly size: number | null };

export type OriginAnswer =
  | Exclude<OriginState, { kind: "present" }>
  | {
      readonly kind: "body";
      readonly validators: Validators;
      /** Bytes, when the origin says so beforehand. */
      readonly size: number | null;
      /**
       * Has to be read, or left early; either frees the connection.
       *
       * @throws SyncError when it stalls, or ends before `size`
       */
      readonly chunks: AsyncIterable<Uint8Array>;
    };

/** Where the artifacts come from. Every method throws `SyncError` that says what to do about it. */
export interface Origin {
  readonly url: string;
  /** The file, unless the origin still has the version that `known` tells of. */
  get(name: string, known: Validators | null, signal: AbortSignal): Promise<OriginAnswer>;
  /** The same question without the file. */
  ask(name: string, known: Validators | null, signal: AbortSignal): Promise<OriginState>;
  close(): Promise<void>;
}

/** @throws ConfigError when the CA or the proxy cannot be used */
export function createOrigin(options: OriginOptions): Origin {
  const url = options.url.replace(/\/+$/, "");
  const facts: OriginFacts = { url, ca: describeCa(options.ca), proxy: proxyFor(url, options) };
  const dispatcher = dispatcherFor(options);

  const request = async (
    method: "GET" | "HEAD",
    name: string,
    known: Validators | null,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> => {
    try {
      const response = await dispatcher.request({
        // Origin and path apart, so that the proxy's choice sees the origin as undici expects it.
        origin: new URL(url).origin,
        path: `${new URL(url).pathname.replace(/\/$/, "")}/${name}`,
        method,
        headers: { "accept-encoding": "identity", ...conditions(known) },
        signal,
      });
      // When the run is stopped, a body that nobody has begun to read fails, too.
      response.body.on("error", () => {});
      return response;
    } catch (error) {
      throw explainTransport(error, name, facts);
    }
  };

  return {
    url,
    get: async (name, known, signal) => {
      const response = await request("GET", name, known, signal);
      const state = await stateOf(response, name, facts);
      if (state.kind !== "present") return state;
      const { validators, size } = state;
      return { kind: "body", validators, size, chunks: bodyOf(response.body, name, size, facts) };
    },
    ask: async (name, known, signal) => {
      const response = await request("HEAD", name, known, signal);
      const state = await stateOf(response, name, facts);
      if (state.kind === "present") await response.body.dump().catch(() => {});
      return state;
    },
    close: () => dispatcher.destroy(),
  };
}

function conditions(known: Validators | null): Record<string, string> {
  return {
    ...(known?.etag ? { "if-none-match": known.etag } : {}),
    ...(known?.lastModified ? { "if-modified-since": known.lastModified } : {}),
  };
}

async function stateOf(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  name: string,
  facts: OriginFacts,
): Promise<OriginState> {
  const encoding = one(headers["content-encoding"]);
  if (statusCode === 200 && (encoding === null || encoding === "identity")) {
    const length = one(headers["content-length"]);
    return {
      kind: "present",
      validators: { etag: one(headers.etag), lastModified: one(headers["last-modified"]) },
      size: length !== null && /^\d+$/.test(length) ? Number(length) : null,
    };
  }
  // What is not wanted is short; reading it keeps the connection.
  await body.dump({ limit: 64 * 1024 }).catch(() => {});
  if (statusCode === 304) return { kind: "unchanged" };
  if (statusCode === 404 || statusCode === 410) return { kind: "absent" };
  if (statusCode === 200) {
    throw new SyncError(
      `${facts.url}/${name} came compressed (${encoding}) although that was not asked for; a proxy on ` +
        "the way changes what it passes on. Set artifacts.proxy or NO_PROXY so that it is not used.",
    );
  }
  throw explainStatus(statusCode, one(headers.location), name, facts);
}

function one(value: string | string[] | undefined): string | null {
  return (typeof value === "string" ? value : value?.[0]) ?? null;
}

async function* bodyOf(
  body: Readable,
  name: string,
  size: number | null,
  facts: OriginFacts,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw explainTransport(error, name, facts, { received, size });
  }
  if (size !== null && received !== size) {
    throw new SyncError(
      `${facts.url}/${name} ended after ${received} of ${size} bytes; it is tried again.`,
    );
  }
}

function dispatcherFor({
  ca,
  proxy,
  environment,
  connectTimeoutMs = 10_000,
  stallTimeoutMs = 30_000,
}: OriginOptions): Dispatcher {
  const timeouts = { headersTimeout: stallTimeoutMs, bodyTimeout: stallTimeoutMs };
  const base = { minVersion: "TLSv1.2", timeout: connectTimeoutMs } as const;
  const tls = ca === null ? base : { ...base, ca: ca.pem };
  try {
    if (proxy !== null) {
      return new ProxyAgent({ ...timeouts, uri: proxy, requestTls: tls, proxyTls: base });
    }
    return new EnvHttpProxyAgent({
      ...timeouts,
      connect: tls,
      requestTls: tls,
      proxyTls: base,
      // Empty and not absent: only cli.ts reads the environment.
      httpProxy: environment.httpProxy ?? "",
      httpsProxy: environment.httpsProxy ?? "",
      noProxy: environment.noProxy ?? "",
    });
  } catch (error) {
    throw new ConfigError([
      `${proxy === null ? "HTTP_PROXY or HTTPS_PROXY" : "artifacts.proxy"}: ${messageOf(error)}`,
    ]);
  }
}

/**
 * The configured CA for error texts: where it is from, whom it names and until when it is valid.
 *
 * @throws ConfigError when it holds no certificate that can be read
 */
function describeCa(ca: OriginOptions["ca"]): string | null {
  if (ca === null) return null;
  try {
    const described = certificatesIn(Buffer.from(ca.pem)).map((bytes) => {
      const { subject, validTo, fingerprint256 } = new X509Certificate(bytes);
      return `${printable(subject.replaceAll("\n", ", "))}, valid until ${validTo}, SHA-256 ${fingerprint256}`;
    });
    return `${ca.file}: ${described.join("; ")}`;
  } catch (error) {
    throw new ConfigError([
      `${ca.file}: holds a certificate that cannot be read: ${messageOf(error)}`,
    ]);
  }
}

/** The proxy that may be used, without its credentials. NO_PROXY may still spare the origin from it. */
function proxyFor(url: string, { proxy, environment }: OriginOptions): string | null {
  const { httpProxy, httpsProxy } = environment;
  const used = proxy ?? (url.startsWith("https:") ? (httpsProxy ?? httpProxy) : httpProxy);
  return used === null || used === "" ? null : used.replace(/\/\/[^/]*@/, "//");
}
