import type { Finding } from "../../lib/finding.ts";

/** The kinds of programs that print codes on a machine's screen. */
export type Printer = "bios" | "uefi" | "ipxe";

/** What a code on a machine's screen means. `code` is as the screen has it, or the digits that count. */
export interface CodeMeaning extends Finding {
  readonly printer: Printer;
  /** The words beside it on the screen, or what iPXE calls it. */
  readonly message: string;
}

/** A row of a table: code, message on the screen, cause, remedy, who has to act. */
export type CodeRow = readonly [
  code: string,
  message: string,
  cause: string,
  remedy: string,
  who: Finding["who"],
];

export function meaningOf(printer: Printer, row: CodeRow): CodeMeaning {
  const [code, message, cause, remedy, who] = row;
  return { printer, code, message, cause, remedy, who };
}
