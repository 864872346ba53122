import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { Program } from "../support/command.ts";
import { createNetns } from "../support/netns.ts";
import {
  allCases,
  type Case,
  compare,
  isScript,
  largeFile,
  picture,
  type Row,
  table,
} from "./http-figures.ts";
import { isolationTables, memoryTable } from "./http-parts.ts";
import {
  type HttpServer,
  type ServerAt,
  startBareNode,
  startNginx,
  startOurs,
} from "./http-servers.ts";

/*
 * HTTP beside nginx with one worker, server and client on a core each:
 *   npx tsx test/bench/http.ts [PART…] [case=NAME[:CONNECTIONS]…] [RUNS [SECONDS]]
 * Parts: loopback, veth (100 MiB over a virtual cable), memory (500 slow downloads), isolation (machines that boot beside
 * 64 downloads). Without a part: all. Cases by the first column of the table (`case=boot.ipxe`, `case="1 MiB:64"`); without one: all,
 * and only then are pictures drawn. Servers take turns in each run; figures are medians of 5 runs of 3 seconds.
 * On each connection one request follows the other; the client discards bodies in the kernel (as
 * recv with MSG_TRUNC does), so that only the server counts. Needs root, and nginx (Debian: nginx-light);
 * prints markdown and writes docs/pictures/http-*.svg.
 */

const parts = ["loopback", "veth", "memory", "isolation"] as const;
const words = process.argv.slice(2);
const [runs = 5, seconds = 3] = words.filter((word) => /^\d/.test(word)).map(Number);
const wantedCases = words.filter((word) => word.startsWith("case=")).map((word) => word.slice(5));
const chosen = words.filter((word) => !/^(\d|case=)/.test(word));
const wrong = chosen.filter((word) => !parts.some((part) => part === word));
if (wrong.length > 0) {
  throw new Error(`no such part: ${wrong.join(", ")}; there are ${parts.join(", ")}`);
}
const wants = (part: (typeof parts)[number]) => chosen.length === 0 || chosen.includes(part);
const isCase = (wanted: string, { name, connections }: Case): boolean =>
  wanted === name || wanted === `${name}:${connections}`;
const isWanted = (one: Case): boolean =>
  wantedCases.length === 0 || wantedCases.some((wanted) => isCase(wanted, one));
const missing = wantedCases.filter((wanted) => !allCases.some((one) => isCase(wanted, one)));
if (missing.length > 0) throw new Error(`no such case: ${missing.join(", ")}`);

const mebibyte = 1024 * 1024;
const pictures = "docs/pictures";
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-http-"));
const file = (name: string, content: Uint8Array | string): [string, string] => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return [name, path];
};
const files = new Map([
  file("initramfs-x86_64", randomBytes(100 * mebibyte)),
  file("vmlinuz-x86_64", randomBytes(mebibyte)),
  file("boot.ipxe", orchestratorBootScript("https://orchestrator.example/tink-stack")),
]);
const program = await Program.build();

/** The table of the cases, with ours, nginx as it comes, and nginx that sends in turns. */
async function besideNginx(
  at: Omit<ServerAt, "port">,
  clientWithin: string | null,
  cases: readonly Case[],
): Promise<Row[]> {
  const servers: HttpServer[] = [];
  try {
    servers.push(await startOurs(program, folder, files, { ...at, port: 18080 }));
    const nginx = await startNginx(folder, files, { ...at, port: 18082 }, null);
    servers.push(nginx);
    servers.push(await startNginx(folder, files, { ...at, port: 18083 }, "256k"));
    const wanted = cases.filter(isWanted);
    const how = { runs, seconds, clientWithin };
    const scripts = wanted.filter(isScript);
    const rows = await compare(
      servers,
      wanted.filter((one) => !isScript(one)),
      how,
    );
    if (scripts.length > 0) {
      servers.push(await startBareNode(files, { ...at, port: 18084 }));
      rows.push(...(await compare(servers, scripts, how)));
    }
    console.log(table(rows, nginx));
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}

try {
  if (wants("loopback")) {
    console.log("Loopback:\n");
    const at = { host: "127.0.0.1", device: "lo", within: null };
    const rows = await besideNginx(at, null, allCases);
    mkdirSync(pictures, { recursive: true });
    const draw = (name: string, to: string) => {
      writeFileSync(join(pictures, to), picture(rows, name, `${name} on loopback, one core`));
    };
    if (wantedCases.length === 0) {
      draw("100 MiB", "http-100-mib.svg");
      draw("1 MiB", "http-1-mib.svg");
    }
  }
  if (wants("veth")) {
    console.log("A virtual cable:\n");
    const net = createNetns();
    try {
      const [server, client] = [net.host("server"), net.host("client")];
      net.cable(
        { host: server, device: "eth0", addresses: ["10.77.0.1/24"] },
        { host: client, device: "eth0", addresses: ["10.77.0.2/24"] },
      );
      await besideNginx({ host: "10.77.0.1", device: "eth0", within: server }, client, largeFile);
    } finally {
      await net.close();
    }
  }
  if (wants("memory")) console.log(await memoryTable(program, folder, files));
  if (wants("isolation")) console.log(await isolationTables(program));
} finally {
  await program.remove();
  rmSync(folder, { recursive: true });
}
