import type { KernelSockets } from "./kernel-sockets.ts";

/** What is called when something happens on a descriptor. */
export interface Watcher {
  readable(): void;
  writable(): void;
}

/** How long the turns of the loop took, in milliseconds: what comes meanwhile waits. */
export interface TurnTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Node's own events (standard input, signals) get their turn this often. */
const waitMs = 5;
const sweepMs = 20;
/** Turns by their duration: a counter for each tenth of a power of two of microseconds. */
const stepsOfTwo = 10;

/**
 * The event loop of a load generator: waits for the kernel by itself and hands Node a turn in between. A callback
 * may not block.
 */
export class LoadLoop {
  readonly sockets: KernelSockets;
  readonly #watchers = new Map<
    number,
    { readonly descriptor: number; readonly watcher: Watcher }
  >();
  readonly #deadlines = new Map<object, { atMs: number; readonly expire: () => void }>();
  readonly #turns: number[] = [];
  #lastId = 0;
  #sweepAtMs = 0;
  #maxMs = 0;

  constructor(sockets: KernelSockets) {
    this.sockets = sockets;
  }

  /** Watches a descriptor, for reading or for writing; the number is for `rewatch` and `close`. */
  watch(descriptor: number, watcher: Watcher, forWriting: boolean): number {
    this.#lastId = (this.#lastId % 0xffff_fff0) + 1;
    const id = this.#lastId;
    this.#watchers.set(id, { descriptor, watcher });
    this.sockets.watch(descriptor, id, forWriting);
    return id;
  }

  rewatch(id: number, forWriting: boolean): void {
    const found = this.#watchers.get(id);
    if (found !== undefined) this.sockets.rewatch(found.descriptor, id, forWriting);
  }

  /** Closes a watched descriptor. */
  close(id: number): void {
    const found = this.#watchers.get(id);
    if (found === undefined) return;
    this.#watchers.delete(id);
    this.sockets.close(found.descriptor);
  }

  /** Calls `expire` once when the time has come, unless it is moved or taken back before. */
  setDeadline(owner: object, atMs: number, expire: () => void): void {
    this.#deadlines.set(owner, { atMs, expire });
  }

  /** Puts a deadline that is set off. Cheap: for each packet. */
  moveDeadline(owner: object, atMs: number): void {
    const found = this.#deadlines.get(owner);
    if (found !== undefined) found.atMs = atMs;
  }

  clearDeadline(owner: object): void {
    this.#deadlines.delete(owner);
  }

  /** Resolves after so many milliseconds, or a little later. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.setDeadline({}, performance.now() + ms, resolve);
    });
  }

  /** Runs until `over` says so. */
  async run(over: () => boolean): Promise<void> {
    while (!over()) {
      const ready = this.sockets.wait(this.#deadlines.size === 0 ? 1 : waitMs);
      const startMs = performance.now();
      for (const { id, readable, writable } of ready) {
        if (readable) this.#watchers.get(id)?.watcher.readable();
        if (writable) this.#watchers.get(id)?.watcher.writable();
      }
      this.#sweep(startMs);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      this.#count(performance.now() - startMs);
    }
  }

  get turnTimes(): TurnTimes {
    return { p50Ms: this.#percentile(0.5), p99Ms: this.#percentile(0.99), maxMs: this.#maxMs };
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweepAtMs) return;
    this.#sweepAtMs = nowMs + sweepMs;
    for (const [owner, { atMs, expire }] of this.#deadlines) {
      if (atMs > nowMs) continue;
      this.#deadlines.delete(owner);
      expire();
    }
  }

  #count(ms: number): void {
    const step = Math.max(0, Math.round(Math.log2(Math.max(ms, 0.001) * 1000) * stepsOfTwo));
    this.#turns[step] = (this.#turns[step] ?? 0) + 1;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  #percentile(share: number): number {
    // `Array.from` fills the holes that were never counted.
    const counts = Array.from(this.#turns, (count) => count ?? 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    let below = 0;
    const step = counts.findIndex((count) => (below += count) >= total * share);
    return step <= 0 ? 0 : Math.min(this.#maxMs, 2 ** (step / stepsOfTwo) / 1000);
  }
}
