import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openGenerationStore } from "../../src/artifacts/store/generation-store.ts";
import { orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { type Command, Program } from "../support/command.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { freePort } from "../support/served-tftp.ts";
import { TftpClient } from "../support/tftp-client.ts";
import { eventually } from "../support/eventually.ts";

const mebibyte = 1024 * 1024;
const loader = randomBytes(randomNumbers(7), 50_000);
let folder: string;
let program: Program;
let server: Command;
let ports: { readonly tftp: number; readonly http: number; readonly admin: number };
const sockets: Socket[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-abused-"));
  writeFileSync(join(folder, "ipxe.efi"), loader);
  await publish({
    "boot.ipxe": orchestratorBootScript("https://orchestrator.example/tink-stack"),
    "vmlinuz-x86_64": Buffer.alloc(8 * mebibyte),
    "initramfs-x86_64": Buffer.alloc(32 * mebibyte),
  });
  ports = { tftp: await freePort(), http: await freePort(), admin: await freePort() };
  writeFileSync(
    join(folder, "eim-pxe.yaml"),
    `
dataDir: ${folder}/data
interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: off } }]
tftp: { port: ${ports.tftp} }
http: { port: ${ports.http} }
admin: { listen: "127.0.0.1:${ports.admin}" }
artifacts: { loaderDirs: [${folder}] }
`,
  );
  program = await Program.build();
  server = program.start(["serve", "--config", join(folder, "eim-pxe.yaml")]);
  await server.event("ready");
});

afterAll(async () => {
  server.kill("SIGTERM");
  await server.finished();
  await program.remove();
  await rm(folder, { recursive: true });
});

async function publish(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const store = await openGenerationStore({
    directory: join(folder, "data", "artifacts"),
    keepGenerations: 1,
    inUse: () => new Set(),
    emit: () => {},
    clock: systemClock,
  });
  const stored = Object.entries(files).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const size = Buffer.byteLength(content);
    return { name, path, size, sha256, etag: null, lastModified: null };
  });
  await store.publish(stored, { origin: "https://o.example", createdAt: "2026-05-12T10:00:00Z" });
  await store.close();
}

function descriptors(): number {
  return readdirSync(`/proc/${server.pid}/fd`).length;
}

function residentMebibytes(): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(
    readFileSync(`/proc/${server.pid}/status`, "utf8"),
  )?.[1];
  return Number(kilobytes) / 1024;
}

/** How often the process and its threads woke up or gave up the processor so far. */
function switches(): number {
  const tasks = readdirSync(`/proc/${server.pid}/task`);
  const counts = tasks.map((task) => {
    const status = readFileSync(`/proc/${server.pid}/task/${task}/status`, "utf8");
    return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

function send(count: number, text: string): Socket[] {
  const made = Array.from({ length: count }, () => {
    const socket = connect(ports.http, "127.0.0.1").on("error", () => {});
    socket.pause().write(text);
    return socket;
  });
  sockets.push(...made);
  return made;
}

/** Every service once. */
async function askAll(): Promise<void> {
  const health = await fetch(`http://127.0.0.1:${ports.admin}/healthz`);
  expect(health.status).toBe(200);
  const script = await fetch(`http://127.0.0.1:${ports.http}/boot.ipxe`);
  expect(script.status).toBe(200);
  expect(await script.text()).toMatch(/^#!ipxe/);
  const client = await TftpClient.open(openDgram);
  const endpoint = { address: "127.0.0.1", port: ports.tftp };
  expect(await client.fetch(endpoint, "ipxe.efi", { blksize: 1468 })).toEqual(loader);
  await client.close();
}

const request = "GET /artifacts/vmlinuz-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n";

describe("a server", () => {
  test("that has nothing to do wakes up a few times a second", async () => {
    await askAll();
    /** How often it woke up in four seconds, or more of them where the machine is busy. */
    const wakeUps = async (): Promise<number> => {
      const before = switches();
      await sleep(4000);
      return switches() - before;
    };
    // After some requests it is not at rest at once.
    let fewest = await wakeUps();
    for (let time = 1; fewest >= 40 && time < 10; time++) fewest = await wakeUps();
    expect(fewest).toBeLessThan(40);
  });

  test("field fault 40: answers while pipelined requests and broken downloads come, and keeps nothing of them", async () => {
    await fetch(`http://127.0.0.1:${ports.http}/artifacts/vmlinuz-x86_64`).then((reply) =>
      reply.arrayBuffer(),
    );
    const before = { descriptors: descriptors(), mebibytes: residentMebibytes() };
    const held = send(40, request.repeat(Math.ceil((64 * 1024) / request.length)));
    await eventually(() => {
      expect(server.log().filter(({ event }) => event === "kernel").length).toBeGreaterThan(40);
    });
    for (let round = 0; round < 5; round += 1) {
      const broken = send(40, request);
      await askAll();
      for (const socket of broken) socket.destroy();
    }
    // One request of each connection was begun, and one open file is enough for all.
    const kernels = server.log().filter(({ event }) => event === "kernel");
    expect(kernels.length).toBeLessThanOrEqual(1 + 40 + 200);
    // Those of the last round are gone when the server has heard of it.
    await eventually(() => expect(descriptors()).toBeLessThanOrEqual(before.descriptors + 40 + 20));
    for (const socket of held) socket.destroy();
    await eventually(() => expect(descriptors()).toBeLessThanOrEqual(before.descriptors + 20));
    expect(residentMebibytes()).toBeLessThan(before.mebibytes + 50);
  });
});
