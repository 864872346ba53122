import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { loadSettings } from "../../src/daemon/settings/settings.ts";
import { openSite } from "../../src/doctor/doctor.ts";
import { assetCheck } from "../../src/doctor/rules/boot.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-doctor-"));
  mkdirSync(join(folder, "files"));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function linesFor(assets: string): Promise<readonly string[]> {
  const file = join(folder, "eim-pxe.yaml");
  const text = `dataDir: data\ninterfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: "off" } }]\n${assets}`;
  writeFileSync(file, text);
  const settings = loadSettings(file, {});
  const now = () => systemClock.wall();
  const site = await openSite({ settings, file, environment: {}, interfaces: [], only: null, now });
  return (await assetCheck.run(site)).map(({ status, found }) => `${status} ${found}`);
}

describe("doctor looks at the asset folder", () => {
  it("where there is one", async () => {
    expect(await linesFor("")).toEqual([]);
    expect(await linesFor("assets: { directory: files }")).toEqual([expect.stringMatching(/^ok /)]);
  });

  it("and says why nothing of it is handed out", async () => {
    expect(await linesFor("assets: { directory: none }")).toEqual([
      expect.stringMatching(/^fail .*\/none\) can be handed out: there is no such folder$/),
    ]);
    expect(await linesFor("assets: { directory: eim-pxe.yaml }")).toEqual([
      expect.stringMatching(/^fail .*it is a file/),
    ]);
  });
});
