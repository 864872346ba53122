import { type BusyPoll, busyPoll } from "./busy-poll.ts";
import { openDgramConnected, openDgramShared } from "./dgram.ts";
import { type OpenConnectedUdp, sameEndpoint, type UdpEndpoint, type UdpSocket } from "./udp.ts";

/**
 * Opens a port for one transfer with one peer: a pair of sockets on the same port. One is connected,
 * so that `onError` hears `ECONNREFUSED` when the peer is gone, and sending is a little faster. The
 * other hears everybody else and answers them; without it the kernel would turn them away, and a
 * protocol that owes strangers an answer of its own (RFC 1350 4) could not give it. Linux hands each
 * datagram to the socket that matches its sender best, so the peer's never reach the second one.
 * Throws `BindError`, and then nothing is left open.
 */
export const openTransferUdp: OpenConnectedUdp = (local, peer) => openPair(local, peer, busyPoll);

/** The same; `poll` is told when a datagram of the peer was handled. */
export async function openPair(
  local: UdpEndpoint,
  peer: UdpEndpoint,
  poll: Pick<BusyPoll, "heard">,
): Promise<UdpSocket> {
  const strangers = await openDgramShared(local);
  let connected: UdpSocket;
  try {
    connected = await openDgramConnected(strangers.local, peer);
  } catch (error) {
    await strangers.close();
    throw error;
  }
  return {
    local: strangers.local,
    send: (payload, to) => (sameEndpoint(peer, to) ? connected : strangers).send(payload, to),
    onMessage(handler) {
      connected.onMessage((payload, from) => {
        handler(payload, from);
        poll.heard();
      });
      strangers.onMessage(handler);
    },
    // That a stranger could not be answered is no trouble of the transfer's.
    onError: (handler) => connected.onError(handler),
    async close() {
      await Promise.all([connected.close(), strangers.close()]);
    },
  };
}
