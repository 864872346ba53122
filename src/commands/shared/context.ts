import type { Environment } from "../../daemon/settings/environment.ts";

/** What a command gets of the process it runs in. Only `cli.ts` makes one; tests make their own. */
export interface Program {
  readonly environment: Environment;
  readonly pid: number;
  /** The path of the program of Node that runs it. */
  readonly node: string;
  /** The command line that starts this program once more, without arguments: for worker processes. */
  readonly self: readonly string[];
  /** Whether it is root's, and may give files to other users. */
  readonly isRoot: boolean;
  readonly in: NodeJS.ReadableStream;
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
  /** Whether `out` and `err` are terminals: lines for people, progress that redraws itself. */
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** How many characters a line of the terminal behind `out` has now; 80 without one. */
  columns(): number;
  /** How many lines it has; 24 without one. */
  rows(): number;
  /**
   * Hands each key that is pressed to `handler`, as the terminal sends it, until the function that it returns is
   * called. Null where `in` is no terminal.
   */
  readonly keys: ((handler: (key: string) => void) => () => void) | null;
  /** Calls `handler` at each signal; returns a function that stops it. */
  onSignal(signal: NodeJS.Signals, handler: () => void): () => void;
  /** How often the kernel took the core away from this process because another one needed it. */
  preemptions(): number;
  /** Bytes of memory that it could still take, of the machine's or of its container's. */
  availableMemory(): number;
}

/** The options of every command that reads the configuration and can print its result as JSON. */
export interface ReportOptions {
  /** The configuration; null: the default one. */
  readonly config: string | null;
  readonly json: boolean;
}

/** The exit codes that the commands share. */
export const ExitCode = {
  ok: 0,
  fault: 1,
  badConfiguration: 2,
  syncFailed: 3,
  notBooted: 4,
  notReachable: 5,
} as const;
