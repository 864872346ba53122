#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { commandLine } from "./commands/command-line.ts";
import { ExitCode, type Program } from "./commands/shared/context.ts";
import {
  BindError,
  ConfigError,
  OtherServerError,
  SyncError,
  UnreachableError,
} from "./lib/errors.ts";

const program: Program = {
  environment: process.env,
  pid: process.pid,
  isRoot: process.getuid?.() === 0,
  in: process.stdin,
  out: process.stdout,
  err: process.stderr,
  outIsTerminal: process.stdout.isTTY,
  errIsTerminal: process.stderr.isTTY,
  onSignal(signal, handler) {
    process.on(signal, handler);
    return () => process.off(signal, handler);
  },
  preemptions: () => process.resourceUsage().involuntaryContextSwitches,
};

/** The version in the package that this file was installed with. */
function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const found = /"version":\s*"([^"]+)"/.exec(text)?.[1];
  return found ?? "unknown";
}

/** An error as a person wants to read it, and the exit code that goes with its kind. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ExitCode.badConfiguration;
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.problems.join("\n")}\n`);
    return ExitCode.badConfiguration;
  }
  if (error instanceof BindError || error instanceof OtherServerError) {
    process.stderr.write(`${error.message}\n`);
    return ExitCode.fault;
  }
  if (error instanceof SyncError) {
    process.stderr.write(`${error.message}\n`);
    return ExitCode.syncFailed;
  }
  if (error instanceof UnreachableError) {
    process.stderr.write(`${error.message}\n`);
    return ExitCode.notReachable;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `eim-pxe met a fault of its own; please report it with these lines:\n${text}\n`,
  );
  return ExitCode.fault;
}

// Who read the output is gone, or the disk with the log file is full: no reason to end a server.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  await commandLine(program, packageVersion(), (code) => {
    process.exitCode = code;
  }).parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
