import { whoInWords } from "../../../src/lib/finding.ts";
import { biosCodes } from "../../../src/timeline/codes/bios-codes.ts";
import { ipxeCodes, ipxeKinds } from "../../../src/timeline/codes/ipxe-codes.ts";
import { type CodeMeaning, meaningOf } from "../../../src/timeline/codes/meaning.ts";
import { uefiCodes } from "../../../src/timeline/codes/uefi-codes.ts";
import { table } from "./parts.ts";

/** The codes on machines' screens, each with a name to link to: `#pxe-e18`, `#ipxe-040ee1`. */
export function codeTables(): string {
  const pxe = [
    ...uefiCodes.map((row) => meaningOf("uefi", row)),
    ...biosCodes.map((row) => meaningOf("bios", row)),
  ];
  const ipxe = [...ipxeCodes, ...ipxeKinds].map((row) => meaningOf("ipxe", row));
  const byCode = (a: CodeMeaning, b: CodeMeaning) => a.code.localeCompare(b.code, "en");
  return [
    "### PXE: codes of the firmware",
    tableOf(pxe.toSorted(byCode), "PXE-"),
    "### iPXE: digits at the end of its errors",
    tableOf(ipxe, ""),
  ].join("\n\n");
}

function tableOf(meanings: readonly CodeMeaning[], prefix: string): string {
  const linked = new Set<string>();
  const rows = meanings.map(({ printer, code, message, cause, remedy, who }) => {
    const id = `${printer === "ipxe" ? "ipxe" : "pxe"}-${code.toLowerCase()}`;
    const anchor = linked.has(id) ? "" : `<a id="${id}"></a>`;
    linked.add(id);
    const by = printer === "ipxe" ? "" : ` (${printer.toUpperCase()})`;
    return [`${anchor}\`${prefix}${code}\`${by}`, message, cause, remedy, whoInWords[who]];
  });
  return table(["code", "on the screen", "what it means", "what to do", "who"], rows);
}
