/**
 * The HTTP half of the reference server: a boot script, files, and beacons. Its own process, because
 * only a whole process can live in a network namespace.
 * Arguments: `ADDRESS:PORT` to listen on, and the folders in which files are looked for.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { bootScript } from "./boot-script.ts";
import { beaconArgument } from "./micro-os.ts";

const [listen = "", ...folders] = process.argv.slice(2);
const [address, port] = listen.split(":");

const report = (event: string, fields: Record<string, unknown> = {}) =>
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

async function findFile(name: string): Promise<{ path: string; size: number } | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() === true) return { path, size: found.size };
  }
  return null;
}

const script = bootScript(`http://${listen}/artifacts`)
  .replace("#!ipxe\n", "#!ipxe\nset network_scan_start 0\nset network_scan_end 0\n")
  .replace(/^imgargs .*$/m, `$& ${beaconArgument}=http://${listen}/events`);

const server = createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://lab").pathname;
  if (path === "/boot.ipxe") {
    report("script");
    response.end(script);
    return;
  }
  if (path === "/events") {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const { mac, stage } = Object.fromEntries(new URLSearchParams(body));
      report(stage ?? "beacon", { mac });
      response.writeHead(204).end();
    });
    return;
  }
  void sendFile(basename(path));

  async function sendFile(name: string): Promise<void> {
    const found = await findFile(name);
    if (found === null) {
      response.writeHead(404).end();
      return;
    }
    if (name.startsWith("vmlinuz")) report("kernel");
    if (name.startsWith("initramfs")) {
      report("initramfs-start");
      response.on("finish", () => report("initramfs-done"));
    }
    response.writeHead(200, {
      "Content-Length": found.size,
      "Content-Type": name.endsWith(".efi") ? "application/efi" : "application/octet-stream",
    });
    if (request.method === "HEAD") response.end();
    else createReadStream(found.path).pipe(response);
  }
});
server.listen(Number(port), address, () => report("ready"));
process.on("SIGTERM", () => process.exit(0));
