import type { Target } from "./target.ts";

/** Where the targets are made. Each is loaded only where one of its targets is run. */
const files = {
  dhcp: async () => (await import("./targets/dhcp.ts")).dhcpTargets,
  tftp: async () => (await import("./targets/tftp.ts")).tftpTargets,
  files: async () => (await import("./targets/files.ts")).fileTargets,
  texts: async () => (await import("./targets/texts.ts")).textTargets,
  http: async () => (await import("./targets/http.ts")).httpTargets,
} satisfies Record<string, () => Promise<readonly Target[]>>;

/** Everything that reads what others write. A new one is a name here and a `Target` in its file. */
export const targetNames: Readonly<Record<keyof typeof files, readonly string[]>> = {
  dhcp: [
    "dhcp-decoder",
    "dhcp-options",
    "dhcp-proxy",
    "dhcp-full",
    "dhcp-boot-server",
    "dhcp-smee",
    "dhcp-smee-standalone",
    "dhcp-journal",
  ],
  tftp: ["tftp-packets", "tftp-transfers"],
  files: [
    "pe-images",
    "authenticode",
    "xz-and-initramfs",
    "tar-bundles",
    "certificates",
    "captures",
  ],
  texts: [
    "ipxe-scripts",
    "configuration",
    "nodes-files",
    "syslog",
    "names-and-headers",
    "timelines",
  ],
  http: ["api-requests", "boot-requests"],
};

/** @throws Error when there is no such target */
export async function targetNamed(name: string): Promise<Target> {
  for (const file of ["dhcp", "tftp", "files", "texts", "http"] as const) {
    if (!targetNames[file].includes(name)) continue;
    const found = (await files[file]()).find((target) => target.name === name);
    if (found !== undefined) return found;
  }
  throw new Error(`there is no target ${name}`);
}
