import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { requireSight } from "../../../src/daemon/state/instance-file.ts";
import { UnreachableError } from "../../../src/lib/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-instance-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("whoever may not look into the data folder is told so, and not that no server runs there", async () => {
  // Root may look everywhere, and tests are often run by root.
  const refused = () => Promise.reject(Object.assign(new Error("refused"), { code: "EACCES" }));
  const looked = requireSight("/var/lib/eim-pxe", refused);
  await expect(looked).rejects.toThrow(UnreachableError);
  await expect(looked).rejects.toThrow(
    "cannot look whether a server runs in /var/lib/eim-pxe: permission denied. Run the command as root: sudo eim-pxe …",
  );
});

test("a folder in which no server runs, and one that is not there, are in sight", async () => {
  await expect(requireSight(folder)).resolves.toBeUndefined();
  await expect(requireSight(join(folder, "absent"))).resolves.toBeUndefined();
});
