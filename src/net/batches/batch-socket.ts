import { InternalError } from "../../lib/errors.ts";
import { formatEndpoint, sameEndpoint, type UdpEndpoint, type UdpSocket } from "../udp.ts";
import type { AnswerWait, Heard } from "./answer-wait.ts";
import { GATHER_MS, Gathering } from "./gathering.ts";
import type { Outbox, Outgoing, Sender } from "./outbox.ts";
import { BATCH, type BatchCalls, LARGEST_IN_BATCH } from "./system-calls.ts";

/** On a link that takes less than it is asked for, more than this is lost. */
const SEND_QUEUE_BYTES = 4 * 1024 * 1024;
/** Batches, or errors, that are read before others have their turn. */
const BATCHES_IN_ONE_TURN = 4;
/** No further one is read after this time: under fire at every port each of them would wait for all the others. */
const TURN_MS = 4;

/** What all sockets share. */
export interface SharedParts {
  readonly calls: BatchCalls;
  readonly outbox: Outbox;
  readonly answerWait: Pick<AnswerWait, "handled">;
}

/** An error of a call, as Node's own have it. */
class CallError extends Error {
  readonly code: string;

  constructor(call: string, code: string) {
    super(`${call} ${code}`);
    this.code = code;
  }
}

/**
 * Our interface over a bound descriptor, which it takes over. `peer` is set when it is connected.
 *
 * @param shared by all sockets; a connected one waits for the answers of its peer
 */
export function batchSocket(
  { calls, outbox, answerWait }: SharedParts,
  descriptor: number,
  local: UdpEndpoint,
  peer: UdpEndpoint | null,
): UdpSocket {
  const handlers: Parameters<UdpSocket["onMessage"]>[0][] = [];
  const errorHandlers: ((error: Error) => void)[] = [];
  /** The kernel takes no more for now. */
  let waiting: Outgoing[] = [];
  let waitingBytes = 0;
  /** Datagrams that were sent, or are to be. */
  let dispatched = 0;
  let isClosed = false;
  /** Null: what arrives never waits for more. */
  let gathering: Gathering | null = null;
  /** While it runs, nothing is read. */
  let gatherTimer: NodeJS.Timeout | null = null;

  const fail = (error: Error): void => {
    for (const handler of errorHandlers) handler(error);
  };
  const sender: Sender = {
    descriptor,
    postponed(datagrams) {
      waiting = [...datagrams, ...waiting];
      waitingBytes = waiting.reduce((sum, { payload }) => sum + payload.length, 0);
      watchOn();
    },
    failed(errno) {
      if (!isClosed) fail(new CallError("send", errno));
    },
  };
  const dispatch = (datagram: Outgoing): void => {
    dispatched += 1;
    const { payload, to } = datagram;
    if (payload.length <= LARGEST_IN_BATCH) return outbox.add(sender, datagram);
    outbox.flush();
    // What the flush postponed comes first.
    if (waiting.length > 0) return postpone(datagram);
    const sent = calls.sendLarge(descriptor, payload, to);
    if (sent === "EAGAIN") sender.postponed([datagram]);
    else if (typeof sent === "string") sender.failed(sent);
  };
  const postpone = (datagram: Outgoing): void => {
    if (waitingBytes > SEND_QUEUE_BYTES) return;
    waiting.push(datagram);
    waitingBytes += datagram.payload.length;
  };
  const sendWaiting = (): void => {
    const datagrams = waiting;
    [waiting, waitingBytes] = [[], 0];
    watchOn();
    for (const datagram of datagrams) {
      if (waiting.length > 0) postpone(datagram);
      else dispatch(datagram);
    }
    outbox.flush();
  };
  const deliver = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      if (isClosed) return;
      const payload = calls.payload(index);
      const from = peer ?? calls.sender(index);
      for (const handler of handlers) handler(payload, from);
    }
  };
  /** For `AnswerWait`. */
  const takeOne = (): Heard => {
    if (isClosed || peer === null) return "unanswered";
    const payload = calls.receiveOne(descriptor);
    if (payload === null) return "nothing";
    const before = dispatched;
    outbox.hold();
    try {
      if (typeof payload === "string") fail(new CallError("recv", payload));
      else for (const handler of handlers) handler(payload, peer);
    } finally {
      outbox.release();
    }
    return dispatched > before && !isClosed ? "answered" : "unanswered";
  };
  const receive = (): number => {
    outbox.hold();
    try {
      return receiveBatches();
    } finally {
      outbox.release();
    }
  };
  const receiveBatches = (): number => {
    const untilMs = performance.now() + TURN_MS;
    let all = 0;
    for (let turns = 0; turns < BATCHES_IN_ONE_TURN; turns += 1) {
      if (isClosed || (turns > 0 && performance.now() >= untilMs)) break;
      const received = calls.receive(descriptor);
      if (received === "EAGAIN") break;
      if (typeof received === "string") fail(new CallError("recv", received));
      else {
        all += received;
        deliver(received);
        if (received < BATCH) break;
      }
    }
    return all;
  };
  /** Reads again when something is there, or can be sent. */
  const watchOn = (): void => {
    if (gatherTimer !== null) clearTimeout(gatherTimer);
    gatherTimer = null;
    watch.start(waiting.length > 0);
  };
  /** Reads again after a moment. */
  const gatherMore = (): void => {
    if (gatherTimer === null) watch.stop();
    gatherTimer?.refresh();
    gatherTimer ??= setTimeout(() => ready(false), GATHER_MS);
  };
  const ready = (hasFailed: boolean): void => {
    if (isClosed) return;
    try {
      const received = receive();
      if (isClosed) return;
      if (waiting.length > 0) sendWaiting();
      const waits = gathering?.waitsAfter(received, performance.now()) ?? false;
      if (waits && waiting.length === 0) gatherMore();
      else if (hasFailed || gatherTimer !== null) watchOn();
      if (peer !== null) answerWait.handled(takeOne);
    } catch (error) {
      // Into the hands of the process, as from any other handler: koffi would keep it.
      setImmediate(() => {
        throw error;
      });
    }
  };
  const watch = calls.watch(descriptor, ready);

  return {
    local,
    send(payload, to) {
      if (isClosed) return;
      if (peer !== null && !sameEndpoint(peer, to)) {
        return fail(new InternalError(`a socket to ${formatEndpoint(peer)} cannot send elsewhere`));
      }
      if (to.port < 1 || to.port > 65_535) return fail(new CallError("send", "EINVAL"));
      const datagram = { payload, to: peer === null ? to : null };
      if (waiting.length > 0) postpone(datagram);
      else dispatch(datagram);
    },
    onMessage: (handler) => void handlers.push(handler),
    onError: (handler) => void errorHandlers.push(handler),
    gather() {
      gathering ??= new Gathering();
    },
    close() {
      if (!isClosed) {
        outbox.flush();
        isClosed = true;
        if (gatherTimer !== null) clearTimeout(gatherTimer);
        watch.end();
        calls.close(descriptor);
      }
      return Promise.resolve();
    },
  };
}
