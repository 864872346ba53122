import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LoaderStore } from "../../../src/artifacts/loaders/loader-store.ts";
import type { Denial } from "../../../src/boot/policy.ts";
import { SiteAssets } from "../../../src/daemon/content/site-assets.ts";
import { findTftpFile, type TftpContent } from "../../../src/daemon/content/tftp-files.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { fromText, toText } from "../../../src/lib/bytes.ts";
import type { Machine } from "../../../src/events/types.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { nodeEntry } from "../../support/node-entry.ts";

const baseUrl = "http://192.168.77.1:8080";
const machine = { mac: "08:00:27:29:4e:67", address: "192.168.77.20" };
const somebody: Machine = { mac: null, address: "192.168.77.30" };

function loaders(...names: readonly string[]): Pick<LoaderStore, "find"> {
  return {
    find: (name) =>
      Promise.resolve(
        names.includes(name)
          ? { name, path: `/${name}`, blob: memoryBlob(fromText(name)), sha256: null }
          : null,
      ),
  };
}

function content(store: Pick<LoaderStore, "find">, more: Partial<TftpContent> = {}): TftpContent {
  const none = { assets: null, configs: null, findPi: () => Promise.resolve(null) };
  return {
    loaders: store,
    ...none,
    denialOf: () => null,
    anyFolder: false,
    takesSyslog: false,
    ...more,
  };
}

async function found(name: string, of: TftpContent, who = somebody): Promise<string | null> {
  const file = await findTftpFile(name, of, baseUrl, who);
  if (file === null) return null;
  if (file.kind === "refused")
    return `refused${file.asMissing ? " as missing" : ""}: ${file.reason}`;
  await file.blob.close();
  return `${file.kind} ${file.name}`;
}

describe("what TFTP serves", () => {
  it("is loaders by their names", async () => {
    const store = content(loaders("ipxe.efi"));
    expect(await found("ipxe.efi", store)).toBe("loader ipxe.efi");
    expect(await found("undionly.kpxe", store)).toBeNull();
  });

  it("is a script that leads a modern iPXE to boot.ipxe", async () => {
    const file = await findTftpFile("autoexec.ipxe", content(loaders()), baseUrl, somebody);
    if (file === null || file.kind === "refused") throw new Error("there is none");
    expect(file).toMatchObject({ kind: "script", name: "autoexec.ipxe" });
    const text = toText(await file.blob.read(0, 10_000));
    expect(text).toMatch(/^#!ipxe\n/);
    expect(text).toContain(`${baseUrl}/boot.ipxe`);
  });

  it("is that script beside loaders in any folder, too", async () => {
    expect(await found("ipxe/autoexec.ipxe", content(loaders()))).toBe("script autoexec.ipxe");
    expect(await found("ipxe/other.ipxe", content(loaders()))).toBeNull();
  });

  it.each([
    ["grubx64.efi", "ipxe.efi"],
    ["grubaa64.efi", "snp-arm64.efi"],
  ])("is iPXE to a shim that asks for %s, unless that exists", async (grub, ipxe) => {
    expect(await found(grub, content(loaders(ipxe)))).toBe(`loader ${ipxe}`);
    expect(await found(grub, content(loaders(ipxe, grub)))).toBe(`loader ${grub}`);
    expect(await found(grub, content(loaders("other.efi")))).toBeNull();
    expect(await found("mmx64.efi", content(loaders(ipxe)))).toBeNull();
  });
});

describe("the asset folder, by TFTP", () => {
  let directory: string;
  let denial: Denial | null;
  let store: TftpContent;
  const sessions = new BootSessions();

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "eim-pxe-tftp-assets-"));
    denial = null;
    const assets = new SiteAssets({
      directory,
      sessions,
      nodes: {
        find: ({ mac }) => (mac === machine.mac ? nodeEntry({ serial: "b66c4c16" }) : null),
      },
      isHandedOut: (name) => name === "u-boot/boot.scr.uimg",
    });
    store = content(loaders("ipxe.efi"), { assets, denialOf: () => denial });
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function put(...names: readonly string[]): void {
    for (const name of names) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), name);
    }
  }

  it("is any file, and what it is to a boot is told by its name", async () => {
    put("a/b.dtb", "vmlinuz", "initrd.gz", "u-boot/boot.scr.uimg", "grub/ü.cfg");
    expect(await found("a/b.dtb", store)).toBe("asset a/b.dtb");
    expect(await found("vmlinuz", store)).toBe("kernel vmlinuz");
    expect(await found("initrd.gz", store)).toBe("initramfs initrd.gz");
    expect(await found("u-boot/boot.scr.uimg", store)).toBe("loader u-boot/boot.scr.uimg");
    expect(await found("grub/\u00c3\u00bc.cfg", store)).toBe("asset grub/ü.cfg");
  });

  it("goes behind loaders, but for a machine's own folder; and before what takes a loader's place", async () => {
    put("ipxe.efi");
    expect(await found("ipxe.efi", store)).toBe("loader ipxe.efi");
    put("b66c4c16/ipxe.efi", "grubx64.efi");
    expect(await found("ipxe.efi", store, { ...machine })).toBe("asset b66c4c16/ipxe.efi");
    expect(await found("grubx64.efi", store)).toBe("asset grubx64.efi");
  });

  it("has the loaders of SMEE's layout before everything", async () => {
    put("ipxe.efi", "a/config");
    const smee = { ...store, anyFolder: true };
    expect(await found("b66c4c16/ipxe.efi", smee)).toBe("loader ipxe.efi");
    expect(await found("a/config", smee)).toBe("asset a/config");
  });

  it("is not for a machine that may not boot, whatever way it is sent on", async () => {
    put("vmlinuz");
    denial = { way: "exit", isAuto: false, reason: "its node entry says netboot: deny" };
    expect(await found("vmlinuz", store)).toContain("refused: this machine may not boot from here");
    expect(await found("ipxe.efi", store)).toBe("loader ipxe.efi");
    denial = { ...denial, way: "not-found" };
    expect(await found("vmlinuz", store)).toContain("refused as missing");
    expect(await found("absent", store)).toBeNull();
  });

  it("says why something that is there is not served", async () => {
    symlinkSync("/etc/passwd", join(directory, "out"));
    expect(await found("out", store)).toBe(
      "refused as missing: out is there and is not served: it is a symbolic link out of assets.directory",
    );
  });
});
