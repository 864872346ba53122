import { createHash } from "node:crypto";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { printable } from "../../lib/bytes.ts";
import { errnoOf, messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { BootFailure, type Fault } from "./failure.ts";
import type { Download } from "./tftp-read.ts";

export interface HttpAnswer extends Download {
  /** The body when it was asked for, else empty. */
  readonly text: string;
}

/** iPXE gives a server that says nothing about as long (its TCP retries at 1, 2, 4 seconds). */
const silenceMs = 8000;
/** No script is longer; what an unknown server sends must not fill the memory. */
const keptBytes = 1024 * 1024;

export interface HttpReadOptions {
  /** Keep the body as text; otherwise it is only hashed. */
  readonly keep?: boolean;
  /** How long the server may be silent. */
  readonly patienceMs?: number;
}

/**
 * Fetches a URL from a given address of ours.
 *
 * @throws BootFailure for every answer but 200, for a body that ends early, and for a silent server
 */
export async function readByHttp(
  url: string,
  localAddress: Ip4,
  { keep = false, patienceMs = silenceMs }: HttpReadOptions = {},
): Promise<HttpAnswer> {
  const start = url.startsWith("https:") ? httpsRequest : httpRequest;
  // As an option it holds for the connecting too, which `setTimeout` does not.
  const request = start(url, { localAddress, agent: false, timeout: patienceMs });
  request.on("timeout", () => {
    const text = `HTTP ${url}: nothing came for ${patienceMs / 1000} s`;
    request.destroy(new BootFailure(text, { fault: { kind: "silent" } }));
  });
  const response = await answered(request, url);
  const wanted = keep || response.statusCode !== 200;
  const hash = createHash("sha256");
  const kept: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      if (!(chunk instanceof Uint8Array)) continue;
      hash.update(chunk);
      bytes += chunk.length;
      if (wanted && bytes <= keptBytes) kept.push(chunk);
    }
  } catch (error) {
    if (error instanceof BootFailure) throw error;
    throw new BootFailure(`HTTP ${url}: the download broke after ${bytes} bytes`, { cause: error });
  }
  const text = Buffer.concat(kept).toString("utf8");
  if (response.statusCode !== 200) {
    const status = response.statusCode ?? 0;
    const said = printable(text.trim(), 512);
    const { location = null } = response.headers;
    throw new BootFailure(`HTTP ${url}: status ${status} ${said}`, {
      fault: { kind: "http-status", status, text: said, location },
    });
  }
  return { bytes, sha256: hash.digest("hex"), text };
}

/** Posts a form, as a script's or the Micro-OS's beacon does. */
export async function postForm(
  url: string,
  localAddress: Ip4,
  fields: Readonly<Record<string, string>>,
): Promise<void> {
  const body = new URLSearchParams(fields).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const request = httpRequest(url, { method: "POST", localAddress, agent: false, headers });
  const response = await answered(request, url, body);
  response.resume();
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw new BootFailure(`HTTP POST ${url}: status ${status}`);
}

function answered(request: ClientRequest, url: string, body = ""): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", (error) => {
      reject(error instanceof BootFailure ? error : unreachable(url, error));
    });
    request.end(body);
  });
}

function unreachable(url: string, error: Error): BootFailure {
  const errno = errnoOf(error);
  const fault: Fault = errno === null ? { kind: "broken" } : { kind: "unreachable", errno };
  return new BootFailure(`HTTP ${url}: ${messageOf(error)}`, { cause: error, fault });
}
