import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startDnsmasq } from "./address-server.ts";
import type { MicroOs } from "./micro-os.ts";
import { wire } from "./network.ts";
import type { LabNetwork } from "./network.ts";
import { startService } from "./process.ts";
import { readEvents } from "./server.ts";
import type { BootServer, Mode } from "./server.ts";

const listen = `${wire.serverAddress}:8080`;
const loaders = "/usr/lib/ipxe";

/**
 * A server that is known to boot these machines, made of dnsmasq (DHCP or proxy DHCP, and TFTP) and
 * a few lines of HTTP. It tells whether a failure is the lab's or the server's under test, and gives
 * times to compare with.
 */
export async function startReferenceServer(options: {
  readonly network: LabNetwork;
  readonly folder: string;
  readonly mode: Mode;
  readonly microOs: MicroOs;
}): Promise<{ readonly server: BootServer; readonly stop: () => Promise<void> }> {
  const { network, folder, mode, microOs } = options;
  const http = startService({
    name: "reference-http",
    command: network.inside(
      process.execPath,
      "--import",
      "tsx",
      fileURLToPath(new URL("reference-http.ts", import.meta.url)),
      listen,
      microOs.folder,
      loaders,
    ),
    logFile: join(folder, "server.log"),
  });
  const server = readEvents(http);
  await server.waitForEvent("ready", null, 30_000);
  const script = `http://${listen}/boot.ipxe`;
  const dnsmasq = await startDnsmasq("reference-dnsmasq", folder, network.inside, [
    `interface=${wire.bridge}`,
    "enable-tftp",
    `tftp-root=${loaders}`,
    "dhcp-match=set:ipxe,175",
    ...(mode === "full" ? fullLines(script) : proxyLines(script)),
  ]);
  return {
    server,
    stop: async () => {
      await Promise.all([dnsmasq.stop(), http.stop()]);
    },
  };
}

function fullLines(script: string): string[] {
  return [
    `dhcp-range=${wire.firstAddress},${wire.lastAddress},${wire.netmask},2m`,
    "dhcp-match=set:uefi,option:client-arch,7",
    "dhcp-match=set:uefi,option:client-arch,9",
    "dhcp-match=set:http,option:client-arch,16",
    "dhcp-boot=tag:!ipxe,tag:!uefi,tag:!http,undionly.kpxe",
    "dhcp-boot=tag:!ipxe,tag:uefi,ipxe.efi",
    `dhcp-boot=tag:http,http://${listen}/ipxe.efi`,
    "dhcp-option-force=tag:http,60,HTTPClient",
    `dhcp-boot=tag:ipxe,${script}`,
  ];
}

function proxyLines(script: string): string[] {
  return [
    `dhcp-range=${wire.serverAddress},proxy`,
    "pxe-service=tag:!ipxe,x86PC,loader,undionly.kpxe",
    "pxe-service=tag:!ipxe,X86-64_EFI,loader,ipxe.efi",
    "pxe-service=tag:!ipxe,BC_EFI,loader,ipxe.efi",
    `pxe-service=tag:ipxe,x86PC,script,${script}`,
    `pxe-service=tag:ipxe,X86-64_EFI,script,${script}`,
  ];
}
