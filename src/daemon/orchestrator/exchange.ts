import { CertificateError } from "../../artifacts/origin/certificates.ts";
import { proxyFor, type ProxySettings } from "../../artifacts/origin/proxy.ts";
import { readRetryAfter } from "../../artifacts/origin/retry.ts";
import { type WayOut, wayOut } from "../../artifacts/origin/agent.ts";
import { printable } from "../../lib/bytes.ts";
import { errnoOf, messageOf, SyncError } from "../../lib/errors.ts";
import { filledIn, type Finding, inOneSentence, type Values } from "../../lib/finding.ts";
import { apiFindings } from "./api-rules.ts";

/** The orchestrator could not be asked. */
export class OrchestratorError extends SyncError {
  readonly #finding: Finding;
  /** How long it asks to be left alone; null: it does not say. */
  readonly retryAfterMs: number | null;

  constructor(row: Finding, values: Values, retryAfterMs: number | null = null) {
    const finding = filledIn(row, values);
    super(inOneSentence(finding), { finding });
    this.#finding = finding;
    this.retryAfterMs = retryAfterMs;
  }

  get explained(): Finding {
    return this.#finding;
  }
}

export interface JsonRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: nothing is sent (GET). A form (RFC 6749 4: `application/x-www-form-urlencoded`) is posted, JSON changes what is there (PATCH). */
  readonly body: URLSearchParams | { readonly json: object } | null;
}

export interface JsonAnswer {
  readonly status: number;
  /** Null where it is no JSON. */
  readonly body: unknown;
  readonly retryAfterMs: number | null;
}

/** An answer has a hundred hosts at most. */
const LIMIT_BYTES = 8 * 1024 * 1024;
const CONNECT_MS = 10_000;
const WHOLE_MS = 30_000;

/** JSON over HTTPS to the hosts of one orchestrator, by the site's proxy and the site's CA. */
export class JsonExchange {
  readonly #proxy: ProxySettings;
  readonly #ca: string | null;
  readonly #wholeMs: number;
  readonly #ways = new Map<string, WayOut>();
  readonly #stopping = new AbortController();

  /** @param ca PEM text; null: the roots that Node brings */
  constructor(proxy: ProxySettings, ca: string | null, wholeMs = WHOLE_MS) {
    this.#proxy = proxy;
    this.#ca = ca;
    this.#wholeMs = wholeMs;
  }

  /** Rejects with `OrchestratorError` when no answer comes. Whatever its status, an answer is none. */
  async ask({ url, headers, body }: JsonRequest): Promise<JsonAnswer> {
    const { host } = new URL(url);
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(this.#wholeMs)]);
    try {
      return await this.#exchange(url, headers, body, signal);
    } catch (error) {
      throw this.#explained(error, host);
    }
  }

  close(): void {
    this.#stopping.abort();
    for (const way of this.#ways.values()) way.close();
  }

  #exchange(
    url: string,
    headers: JsonRequest["headers"],
    body: JsonRequest["body"],
    signal: AbortSignal,
  ): Promise<JsonAnswer> {
    const { method, type, text } = sentAs(body);
    const request = this.#wayTo(url).request(url, {
      method,
      signal,
      headers: {
        accept: "application/json",
        ...headers,
        ...(text === null
          ? {}
          : { "content-type": type, "content-length": String(Buffer.byteLength(text)) }),
      },
    });
    return new Promise((resolve, reject) => {
      request.once("error", reject);
      request.once("response", (response) => {
        // One that comes when nobody reads any more.
        response.on("error", reject);
        const retryAfterMs = readRetryAfter(response.headers["retry-after"] ?? null, Date.now());
        const status = response.statusCode ?? 0;
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > LIMIT_BYTES) response.destroy(new SyncError("its answer has no end"));
          else chunks.push(chunk);
        });
        response.once("end", () => {
          resolve({ status, body: jsonIn(Buffer.concat(chunks)), retryAfterMs });
        });
      });
      request.end(text ?? undefined);
    });
  }

  #wayTo(url: string): WayOut {
    const { origin } = new URL(url);
    const known = this.#ways.get(origin);
    if (known !== undefined) return known;
    const proxy = proxyFor(url, this.#proxy);
    const way = wayOut(url, { proxy, ca: this.#ca, connectTimeoutMs: CONNECT_MS });
    this.#ways.set(origin, way);
    return way;
  }

  #explained(error: unknown, host: string): OrchestratorError {
    if (error instanceof OrchestratorError) return error;
    if (error instanceof CertificateError) {
      return new OrchestratorError(apiFindings.untrusted, { host, reason: error.code });
    }
    const isLate = error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name);
    const reason = isLate ? "it does not answer" : (errnoOf(error) ?? messageOf(error));
    return new OrchestratorError(apiFindings.unreachable, { host, reason: printable(reason, 200) });
  }
}

function sentAs(body: JsonRequest["body"]): {
  readonly method: "GET" | "POST" | "PATCH";
  readonly type: string;
  readonly text: string | null;
} {
  if (body === null) return { method: "GET", type: "", text: null };
  if (body instanceof URLSearchParams) {
    return { method: "POST", type: "application/x-www-form-urlencoded", text: body.toString() };
  }
  return { method: "PATCH", type: "application/json", text: JSON.stringify(body.json) };
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}
