import { describe, expect, test } from "vitest";
import type { LoaderFacts } from "../../../src/artifacts/loaders/loader-facts.ts";
import { siblingsOf as all } from "../../../src/artifacts/loaders/siblings.ts";

/** Those of the other kind alone. */
const siblingsOf = (loaders: Parameters<typeof all>[0]) => all(loaders, false);

const efi: LoaderFacts = {
  format: "efi",
  machine: "x86-64",
  signed: false,
  signedBy: [],
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
        ["ipxe.efi", ["snponly.efi"]],
        ["snponly.efi", ["ipxe.efi"]],
      ]),
    );
  });

  test("is none that is not there, and none of the site's own names", () => {
    expect(siblingsOf([named("ipxe.efi"), named("custom.efi")])).toEqual(new Map());
  });

  test("is never an unsigned one for a signed one", () => {
    const signed = named("ipxe.efi", { signed: true });
    expect(siblingsOf([signed, named("snponly.efi")])).toEqual(
      new Map([["snponly.efi", ["ipxe.efi"]]]),
    );
    expect(siblingsOf([signed, named("snponly.efi", { signed: true })]).get("ipxe.efi")).toEqual([
      "snponly.efi",
    ]);
    // The next best where the best is unsigned.
    const others = [named("snponly.efi"), named("snp-x86_64.efi", { signed: true })];
    expect(siblingsOf([signed, ...others]).get("ipxe.efi")).toEqual(["snp-x86_64.efi"]);
  });

  test("is none for another processor, or of another format", () => {
    expect(siblingsOf([named("ipxe.efi"), named("snponly.efi", { machine: "arm64" })])).toEqual(
      new Map(),
    );
    const bios: Partial<LoaderFacts> = { format: "bios", machine: null };
    const loaders = [named("undionly.kpxe", bios), named("ipxe.pxe", bios)];
    expect(siblingsOf(loaders).get("undionly.kpxe")).toEqual(["ipxe.pxe"]);
  });
});

describe("with boot.secureBoot: auto", () => {
  const signed = { signed: true, ipxeVersion: "1.21.1" };
  const kernel = named("vmlinuz.efi", { signed: true });

  test("a loader has the signed ones first, the orchestrator's own as the last of them", () => {
    const loaders = [
      named("ipxe.efi", { ipxeVersion: "1.21.1" }),
      named("snponly.efi", { ipxeVersion: "1.21.1" }),
      named("signed_ipxe.efi", signed),
      named("ipxe-site.efi", signed),
      kernel,
    ];
    expect(all(loaders, true).get("ipxe.efi")).toEqual([
      "ipxe-site.efi",
      "signed_ipxe.efi",
      "snponly.efi",
    ]);
    expect(all(loaders, false).get("ipxe.efi")).toEqual(["snponly.efi"]);
  });

  test("a shim is one of them where what it starts is signed, and for no other processor", () => {
    const shim = named("shimx64.efi", { signed: true });
    expect(all([named("ipxe.efi"), shim], true).get("ipxe.efi")).toBeUndefined();
    const second = named("grubx64.efi", signed);
    expect(all([named("ipxe.efi"), shim, second], true).get("ipxe.efi")).toEqual([
      "shimx64.efi",
      "grubx64.efi",
    ]);
    // iPXE itself, signed by a key that this firmware does not know.
    expect(all([named("ipxe.efi", signed), shim], true).get("ipxe.efi")).toEqual(["shimx64.efi"]);
    const arm = named("ipxe-arm64.efi", { machine: "arm64" });
    expect(all([arm, shim, second], true).get("ipxe-arm64.efi")).toBeUndefined();
  });

  test("a loader for BIOS has none", () => {
    const bios = named("undionly.kpxe", { format: "bios", machine: null });
    expect(all([bios, named("ipxe-site.efi", signed)], true).get("undionly.kpxe")).toBeUndefined();
  });
});
