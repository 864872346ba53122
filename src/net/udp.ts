import type { Ip4 } from "../lib/ip4.ts";

/** One end of a UDP conversation. */
export interface UdpEndpoint {
  readonly address: Ip4;
  /** 0 to 65535; 0 only where a free port is asked for. */
  readonly port: number;
}

/** To whom a datagram was sent: to this host, or to everybody on its link; undefined where that is not known. */
export type Arrival = "unicast" | "broadcast" | undefined;

/** A bound UDP socket, as the protocols see it. */
export interface UdpSocket {
  /** Where it is bound, with the port that the kernel chose. */
  readonly local: UdpEndpoint;
  /**
   * Sends one datagram, or loses it. Never throws and never waits; failures go to `onError`. After
   * `close` it does nothing.
   */
  send(payload: Uint8Array, to: UdpEndpoint): void;
  /**
   * Adds a handler for each datagram that arrives. The payload is the handler's to keep. What
   * arrives before there is a handler is lost, so register in the same turn in which the socket was had.
   */
  onMessage(handler: (payload: Uint8Array, from: UdpEndpoint, arrival?: Arrival) => void): void;
  /** Adds a handler for what went wrong later: a failed send, or (connected sockets) a peer that is gone. */
  onError(handler: (error: Error) => void): void;
  /**
   * From now on what arrives may wait a millisecond for more, where much arrives, so that it is handled together. For servers
   * whose clients do not wait for one answer after the other. Absent: it never waits.
   */
  gather?(): void;
  /** Frees the port; resolves when it is free. May be called more than once. */
  close(): Promise<void>;
}

/** Opens a socket bound to one local address; port 0 takes any free one. Throws `BindError`. */
export type OpenUdp = (local: UdpEndpoint) => Promise<UdpSocket>;

/**
 * Opens a socket that talks to one peer only: the kernel drops what others send, and `onError` gets
 * `ECONNREFUSED` when the peer's port is closed (ICMP port unreachable), which no other socket on
 * Linux gets. The payload that a handler of `onMessage` gets is its own only until it returns. A send that
 * fails in such a handler may be reported with the next one only. `send` to anybody but the peer is an
 * error. Throws `BindError`.
 */
export type OpenConnectedUdp = (local: UdpEndpoint, remote: UdpEndpoint) => Promise<UdpSocket>;

/** Where UDP sockets come from: Node's `dgram` (`dgram.ts`), or batches (`batches/batched-sockets.ts`). */
export interface UdpSockets {
  /** A socket bound to one address of this host, whose port it shares with nobody. */
  readonly open: OpenUdp;
  /**
   * The same for broadcasts: on `0.0.0.0` it receives them, on an address it sends them out of that
   * address's link. Others that ask for it may share the port, since the two are opened as a pair.
   */
  readonly openShared: OpenUdp;
  /** A socket that talks to one peer only. It may share its port, so that another one can receive from everybody else. */
  readonly openConnected: OpenConnectedUdp;
  /** Connected sockets wait a moment for the answer to what they answered, so that a caller does not have to. */
  readonly waitsForAnswers: boolean;
  /**
   * Takes over a socket that is bound already (by systemd, or by us through libc) and lets it send broadcasts. `local` and
   * `device` are for error texts. Throws `BindError`, and then the descriptor is the caller's to close.
   */
  readonly adopt: (
    descriptor: number,
    local: UdpEndpoint,
    device: string | null,
  ) => Promise<UdpSocket>;
}

export function formatEndpoint(endpoint: UdpEndpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}

export function sameEndpoint(a: UdpEndpoint, b: UdpEndpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
