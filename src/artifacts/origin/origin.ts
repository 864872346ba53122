import type { Beginning, KnownVersion, Validators } from "../file-version.ts";
import { X509Certificate } from "node:crypto";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { printable } from "../../lib/bytes.ts";
import { ConfigError, messageOf, SyncError } from "../../lib/errors.ts";
import { batchesOf } from "./body-batches.ts";
import { agentFor, lookAtCertificate, type Presented } from "./agent.ts";
import {
  explainStatus,
  explainTransport,
  type OriginFacts,
  stalled,
  TransientError,
} from "./origin-errors.ts";
import { type ProxySettings, proxyFor, shownProxy } from "./proxy.ts";
import { readRetryAfter } from "./retry.ts";
import { certificatesIn } from "../verify/verify.ts";

export interface OriginOptions extends ProxySettings {
  /** Base URL that the names are below: `https://tinkerbell-haproxy.example.com/tink-stack`. */
  readonly url: string;
  /** The only trust for the origin's certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: { readonly pem: string; readonly file: string } | null;
  readonly connectTimeoutMs?: number;
  /** A transfer that brings no byte for so long is given up. */
  readonly stallTimeoutMs?: number;
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
      /** Bytes of the whole file, when the origin says so beforehand. */
      readonly size: number | null;
      /** Where in the file the chunks begin: 0, or behind the beginning that was named. */
      readonly offset: number;
      /**
       * Some at a time. They have to be read, or left early; either frees the connection.
       *
       * @throws SyncError when it stalls, or ends before its end
       */
      readonly chunks: AsyncIterable<readonly Uint8Array[]>;
    };

/** Where the artifacts come from. Every method throws `SyncError` that says what to do about it. */
export interface Origin {
  readonly url: string;
  /**
   * The file, unless the origin still has the version that `known` tells of; only the rest of it if it
   * still has the version that `beginning` is of.
   */
  get(
    name: string,
    known: KnownVersion | null,
    signal: AbortSignal,
    beginning?: Beginning | null,
  ): Promise<OriginAnswer>;
  /** The same question without the file. */
  ask(name: string, known: KnownVersion | null, signal: AbortSignal): Promise<OriginState>;
  /** The certificate of the last connection that was trusted. */
  certificate(): Presented | null;
  /** The certificate that the origin presents now, whether it is trusted or not; null if none can be had. */
  lookAtCertificate(): Promise<Presented | null>;
  close(): Promise<void>;
}

/** @throws ConfigError when the CA or the proxy cannot be used */
export function createOrigin(options: OriginOptions): Origin {
  const url = options.url.replace(/\/+$/, "");
  const { stallTimeoutMs = 30_000, connectTimeoutMs = 10_000 } = options;
  const proxy = proxyFor(url, options);
  const facts: OriginFacts = {
    url,
    ca: describeCa(options.ca),
    proxy: proxy === null ? null : shownProxy(proxy),
  };
  const way = { proxy, ca: options.ca?.pem ?? null, connectTimeoutMs };
  const { agent, presented } = agentFor(url, way);
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;

  const request = (
    method: "GET" | "HEAD",
    name: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const asked = send(`${url}/${name}`, {
        method,
        agent,
        signal,
        headers: { "accept-encoding": "identity", "user-agent": "eim-pxe", ...headers },
      });
      let answered = false;
      // Connecting has a timeout of its own.
      asked.setTimeout(stallTimeoutMs, () => {
        if (!answered) asked.destroy(stalled(name, facts, null));
      });
      asked.once("response", (response) => {
        answered = true;
        // When the run is stopped, a body that nobody has begun to read fails, too.
        response.on("error", () => {});
        resolve(response);
      });
      asked.on("error", (error) => reject(explainTransport(error, name, facts)));
      asked.end();
    });

  const stateFrom = async (response: IncomingMessage, name: string): Promise<OriginState> => {
    const { statusCode = 0, headers } = response;
    const encoding = headers["content-encoding"] ?? "identity";
    if ((statusCode === 200 || statusCode === 206) && encoding === "identity") {
      const length = headers["content-length"] ?? "";
      return {
        kind: "present",
        validators: { etag: headers.etag ?? null, lastModified: headers["last-modified"] ?? null },
        size: /^\d{1,15}$/.test(length) ? Number(length) : null,
      };
    }
    await drop(response, stallTimeoutMs);
    if (statusCode === 304) return { kind: "unchanged" };
    if (statusCode === 404 || statusCode === 410) return { kind: "absent" };
    if (statusCode === 200 || statusCode === 206) {
      throw new SyncError(
        `${url}/${name} came compressed (${printable(encoding)}) although that was not asked for; a proxy ` +
          "on the way changes what it passes on. Set artifacts.proxy or NO_PROXY so that it is not used.",
      );
    }
    const retryAfterMs = readRetryAfter(headers["retry-after"] ?? null, Date.now());
    const location = headers.location === undefined ? null : printable(headers.location);
    throw explainStatus(statusCode, location, name, facts, retryAfterMs);
  };

  const get: Origin["get"] = async (name, known, signal, beginning = null) => {
    const range = rangeHeaders(beginning);
    const response = await request("GET", name, { ...conditions(known), ...range }, signal);
    if (response.statusCode === 416 && beginning !== null) {
      await drop(response, stallTimeoutMs);
      return get(name, known, signal);
    }
    const state = await stateFrom(response, name);
    if (state.kind !== "present") return state;
    const part =
      response.statusCode === 206 ? rangeIn(response.headers["content-range"], beginning) : null;
    if (response.statusCode === 206 && part === null) {
      response.destroy();
      throw new SyncError(
        `${url}/${name} was answered with a part that was not asked for; a proxy on the way is at fault. ` +
          "Set artifacts.proxy or NO_PROXY so that it is not used.",
      );
    }
    const offset = part?.first ?? 0;
    const size = part?.size ?? state.size;
    const expected = { name, size, offset };
    const chunks = wholeBody(response, expected, facts, stallTimeoutMs);
    return { kind: "body", validators: state.validators, size, offset, chunks };
  };

  return {
    url,
    get,
    ask: async (name, known, signal) => {
      const response = await request("HEAD", name, conditions(known), signal);
      const state = await stateFrom(response, name);
      if (state.kind === "present") await drop(response, stallTimeoutMs);
      return state;
    },
    certificate: presented,
    lookAtCertificate: () => lookAtCertificate(url, way),
    close: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
}

/**
 * Another eim-pxe's tag is the SHA-256 itself, so it can be asked for where the origin's own validators
 * are not known. Beside a date it must not be: If-None-Match has If-Modified-Since passed over (RFC 9110
 * 13.1.3), and an origin without tags would send everything each time.
 */
function conditions(known: KnownVersion | null): Record<string, string> {
  const { etag = null, lastModified = null, sha256 = null } = known ?? {};
  const tag = etag ?? (lastModified === null && sha256 !== null ? `"${sha256}"` : null);
  return {
    ...(tag === null ? {} : { "if-none-match": tag }),
    ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
  };
}

/** RFC 9110 13.1.5: a weak entity tag cannot vouch for a part. */
function rangeHeaders(beginning: Beginning | null): Record<string, string> {
  if (beginning === null || beginning.bytes === 0) return {};
  const { etag, lastModified } = beginning.validators;
  const version = etag?.startsWith('"') === true ? etag : lastModified;
  return version === null ? {} : { range: `bytes=${beginning.bytes}-`, "if-range": version };
}

/** The part that a 206 brings; null unless it is the rest that was asked for. */
function rangeIn(
  header: string | undefined,
  beginning: Beginning | null,
): { readonly first: number; readonly size: number } | null {
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? "") ?? [];
  if (beginning === null || Number(first) !== beginning.bytes) return null;
  return Number(last) === Number(size) - 1 ? { first: Number(first), size: Number(size) } : null;
}

/** What is not wanted is short; reading it keeps the connection. Longer than a stall may last nobody waits for it. */
async function drop(response: IncomingMessage, timeoutMs: number): Promise<void> {
  const limit = 64 * 1024;
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > limit) break;
    }
  } catch {
    // The answer's head is all that counts.
  } finally {
    clearTimeout(timer);
  }
}

/** The body, which is listened to from the call on. */
function wholeBody(
  response: IncomingMessage,
  expected: { readonly name: string; readonly size: number | null; readonly offset: number },
  facts: OriginFacts,
  stallTimeoutMs: number,
): AsyncIterable<readonly Uint8Array[]> {
  const { name, size, offset } = expected;
  let received = offset;
  const onStall = () => stalled(name, facts, { received, size });
  const batches = batchesOf(response, stallTimeoutMs, onStall);
  return (async function* () {
    try {
      for await (const batch of batches) {
        for (const chunk of batch) received += chunk.length;
        yield batch;
      }
    } catch (error) {
      throw explainTransport(error, name, facts, { received, size });
    }
    if (size !== null && received !== size) {
      throw new TransientError(
        `${facts.url}/${name} ended after ${received} of ${size} bytes; it is tried again.`,
        { answered: false },
      );
    }
  })();
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
