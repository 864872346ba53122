import { describe, expect, test } from "vitest";
import type { NodeHook } from "../../../src/boot/node.ts";
import {
  type HookBoot,
  hookScript,
  type HookSettings,
} from "../../../src/boot/script/hook-script.ts";

/*
 * The script for HookOS. The words of its kernel lines and their order are SMEE's, of both of its lines: the
 * monorepo's of August 2026, and the last standalone one.
 */

const mac = "08:00:27:29:4e:67";
const noHook: NodeHook = {
  url: null,
  kernel: null,
  initrd: null,
  arch: "x86_64",
  facility: null,
  vlanId: null,
  workerId: null,
};

const settings: HookSettings = {
  flavour: "smee",
  url: "http://192.168.2.117:7173",
  tinkServer: null,
  tls: false,
  insecureTls: false,
  syslogHost: null,
  kernel: "vmlinuz",
  initrd: "initramfs",
  retries: 1,
  retryDelaySeconds: 1,
};
const standalone: HookSettings = {
  ...settings,
  flavour: "smee-standalone",
  retries: 0,
  retryDelaySeconds: 2,
};

const boot: HookBoot = {
  machine: { mac, hook: noHook },
  baseUrl: "http://192.168.2.112:7080",
  kernelArgs: [],
  traceId: null,
};

/** The kernel line as iPXE reads it: what ends with a backslash goes on in the next line. */
function kernelLine(script: string): string {
  const line = script
    .replaceAll("\\\n", "")
    .split("\n")
    .find((one) => one.startsWith("kernel "));
  return line?.replace(/ && goto .*$/, "") ?? "";
}

/** Lines that set something: `retries:int32 1`. */
function settingsOf(script: string): readonly string[] {
  return script.split("\n").flatMap((line) => (line.startsWith("set ") ? line.slice(4) : []));
}

describe("the kernel line of the current SMEE", () => {
  test("has its words in its order", () => {
    expect(kernelLine(hookScript(settings, boot))).toBe(
      "kernel ${download-url}/${kernel} " +
        "facility= syslog_host=192.168.2.112 grpc_authority=192.168.2.112:42113 tinkerbell_tls=false tinkerbell_insecure_tls=false worker_id=08:00:27:29:4e:67 hw_addr=08:00:27:29:4e:67 " +
        "modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=${initrd} console=tty0 console=ttyS1,115200",
    );
  });

  test("has VLAN, facility, worker and further words of the machine's record at their places", () => {
    const hook = { ...noHook, facility: "onprem quiet", vlanId: "30", workerId: "agent-7" };
    const all = {
      ...settings,
      tinkServer: "tink.example:42000",
      tls: true,
      insecureTls: true,
      syslogHost: "log.example",
    };
    const script = hookScript(all, {
      ...boot,
      machine: { mac, hook },
      kernelArgs: ["site=1", "own=2"],
    });
    expect(kernelLine(script)).toBe(
      "kernel ${download-url}/${kernel} vlan_id=30 " +
        "facility=onprem quiet syslog_host=log.example grpc_authority=tink.example:42000 tinkerbell_tls=true tinkerbell_insecure_tls=true worker_id=agent-7 hw_addr=08:00:27:29:4e:67 " +
        "modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=${initrd} console=tty0 console=ttyS1,115200 site=1 own=2",
    );
  });

  test("of a machine that nothing is known of is filled in by iPXE", () => {
    const script = hookScript(settings, { ...boot, machine: null, kernelArgs: ["site=1"] });
    expect(kernelLine(script)).toBe(
      "kernel ${download-url}/${kernel} " +
        "syslog_host=192.168.2.112 grpc_authority=192.168.2.112:42113 tinkerbell_tls=false worker_id=${mac} hw_addr=${mac} " +
        "console=tty1 console=tty2 console=ttyAMA0,115200 console=ttyAMA1,115200 console=ttyS0,115200 console=ttyS1,115200 " +
        "intel_iommu=on iommu=pt site=1 initrd=${initrd}",
    );
    expect(script).toContain("set arch ${buildarch}\n");
    for (const [built, arch] of [
      ["i386", "x86_64"],
      ["arm32", "aarch64"],
      ["arm64", "aarch64"],
    ]) {
      expect(script).toContain(`iseq \${arch} ${built} && set arch ${arch} ||\n`);
    }
  });
});

describe("the kernel line of the standalone SMEE", () => {
  test("has further words early, and the initramfs by its usual name", () => {
    const hook = { ...noHook, workerId: "agent-7", initrd: "other", vlanId: "30" };
    const script = hookScript(standalone, { ...boot, machine: { mac, hook }, kernelArgs: ["a=1"] });
    expect(kernelLine(script)).toBe(
      "kernel ${download-url}/${kernel} vlan_id=30 a=1 " +
        "facility= syslog_host=192.168.2.112 grpc_authority=192.168.2.112:42113 tinkerbell_tls=false tinkerbell_insecure_tls=false worker_id=08:00:27:29:4e:67 hw_addr=08:00:27:29:4e:67 " +
        "modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=initramfs-${arch} console=tty0 console=ttyS1,115200",
    );
  });

  test("has its one blank too many where there are none, and no log server for iPXE", () => {
    const script = hookScript(standalone, boot);
    expect(kernelLine(script)).toContain("kernel ${download-url}/${kernel}  facility=");
    expect(script).not.toContain("nslookup");
  });

  test("has them twice, and tries once, for a machine that nothing is known of", () => {
    const script = hookScript(standalone, { ...boot, machine: null, kernelArgs: ["a=1"] });
    expect(kernelLine(script)).toMatch(
      /console=ttyS1,115200 a=1 intel_iommu=on iommu=pt a=1 initrd=\$\{initrd\}$/,
    );
    expect(settingsOf(script)).toEqual(
      expect.arrayContaining(["retries:int32 0", "retry_delay:int32 0"]),
    );
  });
});

describe("the script for HookOS", () => {
  test("names kernel and initramfs by the architecture, in the folder of the configuration", () => {
    expect(settingsOf(hookScript(settings, boot))).toEqual([
      "address:ipv4 192.168.2.112 && set syslog:ipv4 ${address} || nslookup syslog 192.168.2.112 || echo The log server 192.168.2.112 could not be resolved",
      "arch x86_64",
      "download-url http://192.168.2.117:7173",
      "kernel vmlinuz-${arch}",
      "initrd initramfs-${arch}",
      "retries:int32 1",
      "retry_delay:int32 1",
      "idx:int32 0",
      "idx:int32 0",
      "idx:int32 0",
    ]);
  });

  test("takes the names of the record as they are, and our mirror where no folder is named", () => {
    const hook = { ...noHook, kernel: "vmlinuz-lts", initrd: "sub/initramfs-lts" };
    const script = hookScript({ ...settings, url: null }, { ...boot, machine: { mac, hook } });
    expect(settingsOf(script)).toEqual(
      expect.arrayContaining([
        "download-url http://192.168.2.112:7080/artifacts",
        "kernel vmlinuz-lts",
        "initrd sub/initramfs-lts",
      ]),
    );
    // iPXE calls an image as the last part of its path.
    expect(kernelLine(script)).toContain(" initrd=initramfs-lts ");
  });

  test("takes whole URLs, as Hardware v1alpha2 has them", () => {
    const [kernel, initrd] = ["http://a.example/k?x=1", "https://b.example/files/i.img?y=2"];
    const hook = { ...noHook, kernel, initrd };
    const script = hookScript(settings, { ...boot, machine: { mac, hook } });
    expect(kernelLine(script)).toMatch(/^kernel \$\{kernel\} .* initrd=i\.img /);
    expect(script).toContain("initrd ${initrd} && goto boot ||");
    expect(settingsOf(script)).toEqual(
      expect.arrayContaining([`kernel ${kernel}`, `initrd ${initrd}`]),
    );
  });

  test("tries each step once more than it has retries, and then goes back to the firmware", () => {
    const script = hookScript(settings, boot);
    for (const what of ["kernel", "initrd", "boot"]) {
      expect(script).toContain(
        `iseq \${idx} \${retries} && goto ${what}_error || inc idx && echo retry in \${retry_delay} seconds ; sleep \${retry_delay} ; goto retry_${what}`,
      );
      expect(script).toMatch(new RegExp(`:${what}_error\necho [^\n]+\nimgfree\nexit\n`));
    }
  });

  test("names the trace of the boot, and fills in what of the Tink server is not said", () => {
    const script = hookScript({ ...settings, tinkServer: ":50000" }, { ...boot, traceId: "0af7" });
    expect(script).toContain("echo Debug TraceID: 0af7\n");
    expect(script).toContain("grpc_authority=192.168.2.112:50000 ");
    const named = hookScript({ ...settings, tinkServer: "tink.example" }, boot);
    expect(named).toContain("grpc_authority=tink.example:42113 ");
  });

  test("is asked for its own MAC where an entry is found by something else", () => {
    const script = hookScript(settings, { ...boot, machine: { mac: null, hook: null } });
    expect(kernelLine(script)).toContain("worker_id=${mac} hw_addr=${mac}");
    expect(script).toContain("set arch ${buildarch}\n");
  });
});
