import { ConfigError } from "../lib/errors.ts";
import { whoInWords } from "../lib/finding.ts";
import { screenCode } from "../timeline/codes/screen-code.ts";
import type { CodeMeaning } from "../timeline/codes/meaning.ts";
import { ExitCode, type Program } from "./shared/context.ts";

export interface ExplainCodeOptions {
  readonly code: string;
  /** Option-93 number of the machine; null: not known. */
  readonly architecture: number | null;
  readonly json: boolean;
}

const printers: Readonly<Record<CodeMeaning["printer"], string>> = {
  bios: "a BIOS machine's boot ROM",
  uefi: "UEFI firmware",
  ipxe: "iPXE",
};

/**
 * `eim-pxe explain --code`: what a code on a machine's screen means.
 *
 * @throws ConfigError when it is in no table
 */
export function explainCode(program: Program, options: ExplainCodeOptions): number {
  const { code, architecture, json } = options;
  const meanings = screenCode(code, architecture);
  if (meanings.length === 0) {
    throw new ConfigError([
      `no meaning is known of the code ${code}. What is known: PXE-E16 and its like, and iPXE's eight digits, ` +
        "such as 040ee119; a code must be typed whole",
    ]);
  }
  program.out.write(
    json ? `${JSON.stringify({ code, meanings })}\n` : `${meanings.map(inWords).join("\n\n")}\n`,
  );
  return ExitCode.ok;
}

function inWords({ code, printer, message, cause, remedy, who }: CodeMeaning): string {
  return [
    `${code} of ${printers[printer]}: ${message}`,
    `  what it means: ${cause}`,
    `  what to do (${whoInWords[who]}): ${remedy}`,
  ].join("\n");
}
