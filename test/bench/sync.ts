import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { closedPort } from "../support/orchestrator.ts";
import { Program } from "../support/command.ts";

/*
 * A first synchronisation of 200 MiB from nginx on loopback through TLS, beside curl for the same files:
 *   npx tsx test/bench/sync.ts
 * Runs take turns, each into an empty folder. curl writes the files and is done; the mirror also makes their
 * SHA-256, checks them, asks again for each, and puts them on the disk for sure (fsync).
 * Needs nginx, openssl, curl, xz and /usr/bin/time (Debian: nginx-light curl xz-utils time).
 */

const runs = 7;
const mebibyte = 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-bench-sync-"));
const www = join(folder, "www", "tink-stack");
mkdirSync(www, { recursive: true });
const { kernel, initramfs } = makeMicroOs({
  kernelBytes: 15 * mebibyte,
  initramfsBytes: 185 * mebibyte,
});
writeFileSync(join(www, "boot.ipxe"), orchestratorBootScript("https://localhost/tink-stack"));
writeFileSync(join(www, "vmlinuz-x86_64"), kernel);
writeFileSync(join(folder, "cpio"), initramfs);
// As the orchestrator makes it; noise stays as large as it is.
const xz = spawn("xz", ["-0", "--check=crc32", "-T2", "-c"], {
  stdio: ["pipe", "pipe", "inherit"],
});
await Promise.all([
  pipeline(createReadStream(join(folder, "cpio")), xz.stdin),
  pipeline(xz.stdout, createWriteStream(join(www, "initramfs-x86_64"))),
]);
const key = join(folder, "key.pem");
const certificate = join(folder, "cert.pem");
execFileSync(
  "openssl",
  [
    ..."req -x509 -newkey rsa:3072 -nodes -days 2 -subj /CN=localhost".split(" "),
    "-addext",
    "subjectAltName=DNS:localhost",
    "-keyout",
    key,
    "-out",
    certificate,
  ],
  { stdio: "ignore" },
);
const port = await closedPort();
writeFileSync(
  join(folder, "nginx.conf"),
  `daemon off; master_process off; user root; pid ${folder}/pid; error_log ${folder}/error;
events {}
http {
  access_log off; sendfile on; keepalive_timeout 65s; default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port} ssl; root ${folder}/www;
    ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;
  }
}`,
);
const nginx = spawn("nginx", ["-c", join(folder, "nginx.conf")], { stdio: "ignore" });
while (!(await answers())) await sleep(50);

const program = await Program.build();
const origin = `https://localhost:${port}/tink-stack`;
const names = ["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64"];
const result = z.object({ durationMs: z.number() });

interface Run {
  readonly seconds: number;
  readonly kibibytes: number;
  readonly out: string;
}

function timed(command: string, args: readonly string[], environment = {}): Run {
  const startedMs = performance.now();
  const child = spawnSync("/usr/bin/time", ["-f", "%M", command, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  const seconds = (performance.now() - startedMs) / 1000;
  if (child.status !== 0) throw new Error(child.stderr);
  return { seconds, kibibytes: Number(child.stderr.trim().split("\n").at(-1)), out: child.stdout };
}

function curl(): Run {
  const into = mkdtempSync(join(folder, "curl-"));
  const urls = names.flatMap((name) => ["-o", join(into, name), `${origin}/${name}`]);
  const run = timed("curl", ["-sf", "--cacert", certificate, ...urls]);
  rmSync(into, { recursive: true });
  return run;
}

function sync(): Run & { readonly syncSeconds: number } {
  const into = mkdtempSync(join(folder, "sync-"));
  const run = timed(process.execPath, [program.entry, "sync", "--json"], {
    EIM_PXE_DATA_DIR: into,
    EIM_PXE_ARTIFACTS__ORIGIN: origin,
    EIM_PXE_ARTIFACTS__CA__FILE: certificate,
  });
  rmSync(into, { recursive: true });
  return { ...run, syncSeconds: result.parse(JSON.parse(run.out)).durationMs / 1000 };
}

const peers: Run[] = [];
const ours: ReturnType<typeof sync>[] = [];
curl();
sync();
for (let run = 0; run < runs; run++) {
  peers.push(curl());
  ours.push(sync());
}
const peer = median(peers.map(({ seconds }) => seconds));
const own = median(ours.map(({ syncSeconds }) => syncSeconds));
const whole = median(ours.map(({ seconds }) => seconds));
const memory = Math.max(...ours.map(({ kibibytes }) => kibibytes)) / 1024;
console.log(`curl                  ${peer.toFixed(2)} s`);
console.log(`sync                  ${own.toFixed(2)} s   ${(own / peer).toFixed(2)} times curl`);
console.log(
  `with program's start  ${whole.toFixed(2)} s   ${(whole / peer).toFixed(2)} times curl`,
);
console.log(`memory                ${memory.toFixed(0)} MiB at most`);
nginx.kill();
await program.remove();
rmSync(folder, { recursive: true });

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
