import type { BusyPoll } from "./busy-poll.ts";
import { dgramSockets } from "./dgram.ts";
import { type OpenConnectedUdp, sameEndpoint, type UdpSocket, type UdpSockets } from "./udp.ts";

/**
 * Opens the sockets of transfers: for each a pair on the same port. One is connected to the peer, so that
 * `onError` reports `ECONNREFUSED` when the peer is gone, and sending is a little faster. The other
 * receives what anybody else sends, and answers it; without it the kernel would discard that, and a protocol
 * that has to answer unknown senders (RFC 1350 4) could not. Linux hands each datagram to the socket that
 * matches its sender best, so the peer's never reach the second one. `poll` is called when a datagram of the
 * peer was handled, unless `udp` waits for answers itself. Throws `BindError`, and then nothing is left open.
 */
export function transferSocketOpener(
  poll: Pick<BusyPoll, "datagramHandled">,
  udp: UdpSockets = dgramSockets,
): OpenConnectedUdp {
  return async (local, peer) => {
    const unconnected = await udp.openShared(local);
    let connected: UdpSocket;
    try {
      connected = await udp.openConnected(unconnected.local, peer);
    } catch (error) {
      await unconnected.close();
      throw error;
    }
    return {
      local: unconnected.local,
      send: (payload, to) => (sameEndpoint(peer, to) ? connected : unconnected).send(payload, to),
      onMessage(handler) {
        connected.onMessage((payload, from) => {
          handler(payload, from);
          if (!udp.waitsForAnswers) poll.datagramHandled();
        });
        unconnected.onMessage(handler);
      },
      // That an unknown sender could not be answered does not concern the transfer.
      onError: (handler) => connected.onError(handler),
      async close() {
        await Promise.all([connected.close(), unconnected.close()]);
      },
    };
  };
}
