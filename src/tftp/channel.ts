import { BindError, errnoOf, messageOf } from "../lib/errors.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { OpenConnectedUdp, UdpEndpoint, UdpSocket } from "../net/udp.ts";
import type { DataPorts } from "./data-ports.ts";

/** Our end of one transfer: a socket of its own, or the listening one. */
export interface Channel {
  readonly socket: UdpSocket;
  /** Frees what belongs to this transfer alone. May be called more than once. */
  release(): Promise<void>;
}

export interface ChannelHandlers {
  /** A datagram came, from the client or from anybody else. */
  heard(socket: UdpSocket, payload: Uint8Array, from: UdpEndpoint): void;
  /** No datagram will find the client any more. */
  failed(socket: UdpSocket, reason: string): void;
}

/** The channel of a transfer in single-port mode. */
export function sharedChannel(socket: UdpSocket): Channel {
  return { socket, release: () => Promise.resolve() };
}

/**
 * A channel with a socket of its own on `address`, for one client; null when every one of `ports` is
 * in use. Without `ports` the kernel chooses one. Throws `BindError` when it is refused for another reason.
 */
export async function openChannel(
  open: OpenConnectedUdp,
  address: Ip4,
  client: UdpEndpoint,
  ports: DataPorts | null,
  handlers: ChannelHandlers,
): Promise<Channel | null> {
  if (ports === null) return adopt(await open({ address, port: 0 }, client), () => {}, handlers);
  for (let tries = 0; tries < ports.size; tries++) {
    const port = ports.take();
    if (port === null) return null;
    try {
      const socket = await open({ address, port }, client);
      return adopt(socket, () => ports.giveBack(port), handlers);
    } catch (error) {
      ports.giveBack(port);
      // Another program holds this one; any other trouble is the same on every port.
      if (!(error instanceof BindError && errnoOf(error.cause) === "EADDRINUSE")) throw error;
    }
  }
  return null;
}

function adopt(socket: UdpSocket, closed: () => void, handlers: ChannelHandlers): Channel {
  socket.onMessage((payload, from) => handlers.heard(socket, payload, from));
  socket.onError((error) => {
    if (!isPassing(error)) handlers.failed(socket, describeFailure(error));
  });
  let released: Promise<void> | null = null;
  return {
    socket,
    release() {
      released ??= socket.close().then(closed);
      return released;
    },
  };
}

/** The kernel had no room for a packet: the same as a loss, and mended in the same way. */
function isPassing(error: Error): boolean {
  return ["EAGAIN", "ENOBUFS", "ENOMEM", "EINTR"].includes(errnoOf(error) ?? "");
}

function describeFailure(error: Error): string {
  // ICMP port unreachable, as a connected socket hears it.
  if (errnoOf(error) === "ECONNREFUSED") return "the client is gone: its port is closed";
  return `cannot send: ${messageOf(error)}`;
}
