import { describe, expect, it } from "vitest";
import { contentOf } from "../../src/assets/asset-content.ts";
import { machineFolders, readAssetName } from "../../src/assets/asset-name.ts";

describe("a name in the asset folder", () => {
  it.each([
    ["a", "a"],
    ["a/b/c.txt", "a/b/c.txt"],
    ["/a//b/./c", "a/b/c"],
    ["ä/ü.img", "ä/ü.img"],
    ["with blank/%2e%2e/x", "with blank/%2e%2e/x"],
    [".hidden/.file", ".hidden/.file"],
    ["..a/b..", "..a/b.."],
    ["...", "..."],
    ["a\\b", "a\\b"],
  ])("%j is %j", (asked, path) => {
    expect(readAssetName(asked)?.path).toBe(path);
  });

  it.each(["", "/", ".", "..", "../a", "a/../b", "a/..", "a/", "a\0b", "a".repeat(5000)])(
    "%j is none",
    (asked) => {
      expect(readAssetName(asked)).toBeNull();
    },
  );

  it.each(["08:00:27:29:4e:67", "08-00-27-29-4E-67", "0800.2729.4e67", "080027294e67"])(
    "may begin with a machine's MAC: %s",
    (mac) => {
      const machine = { mac: "08:00:27:29:4e:67", uuid: null, serial: null };
      expect(readAssetName(`${mac}/boot/vmlinuz`)?.within).toEqual({
        machine,
        rest: "boot/vmlinuz",
      });
      expect(readAssetName(mac)?.within).toBeNull();
    },
  );

  it("may begin with a machine's UUID", () => {
    const uuid = "4C4C4544-0042-4310-8036-C2C04F4D4D32";
    expect(readAssetName(`${uuid}/a`)?.within).toEqual({
      machine: { mac: null, uuid: uuid.toLowerCase(), serial: null },
      rest: "a",
    });
  });
});

describe("the folder of a machine", () => {
  it("is called by its MAC in each form, its UUID or its serial number", () => {
    const mac = "08:00:27:29:4e:67";
    const uuid = "4c4c4544-0042-4310-8036-c2c04f4d4d32";
    const folders = machineFolders({ mac, uuid, serial: "b66c4c16" });
    for (const name of [
      "08-00-27-29-4e-67",
      "08-00-27-29-4E-67",
      "08:00:27:29:4e:67",
      "080027294e67",
      "080027294E67",
      "0800.2729.4e67",
      uuid,
      uuid.toUpperCase(),
      "b66c4c16",
    ]) {
      expect(folders).toContain(name);
    }
  });

  it.each(["", ".", "..", "a/b", "../x", "a\0", "x".repeat(129)])(
    "is none for the serial number %j, which the machine itself says",
    (serial) => {
      expect(machineFolders({ mac: null, uuid: null, serial })).toEqual([]);
    },
  );
});

describe("what a file is to a boot", () => {
  it.each([
    ["vmlinuz-6.1.0-18-amd64", "kernel"],
    ["debian-installer/amd64/linux", "kernel"],
    ["b66c4c16/kernel8.img", "kernel"],
    ["b66c4c16/kernel_2712.img", "kernel"],
    ["kernel7l.img", "kernel"],
    ["Image.gz", "kernel"],
    ["arch/bzImage", "kernel"],
    ["initrd.gz", "initramfs"],
    ["initrd.img-6.1.0-18-amd64", "initramfs"],
    ["initramfs_2712", "initramfs"],
    ["uInitrd", "initramfs"],
    ["imagemagick.tar", "other"],
    ["kernel.config", "other"],
    ["linux.efi", "other"],
    ["grub/x86_64-efi/linux.mod", "other"],
    ["config.txt", "other"],
    ["start4.elf", "other"],
  ])("%s: %s", (name, content) => {
    expect(contentOf(name)).toBe(content);
  });
});
