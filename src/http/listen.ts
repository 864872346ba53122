import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { bindError } from "../lib/bind-error.ts";
import { errnoOf } from "../lib/errors.ts";
import type { Admission, Place, Shortage } from "./connections/admission.ts";
import { Connection } from "./connections/connection.ts";
import type { ConnectionTimeouts, QuickAnswer } from "./connections/connection-options.ts";
import { Handshakes, type TlsIdentitySource } from "./connections/handshakes.ts";
import { ParserTurns } from "./connections/parser-turns.ts";
import { SendQueues } from "./connections/send-queues.ts";
import { TurnedAway } from "./connections/turned-away.ts";

/** How the HTTP ports are opened and closed. */

export interface HttpEndpoint {
  /** An address of this host, or `0.0.0.0` for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** A port that is open, with the address and port that were really taken. */
export interface HttpPort extends HttpEndpoint {
  /**
   * Takes no more requests and closes idle connections; downloads under way have `graceMs` to end,
   * then their connections are closed.
   */
  close(graceMs: number): Promise<void>;
}

/** Long enough for firmware that writes a header in pieces, and for the longest pause of a machine that still boots. */
const timeouts: ConnectionTimeouts = { headerMs: 15_000, bodyMs: 15_000, idleMs: 60_000 };

/** Connections that wait to be accepted: a site's machines are switched on at the same moment. The kernel's limit holds too. */
const backlog = 4096;

export interface ListenOptions {
  /** Who may have a connection; shared by the ports that share the limit. */
  readonly admission: Admission;
  /** A client was refused a connection. */
  readonly refused: (address: string, shortage: Shortage) => void;
  /** What is answered without the framework; null or absent: nothing. */
  readonly quick?: QuickAnswer | null;
  /** Accepts those that wait beside one that Node accepts; null or absent: Node accepts them, one in each turn of the event loop. */
  readonly acceptWaiting?: ((server: Server, allowHalfOpen: boolean) => readonly Socket[]) | null;
  /** Null or absent: plain HTTP. */
  readonly tls?: TlsPort | null;
}

export interface TlsPort {
  readonly identity: TlsIdentitySource;
  /** No connection came of a client's handshake. */
  readonly failed: (address: string, reason: string) => void;
}

/** Opens the port and serves `app` on it until that is closed. Throws `BindError`, and has closed `app` then. */
export async function listen(
  app: FastifyInstance,
  at: HttpEndpoint,
  { admission, refused, quick = null, acceptWaiting = null, tls = null }: ListenOptions,
): Promise<HttpPort> {
  const open = new Set<Connection>();
  const sendQueues = new SendQueues();
  const turns = new ParserTurns();
  const turnedAway = new TurnedAway();
  const busy = (connection: Place) => admission.busy(connection);
  const idle = (connection: Place) => admission.idleNow(connection);
  // Node's HTTP server does not listen by itself: it is given connections that hold requests back.
  const serve = (socket: Socket): void => {
    const connection = new Connection(socket, { timeouts, sendQueues, turns, busy, idle, quick });
    open.add(connection);
    admission.add(connection);
    connection.once("close", () => {
      open.delete(connection);
      admission.remove(connection);
    });
    app.server.emit("connection", connection);
  };
  const handshakes =
    tls === null
      ? null
      : new Handshakes({
          source: tls.identity,
          admission,
          timeoutMs: timeouts.headerMs,
          done: serve,
          failed: tls.failed,
        });
  // By TLS, who closes has said so.
  const allowHalfOpen = handshakes === null;
  const accept = (socket: Socket): void => {
    const address = socket.remoteAddress;
    // Its client gave up while it waited.
    if (address === undefined) {
      socket.destroy();
      return;
    }
    const shortage = admission.shortageFor(address);
    if (shortage === null) {
      if (handshakes === null) serve(socket);
      else handshakes.add(socket);
      return;
    }
    // Without a handshake nobody could read the answer.
    if (handshakes === null) turnedAway.add(socket);
    else socket.destroy();
    refused(address, shortage);
  };
  const server = createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    accept(socket);
    for (const one of acceptWaiting?.(server, allowHalfOpen) ?? []) accept(one);
  });
  app.server.prependListener("request", (request, response) => {
    if (request.socket instanceof Connection) request.socket.begin(request, response);
  });
  app.addHook("onClose", async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    // The server itself knows of those only that Node accepted.
    const ended = [...open].map((connection) => once(connection, "close").catch(() => {}));
    for (const connection of open) connection.finishUp();
    turnedAway.close();
    handshakes?.close();
    await Promise.all([closed, ...ended]);
  });
  try {
    await app.ready();
    await bind(server, at);
  } catch (thrown) {
    await app.close();
    if (errnoOf(thrown)?.startsWith("E") !== true) throw thrown;
    throw bindError({ transport: "TCP", address: at.host, port: at.port, device: null }, thrown);
  }
  const bound = server.address();
  const { address, port } =
    typeof bound === "object" && bound !== null ? bound : { address: at.host, port: at.port };
  return {
    host: address,
    port,
    close: async (graceMs) => {
      server.close();
      const timer = setTimeout(() => open.forEach((connection) => connection.destroy()), graceMs);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function bind(server: Server, { host, port }: HttpEndpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
