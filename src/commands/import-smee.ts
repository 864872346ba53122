import { readText } from "../config/load.ts";
import { ConfigError } from "../lib/errors.ts";
import { importSmee } from "../setup/smee/import.ts";
import { parseEnvironment, readFlags, readVariables, type SmeeInput } from "../setup/smee/read.ts";
import { readValues } from "../setup/smee/values.ts";
import { ExitCode, type Program } from "./shared/context.ts";

export interface ImportOptions {
  /** A file of `NAME=value` lines; null: none. */
  readonly env: string | null;
  /** Helm values; null: none. */
  readonly values: string | null;
  /** SMEE's own command line. */
  readonly flags: readonly string[];
}

/** `eim-pxe import smee`: SMEE's settings as our configuration, on standard output. */
export function importFromSmee(program: Program, options: ImportOptions): number {
  program.out.write(importSmee(inputOf(program, options)));
  return ExitCode.ok;
}

/** Flags win over the environment, as in SMEE. */
function inputOf(program: Program, { env, values, flags }: ImportOptions): SmeeInput {
  if (values !== null) {
    const read = readValues(readText(values, "Helm values"), values);
    return merged(read, readFlags(flags));
  }
  const variables =
    env === null ? program.environment : parseEnvironment(readText(env, "environment"));
  const read = merged(readVariables(variables), readFlags(flags));
  if (read.flags.size > 0) return read;
  throw new ConfigError([
    env === null
      ? "nothing of SMEE was given: name a file with --env or --values, or write its flags behind --"
      : `${env}: sets none of SMEE's variables, which begin with TINKERBELL_ or SMEE_`,
  ]);
}

function merged(one: SmeeInput, over: SmeeInput): SmeeInput {
  const { line, notes = [] } = one;
  return { flags: new Map([...one.flags, ...over.flags]), line: line ?? over.line, notes };
}
