import { PassThrough, Readable } from "node:stream";
import type { Program } from "../../src/commands/shared/context.ts";

/** A process that a command can be run in without being one. */
export class FakeProgram implements Program {
  readonly environment: Record<string, string>;
  readonly pid = 1;
  readonly node = process.execPath;
  readonly self = [process.execPath, "--import", "tsx", "src/cli.ts"];
  readonly in: Readable;
  readonly out = new PassThrough();
  readonly err = new PassThrough();
  readonly isRoot = false;
  outIsTerminal = false;
  readonly errIsTerminal = false;
  readonly keys = null;
  columns(): number {
    return 80;
  }
  rows(): number {
    return 24;
  }
  readonly #handlers = new Set<{ signal: NodeJS.Signals; handler: () => void }>();

  constructor(input = "", environment: Record<string, string> = {}) {
    this.in = Readable.from([input]);
    this.environment = environment;
  }

  onSignal(signal: NodeJS.Signals, handler: () => void): () => void {
    const one = { signal, handler };
    this.#handlers.add(one);
    return () => this.#handlers.delete(one);
  }

  availableMemory(): number {
    return 512 * 1024 * 1024;
  }

  preemptions(): number {
    return 0;
  }

  /** The process gets a signal. */
  signal(signal: NodeJS.Signals): void {
    for (const one of this.#handlers) if (one.signal === signal) one.handler();
  }

  /** All that was written to `out` so far. */
  get written(): string {
    const text: unknown = this.out.read();
    return text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : "";
  }
}
