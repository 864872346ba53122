import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isThere } from "../../../src/daemon/settings/settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-there-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("field fault 63: a configuration that cannot be looked at is not taken for none", () => {
  const file = join(folder, "eim-pxe.yaml");
  expect(isThere(file)).toBe(false);
  writeFileSync(file, "");
  expect(isThere(file)).toBe(true);
  expect(isThere(join(file, "below"))).toBe(false);
  // Not even root gets past this one, as no other user gets into a folder that is not his.
  const loop = join(folder, "loop");
  symlinkSync(loop, loop);
  expect(isThere(join(loop, "eim-pxe.yaml"))).toBe(true);
});
