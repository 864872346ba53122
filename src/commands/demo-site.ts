import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../config/load.ts";
import { makeCertificate } from "../lib/certificate.ts";
import { makeMicroOs, orchestratorBootScript } from "../demo/micro-os.ts";
import { startOrchestrator } from "../demo/orchestrator.ts";
import { fromText } from "../lib/bytes.ts";
import { systemClock } from "../lib/clock.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { dgramSockets, openDgram } from "../net/dgram.ts";
import type { UdpEndpoint } from "../net/udp.ts";
import { createInventory } from "../nodes/inventory.ts";
import type { Logger } from "../observe/log.ts";
import { wantedLinks, withAssumed } from "../daemon/links/link-plan.ts";
import { startServices } from "../daemon/daemon.ts";
import type { ServiceOptions, Services } from "../daemon/services.ts";
import { noProxies } from "../artifacts/origin/proxy.ts";

/** The server's; what its machines lease is near it. Loopback takes every address that begins with 127. */
const serverAddress: Ip4 = "127.77.0.1";

// As large as the orchestrator's: iPXE's loader, a kernel, and a share of the initramfs.
const loaderBytes = 1_100_000;
const kernelBytes = 12_000_000;
const initramfsBytes = 48_000_000;

export interface DemoSite {
  readonly services: Services;
  readonly orchestratorUrl: string;
  readonly dhcp: UdpEndpoint;
  readonly tftpPort: number;
  close(): Promise<void>;
}

/**
 * A whole site on loopback and free ports, in mode full: an orchestrator with its own CA and a generated
 * Micro-OS, loaders that are right in form, and the real servers. Everything is in a folder that `close`
 * removes.
 */
export async function startDemoSite(
  log: Logger,
  host: Pick<ServiceOptions, "preemptions" | "availableMemory">,
): Promise<DemoSite> {
  const folder = await mkdtemp(join(tmpdir(), "eim-pxe-demo-"));
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const one of closers.splice(0).toReversed()) await one();
  };
  try {
    const certificate = await makeCertificate(["orchestrator.demo.example"], systemClock.wall());
    const { kernel, initramfs } = makeMicroOs({ kernelBytes, initramfsBytes });
    const script = orchestratorBootScript("https://orchestrator.demo.example/tink-stack");
    const files = new Map([
      ["boot.ipxe", fromText(script)],
      ["vmlinuz-x86_64", kernel],
      ["initramfs-x86_64", initramfs],
    ]);
    const orchestrator = await startOrchestrator({ files, certificate });
    closers.push(() => orchestrator.close());
    await writeLoaders(join(folder, "loaders"));
    await writeFile(join(folder, "ca.pem"), certificate.cert);

    const text = configuration(orchestrator.url("127.0.0.1"));
    const config = parseConfig(text, join(folder, "eim-pxe.yaml"));
    // Loopback has every address of its network, whether or not it is listed.
    const interfaces = withAssumed(config, []);
    let dhcp: UdpEndpoint | null = null;
    const services = await startServices({
      settings: {
        config,
        bootCertificate: null,
        adminCertificate: null,
        inventory: createInventory([]),
        ca: certificate.cert,
        configFile: null,
        adminToken: null,
        adminReadToken: null,
        webhooks: [],
        collector: null,
      },
      links: wantedLinks(config, interfaces),
      interfaces: () => interfaces,
      lookEveryMs: 60_000,
      openDhcpSocket: async ({ address }, port) => {
        const socket = await openDgram({ address, port });
        // The first is the server's, then comes the boot server's.
        dhcp ??= socket.local;
        return socket;
      },
      openOfferListener: null,
      dhcpPorts: { server: 0, bootServer: 0 },
      proxyEnvironment: noProxies,
      trace: null,
      log,
      clock: systemClock,
      ...host,
      udp: dgramSockets,
      instance: "demo",
      openClientPort: null,
      conflictProbe: null,
    });
    closers.push(() => services.close(1000));
    return {
      services,
      orchestratorUrl: orchestrator.url("127.0.0.1"),
      dhcp: dhcp ?? { address: serverAddress, port: 0 },
      tftpPort: services.tftpPort ?? 0,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The configuration that a person would write for such a site, with free ports in place of the usual ones. */
function configuration(origin: string): string {
  return `
dataDir: data
interfaces:
  - name: lo
    address: ${serverAddress}
    dhcp: { mode: full, subnet: 127.77.0.0/16, pools: [127.77.0.100-127.77.3.254] }
tftp: { port: 0 }
http: { port: 0 }
admin: { listen: "127.0.0.1:0" }
artifacts:
  origin: ${origin}
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`;
}

async function writeLoaders(folder: string): Promise<void> {
  await mkdir(folder);
  for (const name of ["ipxe.efi", "undionly.kpxe"]) {
    const { kernel } = makeMicroOs({ kernelBytes: loaderBytes, initramfsBytes: 0, seed: name });
    await writeFile(join(folder, name), kernel);
  }
}
