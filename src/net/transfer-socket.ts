import { createSocket, type Socket } from "node:dgram";
import { InternalError } from "../lib/errors.ts";
import { bindError } from "./bind-error.ts";
import { openDgramShared } from "./dgram.ts";
import { type OpenConnectedUdp, sameEndpoint, type UdpEndpoint, type UdpSocket } from "./udp.ts";

/**
 * Opens a port for one transfer with one peer: a pair of sockets on the same port. One is connected,
 * so that `onError` hears `ECONNREFUSED` when the peer is gone, and sending is a little faster. The
 * other hears everybody else and answers them; without it the kernel would turn them away, and a
 * protocol that owes strangers an answer of its own (RFC 1350 4) could not give it. Linux hands each
 * datagram to the socket that matches its sender best, so the peer's never reach the second one.
 * Throws `BindError`, and then nothing is left open.
 */
export const openTransferUdp: OpenConnectedUdp = async (local, peer) => {
  const strangers = await openDgramShared(local);
  const errorHandlers: ((error: Error) => void)[] = [];
  const fail = (error: Error): void => {
    for (const handler of errorHandlers) handler(error);
  };
  let connected: Socket;
  try {
    connected = await openConnected(strangers.local, peer);
  } catch (error) {
    await strangers.close();
    throw error;
  }
  connected.on("error", fail);
  let closing: Promise<void> | null = null;
  const sent = (error: Error | null): void => {
    if (error !== null && closing === null) fail(error);
  };

  return {
    local: strangers.local,
    send(payload, to) {
      if (closing !== null) return;
      if (!sameEndpoint(peer, to)) {
        strangers.send(payload, to);
        return;
      }
      try {
        connected.send(payload, sent);
      } catch (error) {
        fail(error instanceof Error ? error : new InternalError(String(error)));
      }
    },
    onMessage(handler) {
      connected.on("message", (payload) => handler(payload, peer));
      strangers.onMessage(handler);
    },
    onError(handler) {
      // That a stranger could not be answered is no trouble of the transfer's.
      errorHandlers.push(handler);
    },
    close() {
      closing ??= closeBoth(connected, strangers);
      return closing;
    },
  };
};

async function closeBoth(connected: Socket, strangers: UdpSocket): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    connected.close(resolve);
  });
  await Promise.all([closed, strangers.close()]);
}

async function openConnected(local: UdpEndpoint, peer: UdpEndpoint): Promise<Socket> {
  const socket = createSocket({
    type: "udp4",
    reuseAddr: true,
    lookup: (address, _options, callback) => callback(null, address, 4),
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close();
      reject(bindError(local, error, null));
    };
    socket.once("error", failed);
    socket.bind({ address: local.address, port: local.port, exclusive: true }, () => {
      socket.connect(peer.port, peer.address, () => {
        socket.off("error", failed);
        resolve();
      });
    });
  });
  return socket;
}
