import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sync } from "../../src/commands/sync.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { type Command, Program } from "../support/command.ts";
import { FakeProgram } from "../support/program.ts";
import { freePort } from "../support/served-tftp.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";
import { TftpClient } from "../support/tftp-client.ts";

/* The running program gets no time, or hardly any memory. */

const initramfsBytes = 64_000_000;
const downloads = 24;

let program: Program;
let site: ServedSite;
let tftpPort: number;
let server: Command | null = null;
beforeAll(async () => {
  [program, site, tftpPort] = await Promise.all([
    Program.build(),
    ServedSite.open({ initramfsBytes }),
    freePort(),
  ]);
  await sync(new FakeProgram(), { config: site.configuration(), json: true });
});
afterAll(async () => {
  server?.kill("SIGKILL");
  await server?.finished();
  await program.remove();
  await site.close();
});

async function serve(environment: Readonly<Record<string, string>> = {}): Promise<Command> {
  const more = {
    ...environment,
    EIM_PXE_TFTP__PORT: String(tftpPort),
    EIM_PXE_TFTP__ENABLED: "true",
  };
  server = program.start(["serve", "--config", site.configuration()], more);
  await server.event("ready");
  return server;
}

/** The SHA-256 of what a machine with an address of its own gets. */
function sumOf(url: string, machine: number, told: (bytes: number) => void = () => {}) {
  return new Promise<string>((resolve, reject) => {
    const request = get(url, { localAddress: `127.0.2.${machine}`, agent: false }, (reply) => {
      const hash = createHash("sha256");
      let bytes = 0;
      reply.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        told((bytes += chunk.length));
      });
      reply.once("end", () => resolve(hash.digest("hex"))).once("error", reject);
    });
    request.once("error", reject);
  });
}

const listed = async (running: Command): Promise<string> => {
  const reply: unknown = await (
    await fetch(`${await urlOf(running, "admin")}/api/v1/artifacts`)
  ).json();
  return JSON.stringify(reply);
};

describe("the program is held up", () => {
  test("for a second and a half: what runs goes on, and what waited is answered", async () => {
    const running = await serve();
    const boot = await urlOf(running, "http");
    const client = await TftpClient.open(openDgram);
    let begun: () => void = () => {};
    const inTheMiddle = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const download = sumOf(`${boot}/artifacts/initramfs-x86_64`, 1, (bytes) => {
      if (bytes > 1_000_000) begun();
    });
    await inTheMiddle;
    running.kill("SIGSTOP");
    const loader = client.fetch({ address: "127.0.0.1", port: tftpPort }, "ipxe.efi", {
      blksize: 512,
    });
    const script = fetch(`${boot}/boot.ipxe`);
    await pause(1500);
    running.kill("SIGCONT");
    expect(await loader).toEqual(new Uint8Array(readFileSync(site.path("loaders/ipxe.efi"))));
    expect((await script).status).toBe(200);
    expect(await listed(running)).toContain(await download);
    await client.close();
    running.kill("SIGTERM");
    expect((await running.finished()).code).toBe(0);
  });

  test("with a heap of 64 MB: 24 machines download 64 MB each, right to the byte", async () => {
    const running = await serve({ NODE_OPTIONS: "--max-old-space-size=64" });
    const url = `${await urlOf(running, "http")}/artifacts/initramfs-x86_64`;
    const machines = Array.from({ length: downloads }, (_, n) => n + 1);
    const sums = new Set(await Promise.all(machines.map((machine) => sumOf(url, machine))));
    expect(sums.size).toBe(1);
    expect(await listed(running)).toContain([...sums][0]);
    running.kill("SIGTERM");
    expect((await running.finished()).code).toBe(0);
  });
});
