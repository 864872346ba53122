import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { bindError } from "../lib/bind-error.ts";
import { errnoOf } from "../lib/errors.ts";

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
    throw bindError({ transport: "TCP", address: at.host, port: at.port, device: null }, thrown);
  }
  const bound: AddressInfo | string | null = app.server.address();
  return typeof bound === "object" && bound !== null
    ? { host: bound.address, port: bound.port }
    : at;
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
