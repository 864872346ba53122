import { Agent as HttpAgent, type ClientRequest, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  checkServerIdentity,
  connect as connectTls,
  type PeerCertificate,
  TLSSocket,
} from "node:tls";
import { HttpsProxyAgent } from "https-proxy-agent";
import { CertificateError, type Presented, presentedBy } from "./certificates.ts";
import type { Proxy } from "./proxy.ts";

/** How a host is reached, and which certificate it must have. */
export interface Way {
  readonly proxy: Proxy | null;
  /** The only trust for the host's certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: string | null;
  /** Whether a host is asked although its certificate is not trusted: what comes is believed for what it is alone. */
  readonly acceptsAny?: boolean;
  readonly connectTimeoutMs: number;
}

/** A failure to reach a host that no error of Node's tells apart. Explained in origin-errors.ts. */
export class ConnectError extends Error {
  readonly code: "ETIMEDOUT" | "ECONNRESET" | "PROXY_REFUSED";
  /** What the proxy answered. */
  readonly refusal: ProxyRefusal | null;

  constructor(code: ConnectError["code"], message: string, refusal: ProxyRefusal | null = null) {
    super(message);
    this.name = "ConnectError";
    this.code = code;
    this.refusal = refusal;
  }
}

export interface ProxyRefusal {
  readonly status: number;
  /** The schemes of Proxy-Authenticate, in lower case. */
  readonly schemes: readonly string[];
}

// What the orchestrator allows from one address is far more.
const MAX_SOCKETS = 4;
const TLS = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] } as const;

export interface OutgoingRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PATCH";
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

/** The way to one origin, with connections that are kept. */
export interface WayOut {
  /** A request to a URL of the origin, not sent yet. */
  request(url: string, options: OutgoingRequest): ClientRequest;
  /** The certificate of the last connection. */
  readonly presented: () => Presented | null;
  close(): void;
}

/** @param origin the URL of the origin, or of anything on it */
export function wayOut(origin: string, way: Way): WayOut {
  let last: Presented | null = null;
  const onTls = (socket: TLSSocket): void => {
    last = presentedBy(socket);
  };
  const { proxy } = way;
  const presented = () => last;
  const keep = { keepAlive: true, maxSockets: MAX_SOCKETS };
  if (new URL(origin).protocol === "https:") {
    const agent =
      proxy === null
        ? connectingAgent(new HttpsAgent(keep), () => openTls(origin, way), onTls)
        : new TunnelAgent(proxy, way, origin, onTls);
    return {
      request: (url, options) => httpsRequest(url, { ...options, agent }),
      presented,
      close: () => agent.destroy(),
    };
  }
  const agent = connectingAgent(new HttpAgent(keep), () => openPlain(origin, way), onTls);
  return {
    // RFC 9112 3.2.2: a proxy is told the whole URL.
    request: (url, options) =>
      httpRequest(url, {
        ...options,
        agent,
        ...(proxy === null ? {} : { path: url }),
        headers: { ...options.headers, ...authorizationFor(proxy) },
      }),
    presented,
    close: () => agent.destroy(),
  };
}

function authorizationFor(proxy: Proxy | null): Record<string, string> {
  return proxy?.authorization ? { "proxy-authorization": proxy.authorization } : {};
}

/** The agent, with connections that are ready when it gets them. */
function connectingAgent(
  agent: HttpAgent,
  open: () => Promise<Socket>,
  onTls: (socket: TLSSocket) => void,
): HttpAgent {
  agent.createConnection = (_options, callback) => {
    const connect = async (): Promise<void> => {
      let socket: Socket;
      try {
        socket = await open();
      } catch (error) {
        // Its type wants a stream, even where there is none.
        callback?.(asError(error), new Duplex());
        return;
      }
      if (socket instanceof TLSSocket) onTls(socket);
      callback?.(null, socket);
    };
    void connect();
    return undefined;
  };
  return agent;
}

/** TLS through a proxy (RFC 9110 9.3.6). */
class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #proxy: Proxy;
  readonly #way: Way;
  readonly #tls: ReturnType<typeof originTls>;
  readonly #onTls: (socket: TLSSocket) => void;

  constructor(proxy: Proxy, way: Way, origin: string, onTls: (socket: TLSSocket) => void) {
    super(proxy.shown, { keepAlive: true, maxSockets: MAX_SOCKETS });
    this.#proxy = proxy;
    this.#way = way;
    this.#tls = originTls(origin, way);
    this.#onTls = onTls;
  }

  override async connect(
    request: ClientRequest,
    options: Parameters<HttpsProxyAgent<string>["connect"]>[1],
  ): Promise<Socket> {
    const { connectTimeoutMs } = this.#way;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), connectTimeoutMs);
    let refusal: ProxyRefusal | null = null;
    let socket: Socket | null = null;
    // An error of the connection to the proxy that does not reach the one above it must not end the process.
    request.once("proxy", ({ socket: plain }: { readonly socket: Socket }) => {
      plain.on("error", (error) => socket?.destroy(error));
    });
    request.once("proxyConnect", (answer: ConnectAnswer) => {
      refusal = refusalIn(answer);
    });
    try {
      // One for each connection, for each has a time of its own.
      const tunnel = new HttpsProxyAgent(this.#proxy.shown, {
        signal: stop.signal,
        noDelay: true,
        minVersion: TLS.minVersion,
        headers: authorizationFor(this.#proxy),
      });
      socket = await tunnel.connect(request, { ...options, ...this.#tls });
      if (refusal !== null) {
        socket.destroy();
        throw new ConnectError("PROXY_REFUSED", "the proxy refused the tunnel", refusal);
      }
      if (!(socket instanceof TLSSocket)) throw reset();
      await established(socket, this.#way);
      this.#onTls(socket);
      return socket;
    } catch (error) {
      throw stop.signal.aborted ? timedOut() : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

interface ConnectAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

function refusalIn({ statusCode, headers }: ConnectAnswer): ProxyRefusal | null {
  // Any 2xx opens it, and 200 is what all of them say.
  return statusCode === 200
    ? null
    : { status: statusCode, schemes: schemesIn(headers["proxy-authenticate"]) };
}

/** The schemes of a WWW-Authenticate or Proxy-Authenticate: `Negotiate`, `Basic realm="x"`. */
export function schemesIn(header: string | readonly string[] | undefined): string[] {
  const text = [header ?? []].flat().join(", ");
  return [...text.matchAll(/(?:^|,)\s*([a-z][a-z0-9-]*)(?=\s+[^=,\s]|\s*(?:,|$))/gi)].map((match) =>
    (match[1] ?? "").toLowerCase(),
  );
}

function originTls(url: string, { ca }: Way) {
  const host = hostOf(url);
  return {
    ...TLS,
    // A name alone may be asked for (RFC 6066 3).
    servername: isIP(host) === 0 ? host : "",
    // What the site names is trusted, whether it is a root, an intermediate or the certificate itself.
    ...(ca === null ? {} : { ca, allowPartialTrustChain: true }),
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(host, certificate),
    // Judged by `established`, which can still see the certificate then.
    rejectUnauthorized: false,
  };
}

/** A TLS connection to the URL's host, with its certificate checked. */
async function openTls(url: string, way: Way): Promise<TLSSocket> {
  const deadline = performance.now() + way.connectTimeoutMs;
  const plain = await connected(hostOf(url), portOf(url), way.connectTimeoutMs);
  const socket = connectTls({ ...originTls(url, way), socket: plain });
  // Its errors come through the socket above it; one that did not must not end the process.
  plain.on("error", (error) => socket.destroy(error));
  const left = Math.max(1, deadline - performance.now());
  const timer = setTimeout(() => socket.destroy(timedOut()), left);
  try {
    await established(socket, way);
    return socket;
  } finally {
    clearTimeout(timer);
  }
}

/** A connection to the URL's host, or to the proxy that asks it. */
async function openPlain(url: string, { proxy, connectTimeoutMs }: Way): Promise<Socket> {
  if (proxy === null) return connected(hostOf(url), portOf(url), connectTimeoutMs);
  if (!proxy.secure) return connected(proxy.host, proxy.port, connectTimeoutMs);
  const { shown } = proxy;
  return openTls(shown, { proxy: null, ca: null, connectTimeoutMs });
}

/** A TCP connection. */
function connected(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(timedOut()), timeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

/** Waits for the handshake, and ends a connection whose certificate is not trusted. */
function established(socket: TLSSocket, { acceptsAny = false }: Way): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(reset());
    socket.once("error", reject).once("close", closed);
    socket.once("secureConnect", () => {
      socket.off("error", reject).off("close", closed);
      if (socket.authorized || acceptsAny) {
        resolve();
        return;
      }
      const error = new CertificateError(socket);
      socket.destroy();
      reject(error);
    });
  });
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port === "" ? (protocol === "https:" ? 443 : 80) : port);
}

function timedOut(): ConnectError {
  return new ConnectError("ETIMEDOUT", "the connection was not ready in time");
}

function reset(): ConnectError {
  return new ConnectError("ECONNRESET", "closed during the handshake");
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : reset();
}
