import { eventLoopPoll } from "../../src/net/busy-poll.ts";
import { transferSocketOpener } from "../../src/net/transfer-socket.ts";

/** A transfer's sockets as the running server opens them. */
export const openTransferUdp = transferSocketOpener(
  eventLoopPoll(() => process.resourceUsage().involuntaryContextSwitches),
);
