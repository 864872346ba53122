import { biosCodes } from "./bios-codes.ts";
import { ipxeCodes, ipxeKinds } from "./ipxe-codes.ts";
import { type CodeMeaning, meaningOf } from "./meaning.ts";
import { uefiCodes } from "./uefi-codes.ts";

/**
 * What a code on a machine's screen means: `PXE-E18`, `E18`, `040ee119`, `http://ipxe.org/040ee119`, or the line that it stands in. The same
 * PXE number can mean one thing on BIOS and another on UEFI; then there are two meanings, unless the
 * machine's architecture (option 93: 0 is BIOS) is known. Empty for a code that is in no table.
 */
export function screenCode(text: string, architecture: number | null): readonly CodeMeaning[] {
  const word = text.trim();
  const pxe = /\bPXE[- ]?([EM][0-9A-F]{2})\b/i.exec(word) ?? /^([EM][0-9A-F]{2})$/i.exec(word);
  if (pxe !== null) return pxeMeanings((pxe[1] ?? "").toUpperCase(), architecture);
  const ipxe =
    /\bipxe\.org\/(?:err\/)?([0-9a-f]{6,8})\b/i.exec(word) ?? /^([0-9a-f]{6,8})$/i.exec(word);
  return ipxe === null ? [] : ipxeMeanings((ipxe[1] ?? "").toLowerCase());
}

function pxeMeanings(code: string, architecture: number | null): readonly CodeMeaning[] {
  const all = [
    ...biosCodes.map((row) => meaningOf("bios", row)),
    ...uefiCodes.map((row) => meaningOf("uefi", row)),
  ].map((meaning) => ({ ...meaning, code: `PXE-${meaning.code}` }));
  const found = all.filter((meaning) => meaning.code === `PXE-${code}`);
  if (architecture === null) return found;
  const printer = architecture === 0 ? "bios" : "uefi";
  const fitting = found.filter((meaning) => meaning.printer === printer);
  return fitting.length > 0 ? fitting : found;
}

function ipxeMeanings(code: string): readonly CodeMeaning[] {
  const row =
    ipxeCodes.find(([digits]) => code.startsWith(digits)) ??
    ipxeKinds.find(([digits]) => code.startsWith(digits));
  return row === undefined ? [] : [{ ...meaningOf("ipxe", row), code }];
}
