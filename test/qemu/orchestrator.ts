import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MicroOs } from "./micro-os.ts";
import type { LabNetwork } from "./network.ts";
import { run, startService } from "./process.ts";

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
  path: "mirror" | "orchestrator" = "mirror",
  listenAt = "",
  names: { readonly hostName?: string; readonly port?: number } = {},
): Promise<OrchestratorDouble> {
  const loaderFolder = path === "orchestrator" ? await signLoader(join(folder, "loader")) : "";
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
      loaderFolder,
      listenAt,
      names.hostName ?? "",
      String(names.port ?? 0),
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

/**
 * A loader signed as the orchestrator signs its own, with a new key, and that key's certificate. It is
 * Debian's iPXE, so unlike the orchestrator's it has no script and no CA of its own in it.
 */
async function signLoader(folder: string): Promise<string> {
  await mkdir(join(folder, "keys"), { recursive: true });
  const key = join(folder, "db.key");
  const certificate = join(folder, "db.crt");
  const subject = ["-subj", "/CN=Secure Boot db", "-days", "2"];
  await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:4096",
    "-sha512",
    "-nodes",
    ...subject,
    "-keyout",
    key,
    "-out",
    certificate,
  ]);
  const der = ["-outform", "DER", "-out", join(folder, "keys", "db.der")];
  await run(["openssl", "x509", "-in", certificate, ...der]);
  const output = ["--output", join(folder, "signed_ipxe.efi"), "/usr/lib/ipxe/ipxe.efi"];
  await run(["sbsign", "--key", key, "--cert", certificate, ...output]);
  return folder;
}
