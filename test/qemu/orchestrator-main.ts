/**
 * The orchestrator double's process; a process of its own, because only a whole process can live in
 * a network namespace. Arguments: the folder of the Micro-OS, the file to write the CA to, and the
 * Micro-OS's architecture; the folder of a signed loader, where there is one; the address to listen at, where it
 * is not loopback, which is then asked by its name; that name and the port, where they are not made up.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificate } from "../../src/lib/certificate.ts";
import { startOrchestrator } from "../../src/demo/orchestrator.ts";
import { bootScript } from "./boot-script.ts";

const [
  folder = "",
  caFile = "",
  arch = "",
  loaderFolder = "",
  listenAt = "",
  itsName = "",
  port = "",
] = process.argv.slice(2);
const address = listenAt === "" ? "127.0.0.1" : listenAt;
const hostName = itsName === "" ? "tinkerbell-haproxy.lab.example" : itsName;

const certificate = await makeCertificate([hostName], Date.now());
await writeFile(caFile, certificate.cert);
const orchestrator = await startOrchestrator({
  certificate,
  host: address,
  port: Number(port),
  files: new Map(
    [`vmlinuz-${arch}`, `initramfs-${arch}`].map((name) => [name, join(folder, name)]),
  ),
});
const origin = orchestrator.url(listenAt === "" ? address : hostName);
orchestrator.replace("boot.ipxe", Buffer.from(bootScript(origin, arch)));
if (loaderFolder !== "") {
  for (const name of ["signed_ipxe.efi", "keys/db.der"]) {
    orchestrator.replace(name, await readFile(join(loaderFolder, name)));
  }
}
orchestrator.intercept((name, request) => {
  process.stdout.write(`${request.method} ${name}\n`);
  return false;
});
process.stdout.write(`origin ${origin}\n`);
process.on("SIGTERM", () => process.exit(0));
