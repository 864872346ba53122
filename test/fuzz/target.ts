/**
 * One thing that reads what others write. `run` takes any bytes and throws nothing but what it says that it
 * throws; everything else that leaves it is a find.
 */
export interface Target {
  readonly name: string;
  /** What of the program it reaches, for people. */
  readonly what: string;
  /** Valid inputs to begin with, beside those of its kept corpus. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words of the format, which chance would not find. */
  readonly words?: readonly string[];
  /** Longest input in bytes. Default: 2048. */
  readonly mostBytes?: number;
  /** What others can send in one piece, in bytes: one input in 32 is stretched up to it. Default: none is. */
  readonly wireBytes?: number;
  /** Processor time in milliseconds that no input may take. Default: 500. */
  readonly mostMs?: number;
  readonly open: () => Running | Promise<Running>;
}

/** What reads datagrams: the longest over IPv4, and what would leave a server no time for others if it came again and again. */
export const ofDatagrams = { wireBytes: 65_507, mostMs: 250 } as const;

/** A target that is ready: what it works with is made once. */
export interface Running {
  /** Throws, or rejects, where the program has a fault. */
  readonly run: (bytes: Uint8Array) => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

/** Runs `work`, which may throw errors of these kinds and no others. */
export function mayThrow(
  kinds: readonly (new (...given: never[]) => Error)[],
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
  }
}

/** A property that holds whatever the input is. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new BrokenPromise(what);
}

export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}
