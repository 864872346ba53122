import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `eim-pxe` from the sources, as a process of its own. */
export class Command {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #finished: Promise<Finished>;
  readonly #watchers = new Set<() => void>();
  #out = "";
  #err = "";

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ["--import", "tsx", "src/cli.ts", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#out += text;
      for (const watcher of this.#watchers) watcher();
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#err += text));
    this.#finished = new Promise((resolve) => {
      this.#child.on("close", (code) => resolve({ code, out: this.#out, err: this.#err }));
    });
  }

  finished(): Promise<Finished> {
    return this.#finished;
  }

  /** The log line with this event, once it has come; fails when the command ends before. */
  async event(name: string): Promise<Record<string, unknown>> {
    const find = () =>
      this.#out
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line): Record<string, unknown> => JSON.parse(line))
        .find(({ event }) => event === name);
    const there = new Promise<Record<string, unknown>>((resolve) => {
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
    const ended = this.#finished.then(({ code, out, err }) => {
      throw new Error(`it ended with ${code} before event ${name}:\n${out}${err}`);
    });
    return Promise.race([there, ended]);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Runs `eim-pxe` to its end. */
export function run(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Command(args, environment).finished();
}
