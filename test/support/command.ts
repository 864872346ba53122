import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { z } from "zod";

const sourceMap = z.object({ sources: z.array(z.string()) });

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * The program compiled as for the package, in a folder of its own. Compiling once costs less than a
 * loader for TypeScript in each process, and it is the compiled program that people run.
 */
export class Program {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param optional whether it has the optional packages, such as koffi, which are outside of the bundle */
  static async build({ optional = true } = {}): Promise<Program> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "eim-pxe-built-")));
    await copyFile("package.json", join(folder, "package.json"));
    if (optional) await symlink(await realpath("node_modules"), join(folder, "node_modules"));
    const args = ["--import", "tsx", "scripts/build-program.ts", join(folder, "dist")];
    await promisify(execFile)(process.execPath, args);
    return new Program(folder);
  }

  /** The file to run with Node. */
  get entry(): string {
    return join(this.#folder, "dist/cli.js");
  }

  /** The file of this name, and all that are loaded before it: each with the modules that were put into it. */
  filesOf(name: RegExp): readonly { readonly name: string; readonly sources: readonly string[] }[] {
    const folder = join(this.#folder, "dist");
    const names = new Set(readdirSync(folder).filter((one) => name.test(one)));
    // What is found is looked through as well.
    for (const one of names) {
      const text = readFileSync(join(folder, one), "utf8");
      for (const [, imported = ""] of text.matchAll(/\b(?:from|import)"\.\/([^"]+\.js)"/g)) {
        names.add(imported);
      }
    }
    return Array.from(names, (one) => ({
      name: one,
      sources: sourceMap.parse(JSON.parse(readFileSync(join(folder, `${one}.map`), "utf8")))
        .sources,
    }));
  }

  /** Starts `eim-pxe` with these arguments as a process of its own. */
  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Command {
    return new Command([this.entry, ...args], environment);
  }

  /** The same with so many file descriptors (`ulimit -n`). */
  startWithDescriptors(descriptors: number, args: readonly string[]): Command {
    const limited = ["-c", `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath];
    return new Command([...limited, this.entry, ...args], {}, "/bin/sh");
  }

  /** Runs `eim-pxe` to its end. */
  run(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Finished> {
    return this.start(args, environment).finished();
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

export type LogLine = Readonly<Record<string, unknown>>;

/** A running process of Node, with what it wrote so far. */
export class Command {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #finished: Promise<Finished>;
  readonly #watchers = new Set<() => void>();
  #out = "";
  #err = "";

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    program = process.execPath,
  ) {
    this.#child = spawn(program, args, {
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

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  finished(): Promise<Finished> {
    return this.#finished;
  }

  /** The log so far. */
  log(): LogLine[] {
    return this.#out
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line): LogLine => JSON.parse(line));
  }

  /** The first log line with this event, or a later one, once it has come; fails when the command ends before. */
  event(name: string, nth = 1): Promise<LogLine> {
    const find = () => this.log().filter(({ event }) => event === name)[nth - 1];
    return this.#once(find, `event ${name}`);
  }

  /** Resolves once its standard output has this text in it; fails when the command ends before. */
  async output(text: string): Promise<void> {
    await this.#once(() => this.#out.includes(text) || undefined, text);
  }

  async #once<T>(find: () => T | undefined, what: string): Promise<T> {
    const there = new Promise<T>((resolve) => {
      const look = () => {
        const found = find();
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
    const ended = this.#finished.then(({ code, out, err }) => {
      throw new Error(`it ended with ${code} before ${what}:\n${out}${err}`);
    });
    return Promise.race([there, ended]);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Nobody reads its standard output any more. */
  closeOutput(): void {
    this.#child.stdout.destroy();
  }
}
