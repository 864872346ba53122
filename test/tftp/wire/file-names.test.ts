import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRequestedName } from "../../../src/tftp/wire/file-names.ts";
import { cases } from "../../support/cases.ts";

const files = ["ipxe.efi", "undionly.kpxe", "snponly/x64.efi", "grub/grub.cfg"];

/** Everything that is looked up for a name, in order. */
function candidates(raw: string): readonly string[] | null {
  const name = readRequestedName(raw);
  return name === null ? null : [...name.spellings, ...name.repairs];
}

/** The file that would be served for a name, by a server that has exactly `files`. */
function served(raw: string): string | null {
  return candidates(raw)?.find((candidate) => files.includes(candidate)) ?? null;
}

const traceparent = "-00-0123456789abcdef0123456789ABCDEF-0123456789abcdef-01";

describe("a requested name", () => {
  it.each([
    ["as it is", "ipxe.efi"],
    ["with a slash in front", "/ipxe.efi"],
    ["with many slashes", "///ipxe.efi"],
    ["with a dot in front", "./ipxe.efi"],
    ["with a backslash in front", "\\ipxe.efi"],
    ["in capitals", "IPXE.EFI"],
    ["as a URL", "tftp://192.168.77.1/ipxe.efi"],
    ["as a URL with port and capitals", "TFTP://boot.example:69/ipxe.efi"],
    ["as a URL behind a slash", "/tftp://192.168.77.1//ipxe.efi"],
    ["with 0xFF behind it", "ipxe.efi\xff"],
    ["with several 0xFF behind it", "ipxe.efi\xff\xff\xff"],
    ["with a control byte behind it", "ipxe.efi\x06"],
    ["with option 97 behind it", "ipxe.efia\x11"],
    ["with option 97 behind it, after a slash, in capitals", "/IPXE.EFIa\x11"],
    ["with option 43 of 36 bytes behind it", "ipxe.efi+$\x06\x01\x08"],
    ["with printable garbage behind it", "ipxe.efi+&Hello"],
    ["with a directory of a MAC", "08-00-27-29-4e-67/ipxe.efi"],
    ["with a trace context", `ipxe.efi${traceparent}`],
    ["with a trace context and more behind it", `ipxe.efi${traceparent}.x`],
    ["with a trace context and 0xFF behind it", `ipxe.efi${traceparent}\xff`],
    ["with everything at once", `\\08:00:27:29:4E:67\\IPXE.EFI${traceparent}\xff`],
  ])("is understood %s", (_, raw) => {
    expect(served(raw)).toBe("ipxe.efi");
  });

  it.each([
    ["\\snponly\\x64.efi", "snponly/x64.efi"],
    ["snponly//x64.efi", "snponly/x64.efi"],
    ["snponly/./x64.efi", "snponly/x64.efi"],
    ["undionly.kpxe\xff", "undionly.kpxe"],
    ["undionly.kpxeB\x04", "undionly.kpxe"],
    ["grub/grub.cfg\xff", "grub/grub.cfg"],
  ])("%j is %s", (raw, file) => {
    expect(served(raw)).toBe(file);
  });

  it.each(["ipxe", "ipxe.ef", "pxelinux.0", "ipxe.efi.sig", "ipxe.efi-old", "x/ipxe.efi", "%2e/a"])(
    "%s is no other file's name",
    (raw) => {
      expect(candidates(raw)).toEqual([raw]);
    },
  );

  it.each([
    ["/08-00-27-29-4e-67/ipxe.efi", true],
    [`ipxe.efi${traceparent}`, true],
    ["tftp://192.168.77.1/ipxe.efi", true],
    ["IPXE.EFI", false],
    ["ipxe.efi\xff", false],
    ["ipxe.efia\x11", false],
  ])("%j has its file among what was spelled: %s", (raw, spelled) => {
    expect(readRequestedName(raw)?.spellings.includes("ipxe.efi")).toBe(spelled);
    expect(readRequestedName(raw)?.repairs.includes("ipxe.efi")).toBe(!spelled);
  });

  it("is looked up exactly before it is looked up repaired", () => {
    expect(candidates("Ipxe.EFI\xff")?.slice(0, 2)).toEqual(["Ipxe.EFI\xff", "Ipxe.EFI"]);
  });

  it.each(["08:00:27:29:4e:67", "08-00-27-29-4E-67", "080027294e67", "0800.2729.4E67"])(
    "gives the MAC of the directory %s",
    (directory) => {
      expect(readRequestedName(`${directory}/ipxe.efi`)).toEqual({
        spellings: ["ipxe.efi"],
        repairs: [],
        mac: "08:00:27:29:4e:67",
      });
    },
  );

  it("has no MAC where the directory is none, or where there is only one", () => {
    expect(readRequestedName("snponly/x64.efi")?.mac).toBeNull();
    expect(readRequestedName("080027294e67")).toMatchObject({
      spellings: ["080027294e67"],
      mac: null,
    });
  });

  it.each([
    "",
    "/",
    "\\\\",
    ".",
    "..",
    "../etc/passwd",
    "/../etc/passwd",
    "..\\..\\etc\\passwd",
    "a/../../etc/passwd",
    "a/..",
    "tftp://host/../x",
    "08-00-27-29-4e-67/../x",
    "ipxe.efi\0",
    "ipxe.efi\0.txt",
    "tftp://host/",
    "a".repeat(256),
    `${"a/".repeat(240)}b`,
  ])("is refused: %j", (raw) => {
    expect(readRequestedName(raw)).toBeNull();
  });

  it("cannot become a way out of the folder by being repaired", () => {
    expect(served("..\xff/ipxe.efi")).toBeNull();
    for (const raw of ["a/..\xff", "..\xff", `..${traceparent}`, "a/.\x01./b", "..a\x11"]) {
      for (const candidate of candidates(raw) ?? []) {
        expect(candidate.split("/")).not.toContain("..");
      }
    }
  });

  it("is null or a few confined names, whatever the client sends", () => {
    const piece = fc.constantFrom(
      "..",
      ".",
      "/",
      "\\",
      "tftp://",
      "\xff",
      "\x01",
      ".efi",
      "a",
      "A",
    );
    const raw = fc.oneof(
      fc.array(fc.oneof(piece, fc.string({ maxLength: 3 }))).map((pieces) => pieces.join("")),
      fc.string({ unit: "binary", maxLength: 300 }),
    );
    fc.assert(
      fc.property(raw, (text) => {
        const names = candidates(text);
        if (names === null) return;
        expect(names.length).toBeGreaterThan(0);
        expect(new Set(names).size).toBe(names.length);
        expect(names.length).toBeLessThanOrEqual(20);
        for (const candidate of names) {
          expect(candidate).not.toMatch(/[\\\0]/);
          for (const segment of candidate.split("/"))
            expect(["", ".", ".."]).not.toContain(segment);
        }
      }),
      { numRuns: cases(1500) },
    );
  });
});
