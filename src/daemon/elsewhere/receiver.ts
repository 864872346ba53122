import type { IncomingMessage } from "node:http";
import { printable } from "../../lib/bytes.ts";
import { errnoOf, messageOf, SyncError } from "../../lib/errors.ts";
import { inOneSentence, judge } from "../../lib/finding.ts";
import type { Post, PostAnswer } from "../../webhooks/post.ts";
import { ConnectError, wayOut } from "../../artifacts/origin/agent.ts";
import { CertificateError } from "../../artifacts/origin/certificates.ts";
import { type Proxy, type ProxySettings, proxyFor } from "../../artifacts/origin/proxy.ts";
import { receiverRules } from "./receiver-rules.ts";
import { readRetryAfter } from "../../artifacts/origin/retry.ts";

export interface PostTarget extends ProxySettings {
  readonly url: string;
  /** The only trust for its certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: string | null;
  /** The key of the configuration that names it, for messages: `notify.webhooks[0]`. */
  readonly key: string;
}

export interface Receiver {
  readonly post: Post;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** More of an answer is not read. */
const ANSWER_BYTES = 16 * 1024;

/**
 * The way to a server that is told something, by the same connections, proxies and trust as the mirror's.
 *
 * @throws ConfigError when the proxy cannot be used
 */
export function openReceiver(target: PostTarget): Receiver {
  const { url, ca } = target;
  const proxy = proxyFor(url, target);
  const way = wayOut(url, { proxy, ca, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const once = (...[body, headers, signal]: Parameters<Post>): Promise<PostAnswer> =>
    new Promise((resolve, reject) => {
      const length = String(Buffer.byteLength(body));
      const asked = way.request(url, {
        method: "POST",
        signal,
        headers: { "user-agent": "eim-pxe", ...headers, "content-length": length },
      });
      asked.once("response", (response) => resolve(answerOf(response)));
      asked.on("error", (error) => {
        const wasKept = asked.reusedSocket && errnoOf(error) === "ECONNRESET";
        reject(wasKept ? new ClosedMeanwhile() : error);
      });
      asked.end(body);
    });
  const post: Post = async (body, headers, signal) => {
    for (;;) {
      try {
        return await once(body, headers, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (!(error instanceof ClosedMeanwhile)) throw unreached(error, target, proxy);
      }
    }
  };
  return { post, close: () => way.close() };
}

/** The receiver closed a connection that was kept, at the moment at which it was used again. */
class ClosedMeanwhile extends Error {}

async function answerOf(response: IncomingMessage): Promise<PostAnswer> {
  const { statusCode: status = 0, headers } = response;
  return {
    status,
    location: headers.location ?? null,
    retryAfterMs: readRetryAfter(headers["retry-after"] ?? null, Date.now()),
    text: await textOf(response),
  };
}

/** What is read to its end leaves the connection open for the next request. */
async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES) break;
    }
  } catch {
    // The status counts.
  }
  return printable(Buffer.concat(chunks).toString("utf8").trim(), 200);
}

function unreached(error: unknown, { url, key }: PostTarget, proxy: Proxy | null): SyncError {
  const { host, hostname } = new URL(url);
  const finding = judge(receiverRules, {
    code: errnoOf(error) ?? "",
    message: messageOf(error),
    host,
    hostname,
    key,
    proxy: proxy?.shown ?? null,
    hasCredentials: proxy?.authorization != null,
    refusal: error instanceof ConnectError ? error.refusal : null,
    untrusted: error instanceof CertificateError ? error.code : null,
  });
  const text = finding === null ? messageOf(error) : inOneSentence(finding);
  return new SyncError(text, { cause: error, finding });
}
