import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MicroOs } from "./micro-os.ts";
import type { LabNetwork } from "./network.ts";
import { startService } from "./process.ts";

/** A double of the cloud orchestrator, reachable only from the server's namespace. */
export interface OrchestratorDouble {
  /** The base URL of the artifacts, as in `artifacts.origin`. */
  readonly origin: string;
  /** The PEM file of the CA that its certificate needs. */
  readonly caFile: string;
  readonly stop: () => Promise<void>;
}

export async function startOrchestrator(
  network: LabNetwork,
  microOs: MicroOs,
  folder: string,
): Promise<OrchestratorDouble> {
  const caFile = join(folder, "orchestrator-ca.pem");
  const main = fileURLToPath(new URL("orchestrator-main.ts", import.meta.url));
  const service = startService({
    name: "orchestrator",
    command: network.inside(
      process.execPath,
      "--import",
      "tsx",
      main,
      microOs.folder,
      caFile,
      microOs.arch,
    ),
    logFile: join(folder, "orchestrator.log"),
  });
  const origin = await service.waitForLine(
    "origin",
    (line) => /^origin (\S+)$/.exec(line)?.[1] ?? null,
    60_000,
  );
  return {
    origin,
    caFile,
    stop: async () => {
      await service.stop();
    },
  };
}
