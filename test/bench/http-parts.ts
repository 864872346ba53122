import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../support/command.ts";
import { StormSite, stormTarget } from "../support/storm-site.ts";
import type { ClientOptions } from "./guests/http-client-shape.ts";
import { type HttpServer, residentBytes, type ServerAt, startOurs } from "./http-servers.ts";
import { markdown, stageTable } from "./storm-tables.ts";

/* What slow clients cost, and what other protocols notice of HTTP. */

const mebibyte = 1024 * 1024;
const slowClients = 500;
const bytesPerSecond = 1000;

/** Memory with 500 downloads of 100 MiB open that take 1 kB/s, with the files in memory and without. */
export async function memoryTable(
  program: Program,
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<string> {
  const rows: string[][] = [];
  const budgets: readonly (readonly [string, number | "auto"])[] = [
    ["in memory", "auto"],
    ["on disk", 0],
  ];
  for (const [index, [name, memoryBytes]] of budgets.entries()) {
    const at: ServerAt = { host: "127.0.0.1", port: 18090 + 2 * index, device: "lo", within: null };
    const server = await startOurs(program, folder, files, at, { memoryBytes });
    const idle = residentBytes(server.pid);
    const sockets = await slowDownloads(server);
    await sleep(10_000);
    const busy = residentBytes(server.pid);
    for (const socket of sockets) socket.destroy();
    await sleep(10_000);
    const after = residentBytes(server.pid);
    rows.push([name, ...[idle, busy, after].map((bytes) => (bytes / mebibyte).toFixed(0))]);
    await server.stop();
  }
  const head = ["the file", "idle, MiB", `${slowClients} downloads, MiB`, "10 s after, MiB"];
  return markdown([head, ...rows]);
}

async function slowDownloads({ host, port }: HttpServer): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < slowClients; index += 1) {
    const localAddress = `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
    const socket = connect({ host, port, localAddress });
    socket.on("error", () => {});
    socket.pause();
    socket.write(`GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const timer = setInterval(() => void socket.read(bytesPerSecond), 1000);
    socket.once("close", () => clearInterval(timer));
    sockets.push(socket);
    if (index % 50 === 49) await sleep(50);
  }
  return sockets;
}

/** The stages of 40 machines that boot within 20 s, alone and beside 64 downloads that never end. */
export async function isolationTables(program: Program): Promise<string> {
  const sizes = { loaderBytes: mebibyte, kernelBytes: mebibyte, initramfsBytes: 64 * mebibyte };
  const site = await StormSite.open(program, { mode: "full", coreEach: true, ...sizes });
  try {
    const words = ["--nodes", "40", "--ramp", "20"];
    const alone = await site.simulate(...words);
    const load: ClientOptions = {
      host: stormTarget,
      port: 8080,
      path: "/artifacts/initramfs-x86_64",
      connections: 64,
      seconds: 60,
      range: null,
    };
    const client = new URL("guests/http-client.ts", import.meta.url);
    const guest = site.net.run(site.clientHost, client, JSON.stringify(load));
    await sleep(2000);
    const beside = await site.simulate(...words);
    await guest.stop();
    return [
      "Alone:\n",
      alone.result === null ? alone.output : stageTable(alone.result),
      "Beside 64 downloads:\n",
      beside.result === null ? beside.output : stageTable(beside.result),
    ].join("\n");
  } finally {
    await site.close();
  }
}
