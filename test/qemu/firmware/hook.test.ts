import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { wire } from "../network.ts";
import type { Extension } from "../site.ts";
import { labTools } from "../site.ts";

/*
 * A plain Tinkerbell site: Hardware objects as the upstream documentation has them, and a stand-in for HookOS in the
 * mirror. The machine's kernel has SMEE's words, in SMEE's order.
 */

const skipped = reasonToSkip({ root: true, tools: labTools });
/** The first machine that the lab makes. */
const mac = "52:54:00:77:00:01";

const hardware = `apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata:
  name: machine1
  namespace: tinkerbell
spec:
  agentID: "${mac}"
  disks:
    - device: /dev/nvme0n1
  interfaces:
    - dhcp:
        arch: x86_64
        hostname: machine1
        ip:
          address: 192.168.77.150
          gateway: ${wire.serverAddress}
          netmask: 255.255.255.0
        lease_time: 86400
        mac: "${mac}"
        name_servers: [1.1.1.1, 8.8.8.8]
        time_servers: [132.163.96.2]
        uefi: true
      netboot:
        allowPXE: true
        allowWorkflow: true
        osie:
          kernelParams: ["tink_worker_image=ghcr.io/tinkerbell/tink-agent:latest"]
  metadata:
    facility: { facility_code: onprem }
    instance: { hostname: machine1, id: "${mac}" }
`;

async function plainSite(_network: unknown, folder: string): Promise<Extension> {
  const file = join(folder, "hardware.yaml");
  await writeFile(file, hardware);
  const hook = { tinkServer: "192.168.77.5:42113", syslogHost: "192.168.77.6" };
  return { settings: { boot: { script: "hook", hook }, nodes: { file, format: "tinkerbell" } } };
}

describe.skipIf(skipped !== null)(
  `a plain Tinkerbell site${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    const site = useSite({ mode: "full", extend: plainSite });

    it("boots HookOS with SMEE's kernel arguments, word by word", async () => {
      const { commandLine, machine, stages } = await bootOne(site(), "uefi");
      expect(machine.mac).toBe(mac);
      const words = commandLine.split(/\s+/);
      // The lab's own word for its beacon is among boot.kernelArgs.
      const beacon = words.findIndex((word) => word.startsWith("eim_pxe_beacon="));
      expect(words.toSpliced(beacon, 1)).toEqual([
        ...(words[0]?.startsWith("vmlinuz") === true ? ["vmlinuz-x86_64"] : []),
        "facility=onprem",
        "syslog_host=192.168.77.6",
        "grpc_authority=192.168.77.5:42113",
        "tinkerbell_tls=false",
        "tinkerbell_insecure_tls=false",
        `worker_id=${mac}`,
        `hw_addr=${mac}`,
        "modules=loop,squashfs,sd-mod,usb-storage",
        "intel_iommu=on",
        "iommu=pt",
        "initrd=initramfs-x86_64",
        "console=tty0",
        "console=ttyS1,115200",
        "tink_worker_image=ghcr.io/tinkerbell/tink-agent:latest",
      ]);
      expect(stages).toContain("initramfs-done");
      expect(stages.at(-1)).toBe("micro-os");
      expect(readFileSync(join(site().folder, "hardware.yaml"), "utf8")).toBe(hardware);
    });
  },
);
