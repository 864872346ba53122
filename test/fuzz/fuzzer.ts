import { performance } from "node:perf_hooks";
import type { Random } from "../support/random.ts";
import { type Material, mutate, stretched, wordsOf } from "./mutations.ts";
import type { Running, Target } from "./target.ts";

/** An input that takes so long, twice, is a find where the target says nothing else: nothing may keep the event loop. */
const SLOW_MS = 500;
const MOST_BYTES = 2048;
const MOST_KEPT = 2000;
/** Finds of one target that are kept: by then it is plain that there is something. */
const MOST_FINDS = 20;

/** An input by which the program has a fault. */
export interface Find {
  readonly input: Uint8Array;
  readonly reason: string;
}

export interface FuzzerParts {
  readonly target: Target;
  readonly running: Running;
  /** How many branches of the program were reached so far. */
  readonly reached: () => number;
  readonly random: Random;
  /** Is told of each input before it is run. */
  readonly about: (input: Uint8Array) => void;
}

/** Changes inputs, runs them, and keeps those by which more of the program was reached. */
export class Fuzzer {
  readonly #parts: FuzzerParts;
  readonly corpus: Uint8Array[] = [];
  readonly finds: Find[] = [];
  readonly #reasons = new Set<string>();
  executions = 0;
  readonly #words: readonly Uint8Array[];

  constructor(parts: FuzzerParts) {
    this.#parts = parts;
    this.#words = wordsOf(parts.target.words ?? []);
  }

  /** Runs each input as it is; what reaches something is changed from then on. */
  async begin(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) await this.#run(input);
    if (this.corpus.length === 0) this.#keep(inputs[0] ?? new Uint8Array());
  }

  /** Runs changed inputs until then, or until so many were run. */
  async go(untilMs: number, most = Infinity): Promise<void> {
    while (this.executions < most && (this.executions % 64 > 0 || performance.now() < untilMs)) {
      const running = this.#run(this.#changed());
      // Awaiting what is no promise would cost more than most targets.
      if (running !== undefined) await running;
    }
  }

  #keep(input: Uint8Array): void {
    // Copies of long ones would be most of the time.
    if (input.length > (this.#parts.target.mostBytes ?? MOST_BYTES)) return;
    if (this.corpus.length < MOST_KEPT) this.corpus.push(input.slice());
    else this.corpus[this.#parts.random(MOST_KEPT)] = input.slice();
  }

  #changed(): Uint8Array {
    const { random, target } = this.#parts;
    const { corpus } = this;
    // What was found last leads further more often.
    const recent = Math.min(8, corpus.length);
    const pick = () =>
      corpus[random(4) === 0 ? corpus.length - 1 - random(recent) : random(corpus.length)];
    const other = pick() ?? new Uint8Array();
    const { mostBytes = MOST_BYTES, wireBytes = 0 } = target;
    const material: Material = { other, words: this.#words, mostBytes };
    const input = mutate(pick() ?? new Uint8Array(), material, random);
    return wireBytes > 0 && random(32) === 0 ? stretched(input, wireBytes, random) : input;
  }

  /** Nothing to wait for where the target needs no waiting. */
  #run(input: Uint8Array): Promise<void> | undefined {
    const { about, reached, running, target } = this.#parts;
    about(input);
    this.executions += 1;
    const before = reached();
    const beganMs = performance.now();
    const ended = () => {
      if (reached() > before) this.#keep(input);
      const mostMs = target.mostMs ?? SLOW_MS;
      return performance.now() - beganMs < mostMs ? undefined : this.#slow(input, mostMs);
    };
    const failed = (error: unknown) => this.#note(input, described(error));
    try {
      const under = running.run(input.slice());
      if (under !== undefined) return under.catch(failed).then(ended);
    } catch (error) {
      failed(error);
    }
    return ended();
  }

  /** Another program may have had the core: what is slow is so again, and again. */
  async #slow(input: Uint8Array, mostMs: number): Promise<void> {
    let leastMs = Infinity;
    for (let time = 0; time < 3; time += 1) {
      const before = process.cpuUsage();
      try {
        await this.#parts.running.run(input.slice());
      } catch {
        // It is noted already.
      }
      const { user, system } = process.cpuUsage(before);
      leastMs = Math.min(leastMs, (user + system) / 1000);
    }
    if (leastMs >= mostMs) this.#note(input, `it takes ${Math.round(leastMs)} ms`);
  }

  /** One for each reason: the same fault is found by thousands of inputs. */
  #note(input: Uint8Array, reason: string): void {
    const kind = reason.replaceAll(/\d+/g, "0");
    if (this.#reasons.has(kind) || this.finds.length >= MOST_FINDS) return;
    this.#reasons.add(kind);
    this.finds.push({ input: input.slice(), reason });
  }
}

function described(error: unknown): string {
  if (!(error instanceof Error)) return `it throws ${String(error)}`;
  const frames = (error.stack ?? "").split("\n").slice(1, 4);
  return [`${error.name}: ${error.message.slice(0, 300)}`, ...frames.map((one) => one.trim())].join(
    "\n",
  );
}
