import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

/** Something in the lab did not work; the message names the files to look at. */
export class LabError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabError";
  }
}

/** A program and its arguments. */
export type Command = readonly [string, ...string[]];

/** Lines of the output of a command that failed. */
const SHOWN_LINES = 30;

/** Runs a command to its end and gives its standard output; a failure carries its standard error and the end of its output. */
export function run(command: Command): Promise<string> {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else {
        // A check such as doctor's says what failed in its output.
        const end = stdout.trim().split("\n").slice(-SHOWN_LINES).join("\n");
        const said = [stderr.trim(), end].filter((text) => text !== "").join("\n");
        reject(new LabError(`${command.join(" ")}: ${said === "" ? error.message : said}`));
      }
    });
  });
}

export type LineListener = (line: string) => void;

/** A program that runs beside the test until it is stopped. */
export interface Service {
  readonly name: string;
  /** Its standard output and standard error, as they came. */
  readonly logFile: string;
  /** Resolves when the program has ended: exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly running: () => boolean;
  readonly onLine: (listener: LineListener) => void;
  /** The first line, past or future, for which `pick` gives a value. Fails when the program ends or the time is up. */
  readonly waitForLine: <T>(
    what: string,
    pick: (line: string) => T | null,
    timeoutMs: number,
  ) => Promise<T>;
  /** SIGTERM, and SIGKILL where that does not help within 10 s. */
  readonly stop: () => Promise<number | null>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly command: Command;
  readonly logFile: string;
}

export function startService(options: ServiceOptions): Service {
  const { name, logFile } = options;
  const [program, ...args] = options.command;
  const log = createWriteStream(logFile, { flags: "a" });
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const listeners = new Set<LineListener>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.pipe(log, { end: false });
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const listener of listeners) listener(line);
    });
  }
  const exited = exitOf(child).finally(() => log.end());

  return {
    name,
    logFile,
    exited,
    running: () => isRunning(child),
    onLine: (listener) => {
      listeners.add(listener);
    },
    waitForLine: (what, pick, timeoutMs) =>
      new Promise((resolve, reject) => {
        const tail = () => lines.slice(-5).join("\n");
        const settle = () => {
          listeners.delete(look);
          clearTimeout(timer);
        };
        const look = (line: string) => {
          const picked = pick(line);
          if (picked === null) return;
          settle();
          resolve(picked);
        };
        const timer = setTimeout(() => {
          settle();
          reject(
            new LabError(`${name}: no ${what} in ${timeoutMs / 1000} s; see ${logFile}\n${tail()}`),
          );
        }, timeoutMs);
        for (const line of lines) {
          const picked = pick(line);
          if (picked !== null) {
            settle();
            resolve(picked);
            return;
          }
        }
        listeners.add(look);
        const ended = (code: number | null) => {
          settle();
          reject(
            new LabError(`${name} ended (exit ${code}) before ${what}; see ${logFile}\n${tail()}`),
          );
        };
        exited.then(ended, reject);
      }),
    stop: async () => {
      await stopChild(child);
      return exited;
    },
  };
}

/** Resolves with the exit code, null for a signal; rejects only when the program cannot be started. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new LabError(`cannot start: ${cause.message}`)));
    child.once("close", (code) => resolve(code));
  });
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(hard);
}
