import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { printable } from "../../lib/bytes.ts";
import { ConfigError, messageOf, SyncError } from "../../lib/errors.ts";
import {
  type Beginning,
  type KnownVersion,
  readHttpDate,
  type SeenVersion,
} from "../file-version.ts";
import { conditions, contradicts, type Part, partIn, rangeHeaders } from "./conditions.ts";
import { batchesOf, type Patience } from "./body-batches.ts";
import { schemesIn, wayOut } from "./agent.ts";
import type { Presented } from "./certificates.ts";
import {
  explainStatus,
  explainTransport,
  type OriginFacts,
  overlongPart,
  stalled,
  tooSlow,
  TransientError,
  unaskedAnswer,
} from "./origin-errors.ts";
import { type ProxySettings, proxyFor } from "./proxy.ts";
import { shownUrl } from "./url-parts.ts";
import { readRetryAfter } from "./retry.ts";
import { certificatesIn } from "../verify/verify.ts";

export interface OriginOptions extends ProxySettings {
  /** Base URL that the names are below: `https://tinkerbell-haproxy.example.com/tink-stack`. */
  readonly url: string;
  /** The only trust for the origin's certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: { readonly pem: string; readonly file: string } | null;
  /** Whether it is asked although its certificate is not trusted: what comes is believed for what it is alone. */
  readonly acceptsAny?: boolean;
  /** The key of the configuration that names the URL, for messages. */
  readonly key?: string;
  /** How a person has another CA believed, for messages. */
  readonly accept?: string;
  readonly connectTimeoutMs?: number;
  /** A transfer that brings no byte for so long is given up. */
  readonly stallTimeoutMs?: number;
  /** One that brings fewer bytes in such a time is given up, too. */
  readonly leastRate?: Patience["least"];
}

/** What the origin has of a file. */
export type OriginState =
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" }
  | { readonly kind: "present"; readonly version: SeenVersion; readonly size: number | null };

export type OriginAnswer =
  | Exclude<OriginState, { kind: "present" }>
  | {
      readonly kind: "body";
      readonly version: SeenVersion;
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
  /** An answer that does not belong to the question, as an error that says what to do. */
  unaskedAnswer(name: string, how: string): SyncError;
  /** The certificate of the last connection; only where `acceptsAny` may it be one that is not trusted. */
  certificate(): Presented | null;
  close(): Promise<void>;
}

/** A kilobyte a second: less than a modem's tenth. */
const LEAST_RATE = { bytes: 60_000, inMs: 60_000 };

const defaultAccept = "name its file in artifacts.ca.file and start the program again";

/** @throws ConfigError when the CA or the proxy cannot be used */
export function createOrigin(options: OriginOptions): Origin {
  const url = options.url.replace(/\/+$/, "");
  const { stallTimeoutMs = 30_000, connectTimeoutMs = 10_000, leastRate = LEAST_RATE } = options;
  const patience = { stallMs: stallTimeoutMs, least: leastRate };
  const proxy = proxyFor(url, options);
  const { key = "artifacts.origin", accept = defaultAccept, acceptsAny = false } = options;
  const facts: OriginFacts = { url, key, accept, ca: describeCa(options.ca), proxy };
  const way = wayOut(url, { proxy, ca: options.ca?.pem ?? null, acceptsAny, connectTimeoutMs });

  const request = (
    method: "GET" | "HEAD",
    name: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const asked = way.request(`${url}/${name}`, {
        method,
        signal,
        headers: { "accept-encoding": "identity", "user-agent": "eim-pxe", ...headers },
      });
      // Connecting has a timeout of its own.
      let timer: ReturnType<typeof setTimeout> | null = null;
      const answered = (): void => {
        if (timer !== null) clearTimeout(timer);
      };
      asked.once("socket", () => {
        timer = setTimeout(() => asked.destroy(stalled(name, facts, null)), stallTimeoutMs);
      });
      asked.once("response", (response) => {
        answered();
        // When the run is stopped, a body that nobody has begun to read fails, too.
        response.on("error", () => {});
        resolve(response);
      });
      asked.on("error", (error) => {
        answered();
        reject(explainTransport(error, name, facts));
      });
      asked.end();
    });

  const stateFrom = async (response: IncomingMessage, name: string): Promise<OriginState> => {
    const { statusCode = 0, headers } = response;
    const encoding = headers["content-encoding"] ?? "identity";
    if ((statusCode === 200 || statusCode === 206) && encoding === "identity") {
      const length = headers["content-length"] ?? "";
      return {
        kind: "present",
        version: {
          etag: headers.etag ?? null,
          lastModified: headers["last-modified"] ?? null,
          // RFC 9110 6.6.1: where there is no date it is when it came.
          seenAtMs: readHttpDate(headers.date ?? null) ?? Date.now(),
        },
        size: /^\d{1,15}$/.test(length) ? Number(length) : null,
      };
    }
    await drop(response, stallTimeoutMs);
    if (statusCode === 304) return { kind: "unchanged" };
    if (statusCode === 404 || statusCode === 410) return { kind: "absent" };
    if (statusCode === 200 || statusCode === 206) {
      const how = `in compressed form (${printable(encoding)}) although that was not asked for`;
      throw unaskedAnswer(name, how, facts);
    }
    const retryAfterMs = readRetryAfter(headers["retry-after"] ?? null, Date.now());
    const location = headers.location ?? null;
    const schemes = schemesIn(headers["proxy-authenticate"]);
    throw explainStatus({ status: statusCode, location, schemes, retryAfterMs }, name, facts);
  };

  const get: Origin["get"] = async (name, known, signal, beginning = null) => {
    const range = rangeHeaders(beginning);
    const response = await request("GET", name, { ...conditions(known), ...range }, signal);
    const { statusCode, headers } = response;
    if (statusCode === 304 && known !== null && contradicts(headers, known)) {
      await drop(response, stallTimeoutMs);
      return get(name, null, signal, beginning);
    }
    const part = statusCode === 206 ? partIn(headers, beginning) : null;
    if (statusCode === 416 || (statusCode === 206 && part === null)) {
      // Not the rest of what is here: everything anew.
      response.destroy();
      if (beginning !== null) return get(name, known, signal);
      throw unaskedAnswer(
        name,
        `with ${statusCode} (a part of it) although all of it was asked for`,
        facts,
      );
    }
    const state = await stateFrom(response, name);
    if (state.kind !== "present") return state;
    const offset = part?.first ?? 0;
    const size = part?.size ?? state.size;
    // A part may leave out what the beginning told already (RFC 9110 15.3.7).
    const version = part === null || beginning === null ? state.version : beginning.version;
    const chunks = wholeBody(response, { name, size, offset, part }, facts, patience);
    return { kind: "body", version, size, offset, chunks };
  };

  const ask: Origin["ask"] = async (name, known, signal) => {
    const response = await request("HEAD", name, conditions(known), signal);
    const { statusCode, headers } = response;
    if (statusCode === 304 && known !== null && contradicts(headers, known)) {
      return ask(name, null, signal);
    }
    const state = await stateFrom(response, name);
    if (state.kind === "present") await drop(response, stallTimeoutMs);
    return state;
  };

  return {
    url,
    get,
    ask,
    unaskedAnswer: (name, how) => unaskedAnswer(name, how, facts),
    certificate: way.presented,
    close: () => {
      way.close();
      return Promise.resolve();
    },
  };
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
  expected: {
    readonly name: string;
    readonly size: number | null;
    readonly offset: number;
    readonly part: Part | null;
  },
  facts: OriginFacts,
  patience: Omit<Patience, "error">,
): AsyncIterable<readonly Uint8Array[]> {
  const { name, size, offset, part } = expected;
  let received = offset;
  const batches = batchesOf(response, {
    ...patience,
    error: (why) => {
      const transfer = { received, size };
      return why === "stalled" ? stalled(name, facts, transfer) : tooSlow(name, facts, transfer);
    },
  });
  return (async function* () {
    try {
      for await (const batch of batches) {
        for (const chunk of batch) received += chunk.length;
        if (part !== null && received > part.last + 1) throw overlongPart(name, facts);
        yield batch;
      }
    } catch (error) {
      throw explainTransport(error, name, facts, { received, size });
    }
    if (size !== null && received !== size) {
      throw new TransientError(
        `${facts.url}/${shownUrl(name)} ended after ${received} of ${size} bytes; it is tried again.`,
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
