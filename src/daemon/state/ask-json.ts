import { request } from "node:http";
import { request as requestByTls, type RequestOptions } from "node:https";

export interface JsonQuestion {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; null or absent: no body. */
  readonly body?: object | null;
  readonly signal?: AbortSignal;
  /** For https: the certificate that is trusted, alone, under whatever name it is asked; as PEM text. */
  readonly trusted?: string | null;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** More than any answer of an admin port has. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/**
 * Asks a server of ours, and waits for as long as it takes: a first synchronisation takes
 * as long as the line to the orchestrator is slow. Throws what the system says, or `SyntaxError` when the
 * answer is no JSON.
 */
export async function askJson(url: string, question: JsonQuestion = {}): Promise<JsonAnswer> {
  const { method = "GET", headers = {}, body = null, signal, trusted = null } = question;
  const sent = body === null ? null : Buffer.from(JSON.stringify(body));
  const { status, text } = await new Promise<{ status: number; text: string }>(
    (resolve, reject) => {
      const ask = url.startsWith("https:") ? requestByTls : request;
      const asked = ask(url, {
        ...(trusted === null ? {} : trusting(trusted)),
        method,
        agent: false,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          ...headers,
          ...(sent === null
            ? {}
            : { "content-type": "application/json", "content-length": sent.length }),
        },
      });
      asked.on("error", reject);
      asked.once("response", (response) => {
        const chunks: Uint8Array[] = [];
        let bytes = 0;
        response.on("data", (chunk: Uint8Array) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > LIMIT_BYTES) response.destroy(new RangeError("its answer has no end"));
        });
        response.on("error", reject);
        response.once("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      });
      asked.end(sent);
    },
  );
  return { status, body: JSON.parse(text) };
}

/** It need not come from a CA that this host knows: who reads the server's files knows what it shows. */
function trusting(certificate: string): RequestOptions {
  return {
    ca: certificate,
    allowPartialTrustChain: true,
    checkServerIdentity: () => undefined,
  };
}
