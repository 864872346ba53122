import { open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { InternalError } from "../lib/errors.ts";
import type { Certificate } from "../lib/certificate.ts";
import { htmlPage, type ServedVersion, type StaticReply, staticReply } from "./static-reply.ts";

/** What the real ingress accepts; AES-128 is not among it. */
const CIPHERS = [
  "DHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "TLS_AES_256_GCM_SHA384",
].join(":");
const CHUNK_BYTES = 256 * 1024;

/** A file's content: in memory, or the path of a file on disk. */
export type Content = Uint8Array | string;

export interface OrchestratorOptions {
  /** By name below the prefix: `boot.ipxe`, `keys/db.der`. */
  readonly files: ReadonlyMap<string, Content>;
  readonly certificate: Certificate;
  /** Default: loopback, and a free port. */
  readonly host?: string;
  readonly port?: number;
  readonly prefix?: string;
  /** What one address may ask in a second, as the ingress limits it; more is answered with 429. Default: no limit. */
  readonly requestsPerSecond?: number;
  /** Milliseconds, for the limit. */
  readonly now?: () => number;
}

/** May take an answer into its own hands, and says whether it did. */
export type Intercept = (
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
) => boolean;

/**
 * A stand-in for the orchestrator's provisioning host: an HTTPS server that answers as the real one's
 * nginx does, with its entity tags, dates, ranges and error pages, below `/tink-stack`, and that gives
 * its own certificate as `keys/Full_server.crt`.
 */
export interface Orchestrator {
  readonly port: number;
  /** What `artifacts.origin` has to be, by the name `localhost` or any other of the certificate. */
  url(host?: string): string;
  /** What was asked and sent since the start. */
  readonly counters: { readonly requests: number; readonly bodyBytes: number };
  /** Replaces or adds a file, in place and at once, with a modification time later than the former one's. */
  replace(name: string, content: Content): void;
  remove(name: string): void;
  intercept(handler: Intercept | null): void;
  /** What it would answer to this request for a file that is in memory. */
  replyTo(name: string, request: IncomingMessage): StaticReply;
  close(): Promise<void>;
}

interface MemoryFile {
  readonly content: Content;
  /** Seconds since the epoch, as in an entity tag. */
  readonly modifiedSeconds: number;
}

export async function startOrchestrator(options: OrchestratorOptions): Promise<Orchestrator> {
  const { certificate, host = "127.0.0.1", prefix = "/tink-stack" } = options;
  const files = new Map<string, MemoryFile>();
  const counters = { requests: 0, bodyBytes: 0 };
  const { requestsPerSecond = Number.POSITIVE_INFINITY, now = () => performance.now() } = options;
  const window = { second: 0, requests: 0 };
  const isTooMuch = (): boolean => {
    const second = Math.floor(now() / 1000);
    if (window.second !== second) Object.assign(window, { second, requests: 0 });
    window.requests += 1;
    return window.requests > requestsPerSecond;
  };
  let handler: Intercept | null = null;
  // Of an orchestrator that has been up for a day: dates of this moment would make a mirror look twice.
  const startedSeconds = Math.floor(Date.now() / 1000) - 86_400;

  const replace = (name: string, content: Content): void => {
    const former = files.get(name)?.modifiedSeconds ?? startedSeconds;
    files.set(name, { content, modifiedSeconds: former + 1 });
  };
  replace("keys/Full_server.crt", Buffer.from(certificate.cert));
  for (const [name, content] of options.files) replace(name, content);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    counters.requests += 1;
    const path = decodeURIComponent(new URL(request.url ?? "/", "https://x").pathname);
    const name = path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : null;
    if (handler?.(name ?? path, request, response) === true) return;
    if (isTooMuch()) {
      response.writeHead(429, { "content-type": "text/html" }).end(htmlPage(429));
      return;
    }
    const file = name === null ? undefined : files.get(name);
    const opened = file === undefined ? null : await openVersion(file);
    try {
      const reply = staticReply(request.method ?? "GET", request.headers, opened?.version ?? null);
      response.writeHead(reply.status, { server: "nginx", ...reply.headers });
      if (request.method === "HEAD") return void response.end();
      if (opened === null || reply.range === null) return void response.end(htmlPage(reply.status));
      const { first, last } = reply.range;
      for (let at = first; at <= last; at += CHUNK_BYTES) {
        const chunk = await opened.read(at, Math.min(CHUNK_BYTES, last + 1 - at));
        // Cut short on disk while it was being sent: nginx closes the connection, too.
        if (chunk.length === 0) return void response.destroy();
        counters.bodyBytes += chunk.length;
        if (!response.write(chunk)) await drained(response);
        if (response.destroyed) return;
      }
      response.end();
    } finally {
      await opened?.close();
    }
  };

  const server = createServer(
    { ...certificate, minVersion: "TLSv1.2", ciphers: CIPHERS, keepAliveTimeout: 65_000 },
    (request, response) => {
      answer(request, response).catch(() => response.destroy());
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new InternalError("no TCP port was bound");

  return {
    port: bound.port,
    url: (name = "localhost") => `https://${name}:${bound.port}${prefix}`,
    counters,
    replace,
    remove: (name) => void files.delete(name),
    replyTo: (name, request) => {
      const file = files.get(name);
      const size = typeof file?.content === "string" ? 0 : (file?.content.length ?? 0);
      const version = file === undefined ? null : { ...file, size };
      return staticReply(request.method ?? "GET", request.headers, version);
    },
    intercept: (next) => {
      handler = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface OpenVersion {
  readonly version: ServedVersion;
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

async function openVersion({ content, modifiedSeconds }: MemoryFile): Promise<OpenVersion | null> {
  if (typeof content !== "string") {
    return {
      version: { size: content.length, modifiedSeconds },
      read: (at, length) => Promise.resolve(content.subarray(at, at + length)),
      close: () => Promise.resolve(),
    };
  }
  const handle = await open(content, "r").catch(() => null);
  if (handle === null) return null;
  const { size, mtimeMs } = await handle.stat();
  return {
    version: { size, modifiedSeconds: Math.floor(mtimeMs / 1000) },
    read: async (at, length) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

/** Until more can be written, or nobody is there any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
