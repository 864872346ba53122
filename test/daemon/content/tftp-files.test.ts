import { describe, expect, it } from "vitest";
import type { LoaderStore } from "../../../src/artifacts/loaders/loader-store.ts";
import { findTftpFile } from "../../../src/daemon/content/mirror.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { fromText, toText } from "../../../src/lib/bytes.ts";

const baseUrl = "http://192.168.77.1:8080";

function loaders(...names: readonly string[]): LoaderStore {
  return {
    find: (name) =>
      Promise.resolve(
        names.includes(name) ? { name, path: `/${name}`, blob: memoryBlob(fromText(name)) } : null,
      ),
    list: () => Promise.resolve([]),
    identify: () => Promise.resolve([]),
    passedOver: () => Promise.resolve([]),
  };
}

async function found(name: string, store: LoaderStore): Promise<string | null> {
  const file = await findTftpFile(name, store, baseUrl, false);
  return file === null ? null : `${file.kind} ${file.name}`;
}

describe("what TFTP serves", () => {
  it("is loaders by their names", async () => {
    const store = loaders("ipxe.efi");
    expect(await found("ipxe.efi", store)).toBe("loader ipxe.efi");
    expect(await found("undionly.kpxe", store)).toBeNull();
  });

  it("is a script that leads a modern iPXE to boot.ipxe", async () => {
    const file = await findTftpFile("autoexec.ipxe", loaders(), baseUrl, false);
    expect(file).toMatchObject({ kind: "script", name: "autoexec.ipxe" });
    const text = toText((await file?.blob.read(0, 10_000)) ?? new Uint8Array());
    expect(text).toMatch(/^#!ipxe\n/);
    expect(text).toContain(`${baseUrl}/boot.ipxe`);
  });

  it.each([
    ["grubx64.efi", "ipxe.efi"],
    ["grubaa64.efi", "snp-arm64.efi"],
  ])("is iPXE to a shim that asks for %s, unless that exists", async (grub, ipxe) => {
    expect(await found(grub, loaders(ipxe))).toBe(`loader ${ipxe}`);
    expect(await found(grub, loaders(ipxe, grub))).toBe(`loader ${grub}`);
    expect(await found(grub, loaders("other.efi"))).toBeNull();
    expect(await found("mmx64.efi", loaders(ipxe))).toBeNull();
  });
});
