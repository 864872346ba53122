import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { beaconArgument } from "./micro-os.ts";
import type { MicroOs } from "./micro-os.ts";
import { wire } from "./network.ts";
import type { LabNetwork, Wire } from "./network.ts";
import type { OrchestratorDouble } from "./orchestrator.ts";
import { startService } from "./process.ts";
import type { Command } from "./process.ts";
import { readEvents } from "./server.ts";
import type { BootServer, Mode } from "./server.ts";

const bootPort = 8080;
const adminListen = "127.0.0.1:8081";

/** Where the machines' beacons go. */
export const eventsUrl = `http://${wire.serverAddress}:${bootPort}/events`;

/** Where people and tests ask, from inside the server's namespace. */
export const adminUrl = `http://${adminListen}`;

/** How to run the program from source. */
export const fromSource: Command = [
  process.execPath,
  "--import",
  "tsx",
  fileURLToPath(new URL("../../src/cli.ts", import.meta.url)),
];

/** The server's configuration in the folder of a run. */
export function configurationIn(folder: string): string {
  return join(folder, "eim-pxe.yaml");
}

/** What of the configuration a site can choose. */
export interface Choices {
  readonly mode: Mode;
  readonly microOs: MicroOs;
  /** The folder in which the server looks for loaders. */
  readonly loaders: string;
  /** Loaders by option-93 number. */
  readonly loaderNames?: Readonly<Record<string, string>> | undefined;
  /** How machines get to the Micro-OS; default: `mirror`. */
  readonly path?: "mirror" | "orchestrator" | undefined;
  /** Entries of the nodes file. */
  readonly nodes?: readonly object[] | undefined;
  /** How machines that may not boot go on to their disks; default: `auto`. */
  readonly localBoot?: string | undefined;
  /** Links besides `wire`. */
  readonly links?: readonly { readonly wire: Wire; readonly mode: Mode }[] | undefined;
  /** Keys of the configuration that are otherwise than usual, by section. */
  readonly settings?: Readonly<Record<string, object>> | undefined;
}

/**
 * Starts `eim-pxe serve` inside the lab's network and waits until it says that a machine could boot.
 * `command` is for other ways to run it than from source: a packed tarball, a container.
 */
export async function startEimPxe(
  options: Choices & {
    readonly network: LabNetwork;
    readonly folder: string;
    readonly orchestrator: OrchestratorDouble;
    readonly command?: Command | undefined;
  },
): Promise<BootServer> {
  const { network, folder, command = fromSource } = options;
  const configuration = configurationIn(folder);
  await writeFile(join(folder, "nodes.yaml"), stringify(options.nodes ?? []));
  await writeFile(configuration, stringify(configurationFor(options)));
  const service = startService({
    name: "eim-pxe",
    command: network.inside(
      // The lab has no way out, so a developer's own proxy settings must not apply.
      "env",
      "--unset=HTTPS_PROXY",
      "--unset=https_proxy",
      ...command,
      "serve",
      "--config",
      configuration,
    ),
    logFile: join(folder, "server.log"),
  });
  const server = readEvents(service);
  await server.waitForEvent("ready", null, 600_000);
  return server;
}

function configurationFor(
  options: Choices & { readonly folder: string; readonly orchestrator: OrchestratorDouble },
): object {
  const { folder, mode, orchestrator, microOs, loaders, loaderNames = {}, links = [] } = options;
  const { path = "mirror" } = options;
  const mirrored = ["boot.ipxe", basename(microOs.kernel), basename(microOs.initramfs)];
  const usual: Record<string, unknown> = {
    dataDir: join(folder, "data"),
    interfaces: [{ wire, mode }, ...links].map((link) => ({
      name: link.wire.bridge,
      address: link.wire.serverAddress,
      dhcp:
        link.mode === "full"
          ? {
              mode: link.mode,
              pools: [`${link.wire.firstAddress}-${link.wire.lastAddress}`],
              // The beacons' address is the first link's, so machines on others need a way to it.
              ...(link.wire === wire ? {} : { router: link.wire.serverAddress }),
            }
          : { mode: link.mode },
    })),
    nodes: { file: join(folder, "nodes.yaml") },
    boot: {
      path,
      localBoot: options.localBoot ?? "auto",
      kernelArgs: path === "mirror" ? [`${beaconArgument}=${eventsUrl}`] : [],
      loaders: loaderNames,
    },
    http: { port: bootPort },
    admin: { listen: adminListen },
    artifacts: {
      origin: orchestrator.origin,
      ca: { file: orchestrator.caFile },
      // So that a test sees within seconds that the server noticed a change.
      intervalSeconds: 5,
      files: path === "mirror" ? mirrored : ["signed_ipxe.efi", "keys/db.der"],
      loaderDirs: [loaders, "/boot"],
    },
    log: { level: "debug" },
  };
  for (const [section, keys] of Object.entries(options.settings ?? {})) {
    usual[section] = { ...Object(usual[section]), ...keys };
  }
  return usual;
}
