/**
 * The orchestrator double's process; a process of its own, because only a whole process can live in
 * a network namespace. Arguments: the folder of the Micro-OS, and the file to write the CA to.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { generate } from "selfsigned";
import { bootScript } from "./boot-script.ts";

const [folder = "", caFile = ""] = process.argv.slice(2);
const address = "127.0.0.1";
const { cert, private: key } = await generate([{ name: "commonName", value: address }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 7, ip: address }] },
  ],
});
await writeFile(caFile, cert);

const server = createServer({ cert, key });
server.listen(0, address, () => {
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : 0;
  const origin = `https://${address}:${port}/tink-stack`;
  void serve(origin);
});

async function serve(origin: string): Promise<void> {
  const [kernel, initramfs] = await Promise.all(
    ["vmlinuz-x86_64", "initramfs-x86_64"].map((name) => readFile(join(folder, name))),
  );
  const files = new Map<string, string | Buffer | undefined>([
    ["/tink-stack/boot.ipxe", bootScript(origin)],
    ["/tink-stack/vmlinuz-x86_64", kernel],
    ["/tink-stack/initramfs-x86_64", initramfs],
  ]);
  server.on("request", (request, response) => {
    const body = files.get(request.url ?? "");
    process.stdout.write(`${request.method} ${request.url} ${body === undefined ? 404 : 200}\n`);
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "Content-Length": Buffer.byteLength(body) }).end(body);
  });
  process.stdout.write(`origin ${origin}\n`);
}
process.on("SIGTERM", () => process.exit(0));
