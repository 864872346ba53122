import { type Command, InvalidArgumentError } from "commander";
import type { Program, ReportOptions } from "../shared/context.ts";

/** What the words of a command get: where it runs, and what takes its exit code. */
export interface CommandSite {
  readonly program: Program;
  readonly finish: (code: number) => void;
}

/** The options that most commands have, as they come from the command line. */
export interface ReportFlags {
  readonly config?: string;
  readonly json?: boolean;
}

export function reportOptions({ config, json }: ReportFlags): ReportOptions {
  return { config: config ?? null, json: json === true };
}

/** Adds a command that reads the configuration. */
export function addConfigured(
  parent: Command,
  name: string,
  description: string,
  how?: { readonly isDefault: boolean },
): Command {
  return parent
    .command(name, how)
    .description(description)
    .option("-c, --config <file>", "the configuration (default: /etc/eim-pxe/eim-pxe.yaml)");
}

/** Adds one that can print its result as JSON, too. */
export function addReport(...command: Parameters<typeof addConfigured>): Command {
  return addConfigured(...command).option("--json", "print the result as JSON");
}

/** Reads an option that is a whole number within bounds. */
export function wholeNumber(first: number, last: number): (text: string) => number {
  return (text) => {
    const read = Number(text);
    if (/^[0-9]+$/.test(text) && read >= first && read <= last) return read;
    throw new InvalidArgumentError(`It must be a whole number from ${first} to ${last}.`);
  };
}
