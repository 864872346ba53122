import { once } from "node:events";
import { statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "../../../src/daemon/state/data-folder-lock.ts";
import { BindError, ConfigError } from "../../../src/lib/errors.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "eim-pxe-lock-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const lock = (purpose: string, patienceMs = 0, folder = dataDir) =>
  lockFolder({ dataDir: folder, pid: 4711, purpose, patienceMs });

describe("the lock of a data folder", () => {
  it("is had by one at a time, and the next is told who has it", async () => {
    const first = await lock("sync");
    await expect(lock("sync")).rejects.toThrow(BindError);
    await expect(lock("serve")).rejects.toThrow(/already \(pid 4711, sync\)/);
    await first.release();
    await (await lock("serve")).release();
  });

  it("of a command is waited for, that of a server is not", async () => {
    const first = await lock("sync");
    const waiting = lock("serve", 10_000);
    await first.release();
    const second = await waiting;
    await expect(lock("sync", 10_000)).rejects.toThrow(/pid 4711, serve/);
    await second.release();
  });

  it("is waited for no longer when the server is to stop", async () => {
    const first = await lock("sync");
    const stopping = new AbortController();
    const options = { dataDir, pid: 4711, purpose: "serve", patienceMs: 600_000 };
    const waiting = lockFolder({ ...options, signal: stopping.signal });
    stopping.abort();
    await expect(waiting).rejects.toThrow(/abort/);
    await first.release();
    await (await lock("serve")).release();
  });

  it("is given up although somebody asked and does not hang up", async () => {
    const first = await lock("serve");
    const { dev, ino } = statSync(dataDir, { bigint: true });
    const rude = connect({
      path: `\0eim-pxe-${dev.toString(16)}-${ino.toString(16)}`,
      allowHalfOpen: true,
    });
    let said = "";
    rude.on("data", (text) => (said += text.toString()));
    await once(rude, "end");
    expect(said).toContain('"purpose":"serve"');
    await first.release();
    rude.destroy();
  });

  it("is another one for another folder", async () => {
    const first = await lock("serve");
    const second = await lock("serve", 0, join(dataDir, "new"));
    await expect(lock("serve")).rejects.toThrow(BindError);
    await first.release();
    await second.release();
  });

  it("needs a folder", async () => {
    await writeFile(join(dataDir, "file"), "");
    await expect(lock("serve", 0, join(dataDir, "file"))).rejects.toThrow(ConfigError);
  });
});
