import { describe, expect, it } from "vitest";
import {
  formatTraceparent,
  parseTraceparent,
  traceparentBytes,
  withoutTraceparent,
} from "../../src/boot/trace-context.ts";
import { toHex } from "../../src/lib/bytes.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";
const text = `00-${traceId}-${parentId}-01`;

describe("a traceparent", () => {
  it("is read, and written as text and in 26 bytes", () => {
    const trace = parseTraceparent(text);
    expect(trace).toEqual({ traceId, parentId, sampled: true });
    expect(trace === null ? null : formatTraceparent(trace)).toBe(text);
    expect(trace === null ? null : toHex(traceparentBytes(trace))).toBe(
      `00${traceId}${parentId}01`,
    );
  });

  it("keeps no flag but sampled", () => {
    const flagged = (flags: string) => parseTraceparent(text.replace(/01$/, flags));
    expect(flagged("00")?.sampled).toBe(false);
    expect(flagged("02")?.sampled).toBe(false);
    expect(flagged("ff")?.sampled).toBe(true);
  });

  it("of a later version counts as far as it is known", () => {
    const later = text.replace(/^00/, "cc");
    expect(parseTraceparent(later)).toEqual(parseTraceparent(text));
    expect(parseTraceparent(`${later}-what-comes`)).toEqual(parseTraceparent(text));
    expect(parseTraceparent(`${later}.what-comes`)).toBeNull();
  });

  it.each([
    ["nothing", ""],
    ["capitals", text.toUpperCase()],
    ["version ff", text.replace(/^00/, "ff")],
    ["version 00 and more", `${text}-00`],
    ["a trace of zeros", text.replace(traceId, "0".repeat(32))],
    ["a parent of zeros", text.replace(parentId, "0".repeat(16))],
    ["a short trace", text.replace(traceId, "0af7")],
    ["blanks around", ` ${text}`],
    ["no flags", text.slice(0, -3)],
  ])("is ignored: %s", (_, wrong) => {
    expect(parseTraceparent(wrong)).toBeNull();
  });
});

describe("a loader's name with a trace", () => {
  it.each([
    ["ipxe.efi", "ipxe.efi"],
    [`ipxe.efi-${text}`, "ipxe.efi"],
    [`IPXE.EFI-${text.toUpperCase()}`, "IPXE.EFI"],
    [`undionly.kpxe-${text}\xff`, "undionly.kpxe"],
    [`a/ipxe.efi-${text}-${text}`, `a/ipxe.efi-${text}`],
    [`ipxe.efi-${text.replace(traceId, "0".repeat(32))}`, null],
    [`ipxe.efi-${text.replace(parentId, "0".repeat(16))}`, null],
    ["my-loader-00-ab", null],
    ["ipxe.efi-old", null],
  ])("%j is %j", (name, expected) => {
    expect(withoutTraceparent(name)).toBe(expected ?? name);
  });

  it("is known wherever the header's 127 bytes cut it off", () => {
    const whole = `snp-x86_64.efi-${text}`;
    for (let length = "snp-x86_64.efi-".length; length <= whole.length; length++) {
      expect(withoutTraceparent(whole.slice(0, length))).toBe("snp-x86_64.efi");
    }
  });
});
