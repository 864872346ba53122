import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { errnoOf } from "../../../src/lib/errors.ts";
import type { Heard } from "../../../src/net/batches/answer-wait.ts";
import { batchSocket } from "../../../src/net/batches/batch-socket.ts";
import { Outbox } from "../../../src/net/batches/outbox.ts";
import { BATCH, type BatchCalls, type Outcome } from "../../../src/net/batches/system-calls.ts";
import type { UdpEndpoint, UdpSocket } from "../../../src/net/udp.ts";

const local: UdpEndpoint = { address: "192.0.2.1", port: 67 };
const peer: UdpEndpoint = { address: "192.0.2.9", port: 68 };

/** A kernel with one socket. */
class FakeKernel implements BatchCalls {
  /** The first byte of each datagram that it took. */
  readonly sent: number[] = [];
  /** How many more it takes. */
  room = Infinity;
  /** Datagrams with these first bytes are refused. */
  readonly refused = new Map<number, string>();
  readonly incoming: (number | string)[] = [];
  readonly started: boolean[] = [];
  isWatched = true;
  /** Calls. */
  sends = 0;
  ready: (failed: boolean) => void = () => {};
  readonly closed: number[] = [];
  #batch: number[] = [];
  #received: number[] = [];

  socket = (): Outcome => 3;
  option = (): Outcome => 0;
  bind = (): Outcome => 0;
  connect = (): Outcome => 0;
  local = (): UdpEndpoint => local;

  receive(): Outcome {
    const [first] = this.incoming;
    if (first === undefined) return "EAGAIN";
    if (typeof first === "string") return String(this.incoming.shift());
    const until = this.incoming.findIndex((one) => typeof one === "string");
    const count = Math.min(BATCH, until === -1 ? this.incoming.length : until);
    this.#received = this.incoming.splice(0, count).map(Number);
    return count;
  }

  receiveOne(): Uint8Array | string | null {
    const first = this.incoming.shift() ?? null;
    return typeof first === "number" ? Uint8Array.of(first) : first;
  }

  payload = (index: number): Uint8Array => Uint8Array.of(this.#received[index] ?? 0);
  sender = (): UdpEndpoint => peer;

  put(index: number, payload: Uint8Array): void {
    this.#batch[index] = payload[0] ?? 0;
  }

  send(_: number, first: number, end: number): Outcome {
    this.sends += 1;
    const batch = this.#batch.slice(first, end);
    const refusal = this.refused.get(batch[0] ?? 0);
    if (refusal !== undefined) return refusal;
    if (this.room === 0) return "EAGAIN";
    const bad = batch.findIndex((one) => this.refused.has(one));
    const taken = batch.slice(0, Math.min(this.room, bad === -1 ? batch.length : bad));
    this.room -= taken.length;
    this.sent.push(...taken);
    return taken.length;
  }

  sendLarge(_: number, payload: Uint8Array): Outcome {
    if (this.room === 0) return "EAGAIN";
    this.room -= 1;
    this.sent.push(payload[0] ?? 0);
    return payload.length;
  }

  watch(_: number, ready: (failed: boolean) => void) {
    this.ready = ready;
    return {
      start: (forWriting: boolean) => {
        this.started.push(forWriting);
        this.isWatched = true;
      },
      stop: () => void (this.isWatched = false),
      end: () => void this.closed.push(0),
    };
  }

  close(descriptor: number): void {
    this.closed.push(descriptor);
  }

  yieldCore = (): void => {};
  hasEvents = (): boolean => false;
}

let kernel: FakeKernel;
let socket: UdpSocket;
let errors: (string | null)[];
/** What connected sockets give to those that wait for answers. */
let takes: (() => Heard)[];

function open(connectedTo: UdpEndpoint | null): UdpSocket {
  const answerWait = { handled: (take: () => Heard) => void takes.push(take) };
  const shared = { calls: kernel, outbox: new Outbox(kernel), answerWait };
  const opened = batchSocket(shared, 3, local, connectedTo);
  opened.onError((error) => errors.push(errnoOf(error)));
  return opened;
}

beforeEach(() => {
  // A turn ends after some time, too: of the handlers', not of what else the machine does.
  vi.useFakeTimers({ toFake: ["performance"] });
  kernel = new FakeKernel();
  errors = [];
  takes = [];
  socket = open(null);
});
afterEach(() => void vi.useRealTimers());

function send(...bytes: readonly number[]): void {
  for (const byte of bytes) socket.send(Uint8Array.of(byte), peer);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

describe("a socket of batches", () => {
  test("sends what is gathered before the event loop waits, and at once what makes a batch", async () => {
    send(1, 2);
    expect(kernel.sent).toEqual([]);
    await nextTurn();
    expect(kernel.sent).toEqual([1, 2]);
    send(...upTo(BATCH + 1));
    expect(kernel.sent).toHaveLength(2 + BATCH);
    await nextTurn();
    expect(kernel.sent).toHaveLength(2 + BATCH + 1);
  });

  test("answers of handlers leave when the batch was handled", () => {
    socket.onMessage((payload, from) => socket.send(payload, from));
    kernel.incoming.push(...upTo(BATCH + 3));
    kernel.ready(false);
    expect(kernel.sent).toEqual(upTo(BATCH + 3));
  });

  test("gives others their turn after some batches", () => {
    let heard = 0;
    socket.onMessage(() => (heard += 1));
    kernel.incoming.push(...upTo(5 * BATCH));
    kernel.ready(false);
    expect(heard).toBe(4 * BATCH);
    kernel.ready(false);
    expect(heard).toBe(5 * BATCH);
  });

  test("gives others their turn after a time, where each datagram takes long", () => {
    let heard = 0;
    socket.onMessage(() => {
      heard += 1;
      vi.advanceTimersByTime(3 / BATCH);
    });
    kernel.incoming.push(...upTo(4 * BATCH));
    kernel.ready(false);
    expect(heard).toBe(2 * BATCH);
    kernel.ready(false);
    expect(heard).toBe(4 * BATCH);
  });

  test("what a slow link does not take waits for it, large and small in their order", async () => {
    kernel.room = 2;
    send(1, 2, 3, 4);
    await nextTurn();
    expect(kernel.sent).toEqual([1, 2]);
    expect(kernel.started).toEqual([true]);
    send(5);
    socket.send(new Uint8Array(5000).fill(6), peer);
    send(7);
    kernel.room = 3;
    kernel.ready(false);
    expect(kernel.sent).toEqual([1, 2, 3, 4, 5]);
    kernel.room = Infinity;
    kernel.ready(false);
    expect(kernel.sent).toEqual([1, 2, 3, 4, 5, 6, 7]);
    // No longer.
    expect(kernel.started.at(-1)).toBe(false);
  });

  test("more than some megabytes do not wait", async () => {
    kernel.room = 0;
    send(1);
    await nextTurn();
    const large = new Uint8Array(60_000);
    for (let n = 0; n < 200; n += 1) socket.send(large, peer);
    kernel.room = Infinity;
    for (let n = 0; n < 5; n += 1) kernel.ready(false);
    expect(kernel.sent.length).toBeGreaterThan(60);
    expect(kernel.sent.length).toBeLessThan(80);
  });

  test("one that cannot be sent is reported and left out, also where hearing of it sends something", async () => {
    kernel.refused.set(2, "EPERM").set(5, "ENETUNREACH");
    socket.onError(() => send(...upTo(2).map((n) => n + 90)));
    send(1, 2, 3, 4, 5, 6);
    await nextTurn();
    await nextTurn();
    expect(errors).toEqual(["EPERM", "ENETUNREACH"]);
    expect(kernel.sent).toEqual([1, 3, 4, 6, 90, 91, 90, 91]);
  });

  test("a peer that is gone is reported, and the watch that libuv has ended begins again", () => {
    const heard: number[] = [];
    socket.onMessage((payload) => heard.push(payload[0] ?? 0));
    kernel.incoming.push("ECONNREFUSED", 1, 2);
    kernel.ready(true);
    expect(errors).toEqual(["ECONNREFUSED"]);
    expect(heard).toEqual([1, 2]);
    expect(kernel.started).toEqual([false]);
  });

  test("is closed once, by its watch first, and then does nothing", async () => {
    send(1);
    await Promise.all([socket.close(), socket.close()]);
    send(2);
    kernel.incoming.push(1);
    kernel.ready(false);
    await nextTurn();
    expect(kernel.sent).toEqual([1]);
    expect(kernel.closed).toEqual([0, 3]);
    expect(kernel.incoming).toEqual([1]);
  });

  test("is waited for when it is connected, one datagram at a time, whose answer leaves at once", () => {
    kernel.ready(false);
    expect(takes).toEqual([]);
    const connected = open(peer);
    connected.onMessage((payload, from) => {
      if (payload[0] !== 9) connected.send(payload, from);
    });
    kernel.incoming.push(1);
    kernel.ready(false);
    const [take] = takes;
    expect(takes).toHaveLength(1);
    expect(take?.()).toBe("nothing");
    kernel.incoming.push(2, 9, 3);
    expect(take?.()).toBe("answered");
    expect(kernel.sent).toEqual([1, 2]);
    // Its answer may come later, as that to a client whose file is read first.
    expect(take?.()).toBe("unanswered");
    expect(take?.()).toBe("answered");
    expect(kernel.sent).toEqual([1, 2, 3]);
  });

  test("is waited for no longer when its peer is gone, or it is closed", async () => {
    const connected = open(peer);
    kernel.ready(false);
    const [take] = takes;
    kernel.incoming.push("ECONNREFUSED", 1);
    expect(take?.()).toBe("unanswered");
    expect(errors).toEqual(["ECONNREFUSED"]);
    connected.onMessage((payload, from) => {
      connected.send(payload, from);
      void connected.close();
    });
    expect(take?.()).toBe("unanswered");
    expect(kernel.sent).toEqual([1]);
    kernel.incoming.push(2);
    expect(take?.()).toBe("unanswered");
    expect(kernel.incoming).toEqual([2]);
  });

  describe("that may gather what arrives", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
      socket.onMessage((payload, from) => socket.send(payload, from));
    });

    /** One datagram after the other, 4,000 a second; how often the event loop reported one. */
    const arrive = (count: number): number => {
      let reported = 0;
      for (let n = 0; n < count; n += 1) {
        kernel.incoming.push(n % 200);
        if (kernel.isWatched) {
          kernel.ready(false);
          reported += 1;
        }
        vi.advanceTimersByTime(0.25);
      }
      return reported;
    };

    test("does so where much arrives: it reads again after a millisecond, all at once", () => {
      socket.gather?.();
      arrive(150);
      expect(kernel.isWatched).toBe(false);
      const [sent, sends] = [kernel.sent.length, kernel.sends];
      expect(arrive(100)).toBe(0);
      expect(kernel.sent.length - sent).toBeGreaterThan(90);
      expect(kernel.sends - sends).toBeLessThan(30);
    });

    test("hears the event loop again when nothing came meanwhile", () => {
      socket.gather?.();
      arrive(150);
      expect(kernel.isWatched).toBe(false);
      vi.advanceTimersByTime(3);
      expect(kernel.isWatched).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    });

    test("never does so unless it is told to", () => {
      expect(arrive(500)).toBe(500);
    });

    test("does not wait while the link takes no more", () => {
      socket.gather?.();
      arrive(150);
      kernel.room = 0;
      arrive(10);
      expect(kernel.isWatched).toBe(true);
      expect(kernel.started.at(-1)).toBe(true);
      kernel.room = Infinity;
      kernel.sent.length = 0;
      kernel.ready(false);
      expect(kernel.sent.length).toBeGreaterThan(3);
    });

    test("reads nothing once it is closed", async () => {
      socket.gather?.();
      arrive(150);
      await socket.close();
      kernel.incoming.push(1);
      vi.advanceTimersByTime(50);
      expect(kernel.incoming.length).toBeGreaterThan(0);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
