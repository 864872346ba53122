import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { errnoOf, messageOf } from "../../lib/errors.ts";
import type { Admission, Place } from "./admission.ts";

/** A certificate with what follows it up to its CA, and its private key, both as PEM text. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** The identity of a port, which may be renewed while it is open. */
export interface TlsIdentitySource {
  readonly current: TlsIdentity;
  /** Hears of each new one until the returned function is called. */
  subscribe(listener: (identity: TlsIdentity) => void): () => void;
}

export interface HandshakeOptions {
  readonly source: TlsIdentitySource;
  readonly admission: Admission;
  readonly timeoutMs: number;
  readonly done: (socket: TLSSocket) => void;
  /** The client broke it off, sent no TLS, or does not trust us. */
  readonly failed: (address: string, reason: string) => void;
}

/** TLS handshakes on accepted connections. Each takes a place, and gives it up first where places are short. */
export class Handshakes {
  readonly #server: Server;
  readonly #options: HandshakeOptions;
  readonly #unsubscribe: () => void;
  /** By the client's address and port, the latest: it may come again before we hear that the one before is closed. */
  readonly #places = new Map<string, Place>();

  constructor(options: HandshakeOptions) {
    const { source, timeoutMs } = options;
    this.#options = options;
    this.#server = createServer({
      ...source.current,
      handshakeTimeout: timeoutMs,
      minVersion: "TLSv1.2",
    });
    this.#server.on("secureConnection", (socket) => {
      this.#giveUpPlace(endOf(socket));
      options.done(socket);
    });
    this.#server.on("tlsClientError", (error, socket) => {
      // Of a socket that is closed already, it says nothing but that.
      if (errnoOf(error) !== "ECONNRESET") this.#fail(endOf(socket), messageOf(error));
      socket.destroy();
    });
    this.#unsubscribe = source.subscribe((identity) => this.#server.setSecureContext(identity));
  }

  /** A connection that has a place to begin with. */
  add(socket: Socket): void {
    const { admission } = this.#options;
    const end = endOf(socket);
    const isLatest = (): boolean => this.#places.get(end) === place;
    const place: Place = {
      address: socket.remoteAddress ?? "",
      destroy: () => {
        if (isLatest()) this.#places.delete(end);
        socket.destroy();
      },
    };
    this.#places.set(end, place);
    admission.add(place);
    socket.once("close", () => {
      if (isLatest()) this.#fail(end, "the client closed the connection during the handshake");
      else admission.remove(place);
    });
    this.#server.emit("connection", socket);
  }

  close(): void {
    this.#unsubscribe();
    for (const place of this.#places.values()) place.destroy();
  }

  #fail(end: string, reason: string): void {
    const place = this.#giveUpPlace(end);
    if (place !== null) this.#options.failed(place.address, reason);
  }

  /** Null when it had none any more. */
  #giveUpPlace(end: string): Place | null {
    const place = this.#places.get(end);
    if (place === undefined) return null;
    this.#places.delete(end);
    this.#options.admission.remove(place);
    return place;
  }
}

function endOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
