import { describe, expect, it } from "vitest";
import { laterNames, readConfigName } from "../../src/assets/config-name.ts";

const mac = "08:00:27:29:4e:67";
const uuid = "44332211-6655-8877-99aa-bbccddeeff00";
const machine = { mac, uuid, address: "192.168.77.50" };

describe("the name of a boot program's configuration", () => {
  it.each([
    [`pxelinux.cfg/${uuid}`, "pxelinux", { kind: "uuid", uuid }],
    [`pxelinux.cfg/${uuid.toUpperCase()}`, "pxelinux", { kind: "uuid", uuid }],
    ["pxelinux.cfg/01-08-00-27-29-4E-67", "pxelinux", { kind: "mac", mac }],
    ["bios/pxelinux.cfg/01-08-00-27-29-4e-67", "pxelinux", { kind: "mac", mac }],
    ["pxelinux.cfg/C0A84D32", "pxelinux", { kind: "address", hex: "C0A84D32" }],
    ["pxelinux.cfg/C0A8", "pxelinux", { kind: "some", hex: "C0A8" }],
    ["pxelinux.cfg/default-arm-bcm283x", "pxelinux", { kind: "some", hex: "default-arm-bcm283x" }],
    ["pxelinux.cfg/default", "pxelinux", { kind: "everybody" }],
    ["extlinux/extlinux.conf", "pxelinux", { kind: "everybody" }],
    ["grub/grub.cfg-01-08-00-27-29-4e-67", "grub", { kind: "mac", mac }],
    ["grub.cfg-C0A84D32", "grub", { kind: "address", hex: "C0A84D32" }],
    ["grub/grub.cfg", "grub", { kind: "everybody" }],
  ])("%s", (path, syntax, of) => {
    expect(readConfigName(path)).toMatchObject({ syntax, of });
  });

  it.each(["pxelinux.0", "pxelinux.cfg", "pxelinux.cfg/x/default", "grub.cfg.bak", "config.txt"])(
    "is not %s",
    (path) => {
      expect(readConfigName(path)).toBeNull();
    },
  );
});

describe("the names that follow", () => {
  const after = (path: string) => {
    const name = readConfigName(path);
    return name === null ? null : laterNames(name, machine);
  };

  it("are those of the machine, then those of many", () => {
    expect(after(`p/pxelinux.cfg/${uuid}`)).toEqual({
      own: ["p/pxelinux.cfg/01-08-00-27-29-4e-67", "p/pxelinux.cfg/C0A84D32"],
      common: [
        ..."C0A84D3 C0A84D C0A84 C0A8 C0A C0 C".split(" ").map((hex) => `p/pxelinux.cfg/${hex}`),
        "p/pxelinux.cfg/default",
      ],
    });
    expect(after("grub/grub.cfg-01-08-00-27-29-4e-67")?.own).toEqual(["grub/grub.cfg-C0A84D32"]);
    expect(after("pxelinux.cfg/C0A84D32")).toMatchObject({ own: [] });
    expect(after("pxelinux.cfg/C0")).toEqual({
      own: [],
      common: ["pxelinux.cfg/C", "pxelinux.cfg/default"],
    });
    expect(after("grub.cfg")).toEqual({ own: [], common: [] });
    // Debian's grubnetx64.efi
    expect(after("grub/x86_64-efi/grub.cfg")).toEqual({ own: [], common: ["grub/grub.cfg"] });
  });
});
