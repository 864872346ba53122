import { loadBatchedSockets } from "../../src/net/batches/batched-sockets.ts";
import { eventLoopPoll } from "../../src/net/busy-poll.ts";
import { dgramSockets } from "../../src/net/dgram.ts";
import { transferSocketOpener } from "../../src/net/transfer-socket.ts";
import type { OpenConnectedUdp, UdpSockets } from "../../src/net/udp.ts";

/** A transfer's sockets by these. */
export function transferOpener(udp: UdpSockets): OpenConnectedUdp {
  const poll = eventLoopPoll(() => process.resourceUsage().involuntaryContextSwitches);
  return transferSocketOpener(poll, udp);
}

/** Those of the running server. */
export const serverUdp = (await loadBatchedSockets()) ?? dgramSockets;

/** A transfer's sockets as the running server opens them. */
export const openTransferUdp = transferOpener(serverUdp);
