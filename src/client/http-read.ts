import { createHash } from "node:crypto";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { messageOf } from "../lib/errors.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { BootFailure } from "./failure.ts";
import type { Download } from "./tftp-read.ts";

export interface HttpAnswer extends Download {
  /** The body when it was asked for, else empty. */
  readonly text: string;
}

/**
 * Fetches a URL from a given address of ours; the body is hashed, and kept only as text when `keep` is set.
 *
 * @throws BootFailure for every answer but 200, and for a body that ends early
 */
export async function readByHttp(
  url: string,
  localAddress: Ip4,
  keep = false,
): Promise<HttpAnswer> {
  const response = await answered(httpRequest(url, { localAddress, agent: false }), url);
  const hash = createHash("sha256");
  const kept: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      if (!(chunk instanceof Uint8Array)) continue;
      hash.update(chunk);
      bytes += chunk.length;
      if (keep) kept.push(chunk);
    }
  } catch (error) {
    throw new BootFailure(`HTTP ${url}: the download broke after ${bytes} bytes`, { cause: error });
  }
  const text = Buffer.concat(kept).toString("utf8");
  if (response.statusCode !== 200) {
    throw new BootFailure(`HTTP ${url}: status ${response.statusCode ?? "none"} ${text.trim()}`);
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
      reject(new BootFailure(`HTTP ${url}: ${messageOf(error)}`, { cause: error }));
    });
    request.end(body);
  });
}
