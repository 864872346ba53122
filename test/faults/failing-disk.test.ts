import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../../src/dhcp/leases/journal.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { SteadyClock } from "../../src/lib/clock.ts";
import { makeMicroOs } from "../../src/demo/micro-os.ts";
import { Program } from "../support/command.ts";
import { fullLink, message } from "../support/dhcp.ts";
import { EffectSite, macA, macB, system } from "../support/effect-site.ts";
import { eventually } from "../support/eventually.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * A disk that fails under a running server: an ext2 in a file on another disk that has no room left. The first write
 * ends with EIO, and from then on the kernel has it read-only (EROFS), as it does with a disk that is breaking.
 */

const missing = reasonToSkip({ tools: ["mount", "umount", "mkfs.ext2"], root: true });

/** The disk, and how it is made to fail. */
class FailingDisk {
  readonly #below = mkdtempSync(join(tmpdir(), "eim-pxe-below-"));
  readonly folder = mkdtempSync(join(tmpdir(), "eim-pxe-failing-"));

  constructor() {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", this.#below]);
    const image = join(this.#below, "disk.img");
    writeFileSync(image, "");
    truncateSync(image, 200 * 1024 * 1024);
    execFileSync("mkfs.ext2", ["-q", "-F", image]);
    execFileSync("mount", ["-o", "loop,errors=remount-ro", image, this.folder]);
  }

  fail(): void {
    const ballast = openSync(join(this.#below, "ballast"), "w");
    const piece = new Uint8Array(64 * 1024);
    try {
      for (;;) writeSync(ballast, piece);
    } catch {
      // No room is left.
    } finally {
      closeSync(ballast);
    }
  }

  remove(): void {
    execFileSync("umount", [this.folder]);
    // Until the kernel has let go of the loop device, it is in use.
    execFileSync("umount", ["-l", this.#below]);
    for (const folder of [this.folder, this.#below]) rmSync(folder, { recursive: true });
  }
}

describe.skipIf(missing !== null)(
  `a disk that fails${missing === null ? "" : ` (${missing})`}`,
  () => {
    let disk: FailingDisk;
    beforeEach(() => {
      disk = new FailingDisk();
    });
    afterEach(() => disk.remove());

    test("costs no acknowledged lease: nothing is offered that cannot be kept, and a start has all that was promised", async () => {
      const time = { nowMs: 1_800_000_000_000 };
      const host = { bootId: "one", upMs: () => time.nowMs };
      const clock = new SteadyClock({ now: () => time.nowMs, wall: () => time.nowMs }, host);
      const leases = new LeaseTable();
      const { journal } = await openJournal({ dataDir: disk.folder, leases, clock });
      const site = new EffectSite(leases, journal, time);
      const address = await site.lease(macA);
      const promised = leases.ofMachine(macA, fullLink.subnet)?.expiresAtMs ?? 0;
      disk.fail();
      for (let n = 0; n < 200 && !site.names().includes("journal-unwritable"); n++) {
        time.nowMs += 1000;
        await site.renew(macA, address);
      }
      expect(site.names()).toContain("journal-unwritable");
      expect(await site.ask(macB, message(system))).toBeNull();
      await journal.close().catch(() => {});
      const again = new LeaseTable();
      const file = readFileSync(join(disk.folder, "leases.journal"));
      expect(file.length).toBeGreaterThan(0);
      const copy = mkdtempSync(join(tmpdir(), "eim-pxe-copied-"));
      execFileSync("cp", ["-a", `${disk.folder}/.`, copy]);
      const reopened = await openJournal({ dataDir: copy, leases: again, clock });
      expect(again.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
      expect(again.ofMachine(macA, fullLink.subnet)?.expiresAtMs ?? 0).toBeGreaterThanOrEqual(
        promised,
      );
      await reopened.journal.close();
      rmSync(copy, { recursive: true });
    });

    test("and that is read-only from then on: what was verified is served on, and decisions and events say it", async () => {
      const [program, served] = await Promise.all([Program.build(), ServedSite.open()]);
      const data = join(disk.folder, "data");
      mkdirSync(data);
      const server = program.start(["serve", "--config", served.configuration()], {
        EIM_PXE_DATA_DIR: data,
      });
      try {
        await server.event("ready");
        const [boot, admin] = await Promise.all([urlOf(server, "http"), urlOf(server, "admin")]);
        const kernel = await bytesOf(`${boot}/artifacts/vmlinuz-x86_64`);
        disk.fail();
        const { initramfs } = makeMicroOs({
          kernelBytes: 20_000,
          initramfsBytes: 100_000,
          seed: "next",
        });
        served.orchestrator.replace("initramfs-x86_64", initramfs);
        const headers = { "content-type": "application/json" };
        const sync = await fetch(`${admin}/api/v1/artifacts/sync`, { method: "POST", headers });
        expect(sync.ok).toBe(false);
        await server.event("sync-failed");
        const node = `${admin}/api/v1/nodes/${macA}`;
        const decided = await fetch(node, {
          method: "PATCH",
          headers,
          body: JSON.stringify({ netboot: "deny" }),
        });
        // Who decides is told that it cannot be kept, instead of a restart that forgets it.
        expect(decided.status).toBe(507);
        expect(await bytesOf(`${boot}/artifacts/vmlinuz-x86_64`)).toEqual(kernel);
        expect((await bytesOf(`${boot}/artifacts/initramfs-x86_64`)).length).toBeGreaterThan(0);
        await fetch(`${boot}/boot.ipxe?mac=525400000010`);
        await eventually(() => {
          expect(server.log().map(({ event }) => event)).toContain("timeline-unkept");
        });
        expect((await fetch(`${admin}/healthz`)).status).toBe(200);
        server.kill("SIGTERM");
        expect((await server.finished()).code).toBe(0);
      } finally {
        server.kill("SIGKILL");
        await server.finished();
        await program.remove();
        await served.close();
      }
    });
  },
);

async function bytesOf(url: string): Promise<Uint8Array> {
  const reply = await fetch(url);
  expect(reply.status).toBe(200);
  return new Uint8Array(await reply.arrayBuffer());
}
