import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { beaconArgument } from "./micro-os.ts";
import { wire } from "./network.ts";
import type { LabNetwork } from "./network.ts";
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

const fromSource: Command = [
  process.execPath,
  "--import",
  "tsx",
  fileURLToPath(new URL("../../src/cli.ts", import.meta.url)),
];

/**
 * Starts `eim-pxe serve` inside the lab's network and waits until it says that a machine could boot.
 * `command` is for other ways to run it than from source: a packed tarball, a container.
 */
export async function startEimPxe(options: {
  readonly network: LabNetwork;
  readonly folder: string;
  readonly mode: Mode;
  readonly orchestrator: OrchestratorDouble;
  readonly command?: Command | undefined;
}): Promise<BootServer> {
  const { network, folder, command = fromSource } = options;
  const configuration = join(folder, "eim-pxe.yaml");
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
  await server.waitForEvent("ready", null, 60_000);
  return server;
}

function configurationFor(options: {
  readonly folder: string;
  readonly mode: Mode;
  readonly orchestrator: OrchestratorDouble;
}): object {
  const { folder, mode, orchestrator } = options;
  const pools = [`${wire.firstAddress}-${wire.lastAddress}`];
  return {
    dataDir: join(folder, "data"),
    interfaces: [
      {
        name: wire.bridge,
        address: wire.serverAddress,
        dhcp: mode === "full" ? { mode, pools } : { mode },
      },
    ],
    boot: { kernelArgs: [`${beaconArgument}=${eventsUrl}`] },
    http: { port: bootPort },
    admin: { listen: adminListen },
    artifacts: {
      origin: orchestrator.origin,
      ca: { file: orchestrator.caFile },
      // So that a test sees within seconds that the server noticed a change.
      intervalSeconds: 5,
      loaderDirs: ["/usr/lib/ipxe", "/boot"],
    },
    log: { level: "debug" },
  };
}
