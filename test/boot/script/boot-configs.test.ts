import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { grubConfig, localConfig, pxelinuxConfig } from "../../../src/boot/script/boot-configs.ts";
import { withinReason } from "../../support/hang-guard.ts";
import { bootLinesOf, bootPartsOf } from "../../../src/boot/script/boot-parts.ts";

const script = readFileSync("test/fixtures/orchestrator/boot.ipxe", "utf8");
const settings = new Map([
  ["mac", "08:00:27:29:4e:67"],
  ["ip", "192.168.77.50"],
  ["unixtime", "0x1"],
  ["network_scan_start", "0x1"],
  ["network_scan_end", "0x1"],
]);

describe("what the orchestrator's script boots", () => {
  const parts = bootPartsOf(bootLinesOf(script), settings);

  it("is its kernel, its initramfs and its arguments, as iPXE would have them", () => {
    expect(parts).toMatchObject({ kernel: "vmlinuz-x86_64", initramfs: ["initramfs-x86_64"] });
    const line = parts.args.join(" ");
    expect(line).toMatch(/^root=tmpfs rootflags=mode=0755 /);
    expect(line).toContain(" worker_id=08:00:27:29:4e:67 IP=192.168.77.50 ");
    expect(line).toContain(" tink_worker_image=quay.io/tinkerbell/tink-worker:v0.10.0 ");
    expect(line).toContain(" s_vmlinux_start=0x1 ");
    expect(line).toContain(" console=ttyS1,115200 ");
    expect(line).not.toContain("initrd=");
    expect(line).not.toContain("${");
  });

  it("is refused where the script has another form", () => {
    expect(() => bootPartsOf(bootLinesOf("#!ipxe\nboot http://a/b\n"), settings)).toThrow(
      "exactly one line",
    );
  });

  it("ends with a script that names itself", () => {
    const loop = "#!ipxe\nset a ${b}\nset b ${a}\nkernel vmlinuz x=${a}\n";
    expect(bootPartsOf(bootLinesOf(loop), new Map()).args).toEqual(["x="]);
  });
});

describe("a script whose settings grow without an end", () => {
  it.each([
    ["by naming others many times", 100, "x"],
    ["by naming others that are long", 2, "x".repeat(100_000)],
  ])("is refused, %s", (_, times, value) => {
    const lines = Array.from(
      { length: 16 },
      (_line, n) => `set v${n + 1} ${`\${v${n}}`.repeat(times)}`,
    );
    const growing = ["#!ipxe", `set v0 ${value}`, ...lines, "kernel vmlinuz x=${v16}", ""].join(
      "\n",
    );
    withinReason(() => {
      expect(() => bootPartsOf(bootLinesOf(growing), settings)).toThrow("without an end");
    });
  });
});

describe("the same for another boot program", () => {
  const parts = { kernel: "vmlinuz", initramfs: ["initrd.gz"], args: ["a=b", "c='d e'"] };

  it("is PXELINUX's and U-Boot's syntax", () => {
    expect(pxelinuxConfig(parts)).toBe(
      "default micro-os\nprompt 0\nlabel micro-os\n  kernel /artifacts/vmlinuz\n" +
        "  initrd /artifacts/initrd.gz\n  append a=b c='d e'\n",
    );
  });

  it("is GRUB's", () => {
    expect(grubConfig(parts)).toBe(
      "linux /artifacts/vmlinuz a=b 'c='\\''d e'\\'''\ninitrd /artifacts/initrd.gz\nboot\n",
    );
  });

  it("sends the machine on to its disk", () => {
    expect(localConfig("pxelinux")).toContain("localboot -1");
    expect(localConfig("grub")).toBe("exit\n");
  });
});
