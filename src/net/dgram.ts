import { createSocket, type BindOptions, type Socket } from "node:dgram";
import { InternalError } from "../lib/errors.ts";
import { bindError, type WantedSocket } from "../lib/bind-error.ts";
import { formatEndpoint, sameEndpoint } from "./udp.ts";
import type { OpenConnectedUdp, OpenUdp, UdpEndpoint, UdpSocket, UdpSockets } from "./udp.ts";

/** A burst of clients must not overrun the socket; the kernel cuts this to `net.core.rmem_max`. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Beyond the kernel's own buffer Node keeps what waits to be sent, without a limit. On a link that
 * takes less than it asks for, that would grow until the process ends; so from here on it is lost.
 */
const SEND_QUEUE_BYTES = 4 * 1024 * 1024;

/** A socket bound to one address of this host. */
export const openDgram: OpenUdp = async (local) => {
  const socket = newSocket();
  await bind(socket, { address: local.address, port: local.port, exclusive: true }, local, null);
  return adapt(socket, null);
};

/**
 * The same for broadcasts: on `0.0.0.0` it receives them, on an address it sends them out of that
 * address's link. Others that ask for it may share the port, since the two are opened as a pair.
 */
export const openDgramShared: OpenUdp = async (local) => {
  const socket = newSocket(true);
  await bind(socket, { address: local.address, port: local.port, exclusive: true }, local, null);
  socket.setBroadcast(true);
  return adapt(socket, null);
};

/**
 * A socket that talks to one peer only, and learns when that peer is gone. It may share its port, so
 * that another one can receive from everybody else.
 */
export const openDgramConnected: OpenConnectedUdp = async (local, remote) => {
  const socket = newSocket(true);
  await bind(socket, { address: local.address, port: local.port, exclusive: true }, local, null);
  try {
    await connect(socket, remote);
  } catch (error) {
    socket.close();
    throw bindError(udp(local, null), error);
  }
  return adapt(socket, remote);
};

/** Rejects where no datagram can go: port 0, or a network without a route. */
function connect(socket: Socket, remote: UdpEndpoint): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    // Node calls this back with an error as well, which its types do not say.
    socket.connect(remote.port, remote.address, (error?: Error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

/**
 * Takes over a socket that is bound already (by systemd, or by us through libc) and lets it send
 * broadcasts. `local` and `device` are for error texts. Throws `BindError`.
 */
export async function adoptDgram(
  fd: number,
  local: UdpEndpoint,
  device: string | null,
): Promise<UdpSocket> {
  const socket = newSocket();
  await bind(socket, { fd, exclusive: true }, local, device);
  socket.setBroadcast(true);
  return adapt(socket, null);
}

export const dgramSockets: UdpSockets = {
  waitsForAnswers: false,
  open: openDgram,
  openShared: openDgramShared,
  openConnected: openDgramConnected,
  adopt: adoptDgram,
};

function udp({ address, port }: UdpEndpoint, device: string | null): WantedSocket {
  return { transport: "UDP", address, port, device };
}

function newSocket(reuseAddr = false): Socket {
  return createSocket({
    type: "udp4",
    reuseAddr,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Only literal addresses come here: no resolver, and no turn of the event loop lost.
    lookup: (address, _options, callback) => callback(null, address, 4),
  });
}

function bind(
  socket: Socket,
  options: BindOptions,
  local: UdpEndpoint,
  device: string | null,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close();
      reject(bindError(udp(local, device), error));
    };
    socket.once("error", failed);
    socket.bind(options, () => {
      socket.off("error", failed);
      resolve();
    });
  });
}

/** Our interface over a bound `dgram` socket; `peer` is set when it is connected. */
function adapt(socket: Socket, peer: UdpEndpoint | null): UdpSocket {
  const errorHandlers: ((error: Error) => void)[] = [];
  const fail = (error: Error): void => {
    for (const handler of errorHandlers) handler(error);
  };
  // Without a listener of ours an error event would end the process.
  socket.on("error", fail);
  const bound = socket.address();
  let closing: Promise<void> | null = null;
  const sent = (error: Error | null): void => {
    if (error !== null && closing === null) fail(error);
  };
  /** A datagram of the peer is being handled. */
  let hearing = false;

  return {
    local: { address: bound.address, port: bound.port },
    send(payload, to) {
      if (closing !== null || socket.getSendQueueSize() > SEND_QUEUE_BYTES) return;
      try {
        if (peer === null) return socket.send(payload, to.port, to.address, sent);
        if (!sameEndpoint(peer, to)) {
          throw new InternalError(`a socket to ${formatEndpoint(peer)} cannot send elsewhere`);
        }
        // Node calls back by way of its queue of ticks, which takes longer than all of our own work. A peer
        // that has just sent something is there, and any other error occurs with a later send, too.
        if (hearing) socket.send(payload);
        else socket.send(payload, sent);
      } catch (error) {
        fail(error instanceof Error ? error : new InternalError(String(error)));
      }
    },
    onMessage(handler) {
      socket.on("message", (payload, from) => {
        hearing = true;
        handler(payload, { address: from.address, port: from.port });
        hearing = false;
      });
    },
    onError(handler) {
      errorHandlers.push(handler);
    },
    close() {
      closing ??= new Promise<void>((resolve) => {
        socket.close(resolve);
      });
      return closing;
    },
  };
}
