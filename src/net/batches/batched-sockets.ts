import { bindCallError } from "../../lib/bind-error.ts";
import { dgramSockets } from "../dgram.ts";
import type { UdpEndpoint, UdpSocket, UdpSockets } from "../udp.ts";
import { AnswerWait } from "./answer-wait.ts";
import { batchSocket } from "./batch-socket.ts";
import { Outbox } from "./outbox.ts";
import { type BatchCalls, loadBatchCalls, type Outcome } from "./system-calls.ts";

/*
 * UDP sockets whose datagrams come and go in batches: one call of the kernel for up to 64 of them, where Node's `dgram` takes one
 * for each, and 64 KiB of memory to receive it. What is there to be read is learnt from Node's own event loop (`poll` of koffi,
 * libuv's `uv_poll`), so there is no thread, and nothing is handed over. What is sent in one turn of the event loop is
 * gathered, and sent at the end of the handlers of the batch that brought it about. Where a peer is likely to answer at once, its
 * answer is waited for without the event loop.
 *
 *   system-calls.ts     the calls, and the memory that batches are in
 *   outbox.ts           what is sent in this turn
 *   gathering.ts        DHCP's sockets: where much arrives, it is read together
 *   answer-wait.ts      transfers' sockets, whose peers answer at once
 *   batch-socket.ts     one socket: batches to its handlers, errors, what waits for a slow link
 *   batched-sockets.ts  how sockets are opened
 *
 * docs/design/datagrams.md has what was measured, and why it is so.
 */

// <sys/socket.h> on Linux.
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_RCVBUF = 8;

/** A burst of clients must not overrun the socket; the kernel cuts this to `net.core.rmem_max`. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Null where they cannot be had: without koffi, or on another system than Linux. */
export async function loadBatchedSockets(): Promise<UdpSockets | null> {
  const calls = await loadBatchCalls();
  return calls === null ? null : batchedSockets(calls);
}

/** @param calls which have one memory for all sockets */
export function batchedSockets(calls: BatchCalls): UdpSockets {
  const outbox = new Outbox(calls);
  const answerWait = new AnswerWait({
    now: () => performance.now(),
    yieldCore: () => calls.yieldCore(),
    hasEvents: () => calls.hasEvents(),
    nextTurn: setImmediate,
  });
  const shared = { calls, outbox, answerWait };

  /** Closes the descriptor again where a step fails. Throws `BindError`. */
  const prepare = (
    descriptor: number,
    wanted: UdpEndpoint,
    steps: readonly (readonly [name: string, perform: () => Outcome])[],
  ): UdpEndpoint => {
    for (const [name, perform] of steps) {
      const result = perform();
      if (typeof result === "number") continue;
      calls.close(descriptor);
      throw bindCallError({ transport: "UDP", ...wanted, device: null }, name, result);
    }
    return calls.local(descriptor) ?? wanted;
  };
  const open = (local: UdpEndpoint, isShared: boolean, peer: UdpEndpoint | null): UdpSocket => {
    const made = calls.socket();
    if (typeof made === "string") {
      throw bindCallError({ transport: "UDP", ...local, device: null }, "socket", made);
    }
    const sharedPort = [
      ["SO_REUSEADDR", () => calls.option(made, SO_REUSEADDR, 1)],
      ["SO_BROADCAST", () => calls.option(made, SO_BROADCAST, 1)],
    ] as const;
    const bound = prepare(made, local, [
      ...(isShared ? sharedPort : []),
      ["SO_RCVBUF", () => calls.option(made, SO_RCVBUF, RECEIVE_BUFFER_BYTES)],
      ["bind", () => calls.bind(made, local)],
      ...(peer === null ? [] : [["connect", () => connect(made, peer)] as const]),
    ]);
    try {
      return batchSocket(shared, made, bound, peer);
    } catch (error) {
      calls.close(made);
      throw error;
    }
  };
  /** Linux takes port 0, to which no datagram can go. */
  const connect = (descriptor: number, peer: UdpEndpoint): Outcome =>
    peer.port === 0 ? "EINVAL" : calls.connect(descriptor, peer);

  return {
    waitsForAnswers: true,
    open: async (local) => open(local, false, null),
    openShared: async (local) => open(local, true, null),
    openConnected: async (local, peer) => open(local, true, peer),
    async adopt(descriptor, local, device) {
      const bound = calls.local(descriptor);
      // What else it may be, `dgram` finds out.
      if (bound === null) return dgramSockets.adopt(descriptor, local, device);
      calls.option(descriptor, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
      calls.option(descriptor, SO_BROADCAST, 1);
      return batchSocket(shared, descriptor, bound, null);
    },
  };
}
