import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDataFolder } from "../../../src/commands/shared/data-folder.ts";
import { lockFolder } from "../../../src/daemon/state/data-folder-lock.ts";
import { loadSettings, type Settings } from "../../../src/daemon/settings/settings.ts";
import { AnnouncedServer } from "../../support/announced-server.ts";
import { FakeProgram } from "../../support/program.ts";

let folder: string;
let settings: Settings;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-folder-"));
  const config = join(folder, "eim-pxe.yaml");
  writeFileSync(config, "dataDir: data\n");
  settings = loadSettings(config, {});
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => openDataFolder(new FakeProgram(), settings, "sync");
const holdAs = (purpose: string) =>
  lockFolder({ dataDir: settings.config.dataDir, pid: 4711, purpose, patienceMs: 0 });

describe("a data folder, opened for a command,", () => {
  test("is the command's own where no server runs", async () => {
    const { admin, lock } = await open();
    expect(admin).toBeNull();
    await expect(holdAs("serve")).rejects.toThrow(/already \(pid 1, sync\)/);
    await lock?.release();
    await (await holdAs("serve")).release();
  });

  test("has a server that was just starting: it is asked once it says where", async () => {
    const held = await holdAs("serve");
    const opening = open();
    await sleep(300);
    const server = await AnnouncedServer.in(settings.config.dataDir, null);
    try {
      const { admin, lock } = await opening;
      expect(admin).not.toBeNull();
      expect(lock).toBeNull();
    } finally {
      await server.close();
      await held.release();
    }
  });

  test("is the command's own once a server that was about to end has done so", async () => {
    const held = await holdAs("serve");
    const opening = open();
    await sleep(300);
    await held.release();
    const { lock } = await opening;
    expect(lock).not.toBeNull();
    await lock?.release();
  });
});
