import { PortInUseError } from "../../lib/bind-error.ts";
import { errnoOf, messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { sameEndpoint } from "../../net/udp.ts";
import type { OpenConnectedUdp, UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import type { DataPorts } from "./data-ports.ts";
import { encodePacket, ErrorCode, errorPacket, type TftpPacket } from "../wire/packet.ts";

/** Our end of one transfer: a socket of its own, or the listening one. */
export interface Channel {
  readonly socket: UdpSocket;
  /** Gets the client's packets; null: nobody does, or the listener passes them on. */
  receiver: Receiver | null;
  /** Frees what belongs to this transfer alone. May be called more than once. */
  release(): Promise<void>;
}

export interface Receiver {
  receive(packet: TftpPacket): void;
  /** Datagrams no longer reach the client. */
  fail(reason: string): void;
}

/** The packet in a datagram; null when it is malformed, which is reported. */
export type Decode = (payload: Uint8Array, from: UdpEndpoint) => TftpPacket | null;

/** What becomes of a datagram. */
export interface Heard {
  readonly decode: Decode;
  /** Whether an address is answered at all. */
  readonly allows: (sender: Ip4) => boolean;
}

/** The channel of a transfer in single-port mode: the listener tells the transfers' packets apart. */
export function sharedChannel(socket: UdpSocket): Channel {
  return { socket, receiver: null, release: () => Promise.resolve() };
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
  heard: Heard,
): Promise<Channel | null> {
  if (ports === null) {
    return adopt(await open({ address, port: 0 }, client), client, () => {}, heard);
  }
  for (let tries = 0; tries < ports.size; tries++) {
    const port = ports.take();
    if (port === null) return null;
    try {
      const socket = await open({ address, port }, client);
      return adopt(socket, client, () => ports.giveBack(port), heard);
    } catch (error) {
      ports.giveBack(port);
      // Another program uses this port; any other failure would be the same on every port.
      if (!(error instanceof PortInUseError)) throw error;
    }
  }
  return null;
}

function adopt(
  socket: UdpSocket,
  client: UdpEndpoint,
  closed: () => void,
  { decode, allows }: Heard,
): Channel {
  let released: Promise<void> | null = null;
  const channel: Channel = {
    socket,
    receiver: null,
    release() {
      channel.receiver = null;
      released ??= socket.close().then(closed);
      return released;
    },
  };
  socket.onMessage((payload, from) => {
    const packet = decode(payload, from);
    if (packet === null) return;
    if (sameEndpoint(from, client)) channel.receiver?.receive(packet);
    else if (allows(from.address)) answerUnknownSender(socket, packet, from);
  });
  socket.onError((error) => {
    if (!isTemporary(error)) channel.receiver?.fail(describeFailure(error));
  });
  return channel;
}

/**
 * RFC 1350 4: a packet from another TID gets an ERROR and does not disturb the transfer. An ERROR is never
 * answered.
 */
function answerUnknownSender(socket: UdpSocket, packet: TftpPacket, from: UdpEndpoint): void {
  if (packet.opcode === "error" || from.port === 0) return;
  const error = errorPacket(ErrorCode.UNKNOWN_TRANSFER_ID, "unknown transfer ID");
  socket.send(encodePacket(error), from);
}

/** The kernel had no room for a packet: the same as a loss, and repaired by a retransmission. */
function isTemporary(error: Error): boolean {
  return ["EAGAIN", "ENOBUFS", "ENOMEM", "EINTR"].includes(errnoOf(error) ?? "");
}

function describeFailure(error: Error): string {
  // ICMP port unreachable, as a connected socket hears it.
  if (errnoOf(error) === "ECONNREFUSED") return "the client is gone: its port is closed";
  return `cannot send: ${messageOf(error)}`;
}
