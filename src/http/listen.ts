import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { BindError, errnoOf, messageOf } from "../lib/errors.ts";

/** How the HTTP ports are opened and closed. */

export interface HttpEndpoint {
  /** An address of this host, or `0.0.0.0` for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** Opens the port and serves `app` on it; returns the address and port that were really taken. Throws `BindError`. */
export async function listen(app: FastifyInstance, at: HttpEndpoint): Promise<HttpEndpoint> {
  try {
    await app.listen({ host: at.host, port: at.port });
  } catch (thrown) {
    if (errnoOf(thrown)?.startsWith("E") !== true) throw thrown;
    throw new BindError(`cannot bind TCP ${at.host}:${at.port}: ${explain(at, thrown)}`, {
      cause: thrown,
    });
  }
  const bound: AddressInfo | string | null = app.server.address();
  return typeof bound === "object" && bound !== null
    ? { host: bound.address, port: bound.port }
    : at;
}

function explain(at: HttpEndpoint, thrown: unknown): string {
  switch (errnoOf(thrown) ?? "") {
    case "EADDRINUSE":
      return (
        `another program holds the port. See which with: ss -ltnp 'sport = :${at.port}'; ` +
        `stop it, or choose another port (http.port, admin.listen)`
      );
    case "EACCES":
    case "EPERM":
      return (
        `this user may not open the port; ports below 1024 need CAP_NET_BIND_SERVICE. ` +
        `Choose a port from 1024 up (http.port, admin.listen), or run as root, or in a systemd unit ` +
        `with AmbientCapabilities=CAP_NET_BIND_SERVICE, or in a container with --cap-add=NET_BIND_SERVICE`
      );
    case "EADDRNOTAVAIL":
      return `no network interface of this host has the address ${at.host}. See which there are with: ip -4 addr`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the name ${at.host} could not be resolved; give an address instead`;
    default:
      return messageOf(thrown);
  }
}

/** Takes no more requests; downloads under way have `graceMs` to end, then their connections are closed. */
export async function closeApp(app: FastifyInstance, graceMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
  // After its download a client's connection waits for no next request.
  app.server.keepAliveTimeout = 1;
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
