import { CommanderError } from "commander";
import { packageVersion } from "../daemon/settings/package.ts";
import { tooFewDescriptors } from "../lib/descriptors.ts";
import {
  BindError,
  ConfigError,
  OtherServerError,
  SyncError,
  UnreachableError,
} from "../lib/errors.ts";
import { commandLine } from "./command-line.ts";
import { readableStack } from "./shared/readable-stack.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { withConfig } from "../events/own-commands.ts";

/** Runs the command that the arguments name, to its end; returns the exit code. */
export async function runCommandLine(program: Program, argv: readonly string[]): Promise<number> {
  let code: number = ExitCode.ok;
  let config: string | null = null;
  try {
    await commandLine(program, packageVersion(), (finished) => {
      code = finished;
    })
      .hook("preAction", (_, command) => {
        config = command.opts<{ config?: string }>().config ?? null;
      })
      .parseAsync([...argv]);
  } catch (error) {
    return report(error, (text) => program.err.write(withConfig(text, config)));
  }
  return code;
}

/** Writes an error as a person wants to read it; returns the exit code that goes with its kind. */
function report(error: unknown, write: (text: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : ExitCode.badConfiguration;
  if (error instanceof ConfigError) {
    write(`${error.problems.join("\n")}\n`);
    return ExitCode.badConfiguration;
  }
  if (error instanceof BindError || error instanceof OtherServerError) {
    write(`${error.message}\n`);
    return ExitCode.fault;
  }
  if (error instanceof SyncError) {
    write(`${error.message}\n`);
    return ExitCode.syncFailed;
  }
  if (error instanceof UnreachableError) {
    write(`${error.message}\n`);
    return ExitCode.notReachable;
  }
  const tooFew = tooFewDescriptors(error);
  if (tooFew !== null) {
    write(`eim-pxe cannot run: ${tooFew}\n`);
    return ExitCode.fault;
  }
  const text = error instanceof Error ? readableStack(error.stack ?? error.message) : String(error);
  write(`eim-pxe met a fault of its own; please report it with these lines:\n${text}\n`);
  return ExitCode.fault;
}
