import { describe, expect, test } from "vitest";
import type { LoaderFacts } from "../../../src/artifacts/loaders/loader-facts.ts";
import { siblingsOf } from "../../../src/artifacts/loaders/siblings.ts";

const efi: LoaderFacts = {
  format: "efi",
  machine: "x86-64",
  signed: false,
  ipxeVersion: null,
  embedded: null,
};
const named = (name: string, facts: Partial<LoaderFacts> = {}) => {
  return { name, path: `/loaders/${name}`, size: 1, facts: { ...efi, ...facts } };
};

describe("the loader of the other kind", () => {
  test("is there both ways", () => {
    expect(siblingsOf([named("ipxe.efi"), named("snponly.efi")])).toEqual(
      new Map([
        ["ipxe.efi", "snponly.efi"],
        ["snponly.efi", "ipxe.efi"],
      ]),
    );
  });

  test("is none that is not there, and none of the site's own names", () => {
    expect(siblingsOf([named("ipxe.efi"), named("custom.efi")])).toEqual(new Map());
  });

  test("is never an unsigned one for a signed one", () => {
    const signed = named("ipxe.efi", { signed: true });
    expect(siblingsOf([signed, named("snponly.efi")])).toEqual(
      new Map([["snponly.efi", "ipxe.efi"]]),
    );
    expect(siblingsOf([signed, named("snponly.efi", { signed: true })]).get("ipxe.efi")).toBe(
      "snponly.efi",
    );
    // The next best where the best is unsigned.
    const others = [named("snponly.efi"), named("snp-x86_64.efi", { signed: true })];
    expect(siblingsOf([signed, ...others]).get("ipxe.efi")).toBe("snp-x86_64.efi");
  });

  test("is none for another processor, or of another format", () => {
    expect(siblingsOf([named("ipxe.efi"), named("snponly.efi", { machine: "arm64" })])).toEqual(
      new Map(),
    );
    const bios: Partial<LoaderFacts> = { format: "bios", machine: null };
    const loaders = [named("undionly.kpxe", bios), named("ipxe.pxe", bios)];
    expect(siblingsOf(loaders).get("undionly.kpxe")).toBe("ipxe.pxe");
  });
});
