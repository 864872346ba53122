import { describe, expect, it } from "vitest";
import { biosCodes } from "../../../src/timeline/codes/bios-codes.ts";
import { ipxeCodes, ipxeKinds } from "../../../src/timeline/codes/ipxe-codes.ts";
import { screenCode } from "../../../src/timeline/codes/screen-code.ts";
import { uefiCodes } from "../../../src/timeline/codes/uefi-codes.ts";

const printers = (code: string, architecture: number | null = null) =>
  screenCode(code, architecture).map(({ printer }) => printer);

describe("screenCode", () => {
  it.each([
    "PXE-E16",
    "pxe-e16",
    "E16",
    "PXE E16",
    " PXE-E16 ",
    "PXE-E16:",
    ">>PXE-E16: No valid offer received.",
  ])("reads %s", (text) => {
    expect(screenCode(text, null)).toEqual([
      expect.objectContaining({
        printer: "uefi",
        code: "PXE-E16",
        message: "No valid offer received",
      }),
    ]);
  });

  it("has both meanings of a number that BIOS and UEFI use differently", () => {
    expect(printers("PXE-E23")).toEqual(["bios", "uefi"]);
    expect(printers("PXE-E23", 0)).toEqual(["bios"]);
    expect(printers("PXE-E23", 7)).toEqual(["uefi"]);
    const [bios, uefi] = screenCode("E05", null);
    expect(bios?.cause).toContain("damaged");
    expect(uefi?.cause).toContain("larger than");
  });

  it("keeps to the only meaning where the architecture has none", () => {
    expect(printers("PXE-E51", 7)).toEqual(["bios"]);
  });

  it.each([
    "040ee119",
    "040ee186",
    "040EE1",
    "http://ipxe.org/040ee119",
    "https://ipxe.org/040ee119",
    "ipxe.org/err/040ee1",
    "Configuring (net0)... No configuration methods succeeded (https://ipxe.org/040ee119)",
  ])("reads iPXE's %s by its first six digits", (text) => {
    expect(screenCode(text, null)).toEqual([
      expect.objectContaining({ printer: "ipxe", message: "No configuration methods succeeded" }),
    ]);
  });

  it.each([
    ["2d12603b", "TFTP: file not found"],
    ["0f0a6039", "TCP: connection reset"],
    ["3e11623b", "DNS: no server"],
    ["3c092003", "Protocol not supported"],
    ["31062001", "Out of memory"],
  ])("knows what real iPXE printed: %s", (code, message) => {
    expect(screenCode(code, null)[0]?.message).toBe(message);
  });

  it.each(["", "PXE-E9", "PXE-EZZ", "hello", "99999999", "http://example.com/040ee119"])(
    "knows nothing of %j",
    (text) => {
      expect(screenCode(text, null)).toEqual([]);
    },
  );

  it.each([
    ["BIOS", biosCodes],
    ["UEFI", uefiCodes],
    ["iPXE", [...ipxeCodes, ...ipxeKinds]],
  ] as const)("has each %s code once, with cause and remedy", (_, rows) => {
    expect(new Set(rows.map(([code]) => code)).size).toBe(rows.length);
    for (const row of rows) expect(row.every((part) => part.length > 0)).toBe(true);
  });
});
