import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { diskCheck } from "../../src/doctor/rules/host.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-disk-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const said = (dataDir: string) =>
  diskCheck.run({ settings: { config: parseConfig(`dataDir: ${dataDir}`, null, {}) } });

test("a file where the data folder has to be is no folder, and neither is what is below it", async () => {
  const file = join(folder, "data");
  writeFileSync(file, "");
  for (const dataDir of [file, join(file, "below")]) {
    expect(await said(dataDir)).toMatchObject([
      { status: "fail", code: "data-folder-no-folder", found: expect.stringContaining(file) },
    ]);
  }
});

test("a folder that is yet to be made is fine", async () => {
  const [line] = await said(join(folder, "a", "b"));
  expect(line?.code).not.toBe("data-folder-no-folder");
});
