import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";

/** How a host is reached, and which certificate it must have. */
export interface Way {
  readonly proxy: URL | null;
  /** The only trust for the host's certificate, as PEM text; null: the roots that Node brings. */
  readonly ca: string | null;
  readonly connectTimeoutMs: number;
}

/** A failure to reach a host that no error of Node's tells apart. Explained in origin-errors.ts. */
export class ConnectError extends Error {
  readonly code: "ETIMEDOUT" | "ECONNRESET" | "PROXY_REFUSED";
  /** What the proxy answered. */
  readonly status: number | null;

  constructor(code: ConnectError["code"], message: string, status: number | null = null) {
    super(message);
    this.name = "ConnectError";
    this.code = code;
    this.status = status;
  }
}

/** A certificate as its owner presents it. */
export interface Presented {
  /** SHA-256 in hex with colons, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

// What the orchestrator allows from one address is far more.
const MAX_SOCKETS = 4;
const TLS = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] } as const;

export interface OriginAgent {
  readonly agent: HttpAgent;
  /** The certificate of the last connection that was trusted. */
  readonly presented: () => Presented | null;
}

/** An agent that keeps connections to one origin, through the proxy where there is one. */
export function agentFor(url: string, way: Way): OriginAgent {
  let last: Presented | null = null;
  const seen = (socket: TLSSocket): void => {
    last = presentedBy(socket.getPeerCertificate());
  };
  const Base = new URL(url).protocol === "https:" ? HttpsAgent : HttpAgent;
  const agent = new Base({ keepAlive: true, maxSockets: MAX_SOCKETS });
  agent.createConnection = (_options, callback) => {
    const connect = async (): Promise<void> => {
      let socket: Socket | TLSSocket;
      try {
        socket = await open(url, way);
      } catch (error) {
        // Its type wants a stream, even where there is none.
        callback?.(asError(error), new Duplex());
        return;
      }
      if ("getPeerCertificate" in socket) seen(socket);
      callback?.(null, socket);
    };
    void connect();
    return undefined;
  };
  return { agent, presented: () => last };
}

/** A connection to the URL's host, with TLS established and its certificate checked for `https:`. */
async function open(url: string, way: Way): Promise<Socket | TLSSocket> {
  const { protocol } = new URL(url);
  if (protocol !== "https:") return (await openPlain(url, way)).socket;
  return openTls(url, way, true);
}

/**
 * What certificate the URL's host presents, whether it is trusted or not. Nothing is sent or
 * believed: this is for people who have to compare it. Null when it cannot be had.
 */
export async function lookAtCertificate(url: string, way: Way): Promise<Presented | null> {
  try {
    const socket = await openTls(url, way, false);
    const presented = presentedBy(socket.getPeerCertificate());
    socket.destroy();
    return presented;
  } catch {
    return null;
  }
}

/** A TLS connection; unless `trusted` is asked for, its `authorized` says whether it is. */
export async function openTls(url: string, way: Way, trusted: boolean): Promise<TLSSocket> {
  const { hostname } = new URL(url);
  const { socket: plain, deadline } = await openPlain(url, way);
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...TLS,
      socket: plain,
      ...(isIP(hostname) === 0 ? { servername: hostname } : { host: hostname }),
      ...(way.ca === null ? {} : { ca: way.ca }),
      rejectUnauthorized: trusted,
    });
    // Its errors come through the socket above it; one that did not must not end the process.
    plain.on("error", (error) => socket.destroy(error));
    const timer = setTimeout(
      () => socket.destroy(timedOut()),
      Math.max(1, deadline - performance.now()),
    );
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("close", () => failed(reset()));
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

interface Plain {
  readonly socket: Socket;
  /** Until when, as of `performance.now`, the connection has to be ready. */
  readonly deadline: number;
}

/** A TCP connection to the URL's host, or a tunnel through the proxy (RFC 9110 9.3.6). */
function openPlain(url: string, way: Way): Promise<Plain> {
  const deadline = performance.now() + way.connectTimeoutMs;
  const { hostname, port, protocol } = new URL(url);
  const target = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port === "" ? (protocol === "https:" ? 443 : 80) : port),
  };
  return new Promise((resolve, reject) => {
    const { proxy } = way;
    if (proxy !== null) {
      tunnel(target, proxy, way.connectTimeoutMs, (error, socket) => {
        if (socket === null) reject(error ?? reset());
        else resolve({ socket, deadline });
      });
      return;
    }
    const socket = connectTcp({ ...target, noDelay: true });
    const timer = setTimeout(() => socket.destroy(timedOut()), way.connectTimeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve({ socket, deadline });
    });
  });
}

function tunnel(
  target: { readonly host: string; readonly port: number },
  proxy: URL,
  timeoutMs: number,
  done: (error: Error | null, socket: Socket | null) => void,
): void {
  const to = `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`;
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const secure = proxy.protocol === "https:";
  const asked = (secure ? httpsRequest : httpRequest)({
    ...(secure ? { minVersion: TLS.minVersion } : {}),
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port === "" ? (secure ? 443 : 80) : proxy.port,
    method: "CONNECT",
    path: to,
    agent: false,
    headers: {
      host: to,
      ...(credentials === ":"
        ? {}
        : { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` }),
    },
  });
  asked.setTimeout(timeoutMs, () => asked.destroy(timedOut()));
  asked.once("connect", (response, socket) => {
    if (response.statusCode === 200) {
      socket.setTimeout(0);
      done(null, socket);
    } else {
      socket.destroy();
      done(refusedByProxy(response), null);
    }
  });
  asked.once("response", (response) => {
    response.destroy();
    done(refusedByProxy(response), null);
  });
  asked.on("error", (error) => done(error, null));
  asked.end();
}

function presentedBy(certificate: PeerCertificate): Presented | null {
  const { fingerprint256, valid_to: until } = certificate;
  // A peer that has none gives an empty object.
  if (typeof fingerprint256 !== "string" || fingerprint256 === "") return null;
  return { fingerprint: fingerprint256, expiresAtMs: Date.parse(until) };
}

function timedOut(): ConnectError {
  return new ConnectError("ETIMEDOUT", "the connection was not ready in time");
}

function reset(): ConnectError {
  return new ConnectError("ECONNRESET", "closed during the handshake");
}

function refusedByProxy({ statusCode }: IncomingMessage): ConnectError {
  return new ConnectError("PROXY_REFUSED", "the proxy refused the tunnel", statusCode ?? null);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : reset();
}
