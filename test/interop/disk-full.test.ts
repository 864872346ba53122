import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { makeMicroOs } from "../../src/demo/micro-os.ts";
import { type Command, Program } from "../support/command.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";
import { repeated } from "../support/repeats.ts";

/* A running server whose data folder is on a small disk of its own, which fills up. */

const missing = reasonToSkip({ tools: ["mount", "umount"], root: true });
const initramfsBytes = 8_000_000;
const diskBytes = 64 * 1024 * 1024;

describe.skipIf(missing !== null)("a full disk", () => {
  const disk = mkdtempSync(join(tmpdir(), "eim-pxe-disk-"));
  const ballast = join(disk, "ballast");
  let program: Program;
  let site: ServedSite;
  let server: Command;
  let boot: string;
  let admin: string;
  beforeAll(async () => {
    program = await Program.build();
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "tmpfs", disk]);
    mkdirSync(join(disk, "data"));
    site = await ServedSite.open({ initramfsBytes });
    const config = site.configuration();
    server = program.start(["serve", "--config", config], {
      EIM_PXE_DATA_DIR: join(disk, "data"),
    });
    await server.event("ready");
    boot = await urlOf(server, "http");
    admin = await urlOf(server, "admin");
  });
  afterAll(async () => {
    server.kill("SIGKILL");
    await server.finished();
    await site.close();
    await program.remove();
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });

  /** Leaves so much of the disk free. */
  function fill(freeBytes: number): void {
    rmSync(ballast, { force: true });
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  }

  function renew(seed: string): void {
    const { initramfs } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes, seed });
    site.orchestrator.replace("initramfs-x86_64", initramfs);
  }

  async function sync(): Promise<number> {
    const headers = { "content-type": "application/json" };
    return (await fetch(`${admin}/api/v1/artifacts/sync`, { method: "POST", headers })).status;
  }

  async function served(): Promise<{ script: number; bytes: number }> {
    const script = await fetch(`${boot}/boot.ipxe`);
    const initramfs = await fetch(`${boot}/artifacts/initramfs-x86_64`);
    return { script: script.status, bytes: (await initramfs.arrayBuffer()).byteLength };
  }

  /** How often the disk was full so far. */
  let fulls = 0;
  const fields = z.looseObject({ file: z.string(), missingBytes: z.number() });

  it(
    "field fault 70: is known before a byte is fetched: serving goes on, and the event says how much is missing",
    repeated,
    async () => {
      const before = await served();
      fill(10_000_000);
      renew("2");
      const { bodyBytes } = site.orchestrator.counters;
      expect(await sync()).toBe(502);
      const event = fields.parse(await server.event("disk-full", ++fulls));
      // What it takes, and what has to stay free for leases.
      expect(event).toMatchObject({ file: "initramfs-x86_64" });
      expect(event.missingBytes).toBeGreaterThan(initramfsBytes + 16 * 1024 * 1024 - 10_100_000);
      expect(event.missingBytes).toBeLessThan(initramfsBytes + 16 * 1024 * 1024 - 9_000_000);
      expect(site.orchestrator.counters.bodyBytes).toBe(bodyBytes);
      expect(await served()).toEqual(before);
    },
  );

  it("that fills up meanwhile is left as empty as it was", async () => {
    const before = await served();
    site.orchestrator.intercept((name, request, response) => {
      if (name !== "initramfs-x86_64" || request.method !== "GET") return false;
      // No length, so nobody can know beforehand.
      response.writeHead(200, { etag: '"endless"' });
      const flood = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(1_000_000), flood);
      };
      flood();
      return true;
    });
    fill(40_000_000);
    expect(await sync()).toBe(502);
    await server.event("disk-full", ++fulls);
    const { bavail, bsize } = statfsSync(disk);
    expect(bavail * bsize).toBeGreaterThan(39_000_000);
    expect(await served()).toEqual(before);
    site.orchestrator.intercept(null);
  });

  it("is no trouble any more once there is room", async () => {
    rmSync(ballast);
    expect(await sync()).toBe(200);
    const done = server.log().filter(({ event, changed }) => event === "sync-done" && changed);
    expect(done).toHaveLength(2);
    expect((await served()).script).toBe(200);
  });
});
