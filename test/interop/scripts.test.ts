import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { reasonToSkip } from "../support/tools.ts";

/* The shell scripts, as shellcheck judges them; and what install.sh says without changing anything. */

const missing = reasonToSkip({ tools: ["shellcheck", "bash"] });
const scripts = ["docker", "test", "test/qemu/guests"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".sh"))
    .map((name) => join(folder, name)),
);

describe.skipIf(missing !== null)(`scripts${missing === null ? "" : ` (${missing})`}`, () => {
  test.each(scripts)("%s is clean", (script) => {
    expect(execFileSync("shellcheck", ["--severity=warning", script], { encoding: "utf8" })).toBe(
      "",
    );
  });

  const installer = (...words: readonly string[]) => {
    try {
      const out = execFileSync("bash", ["docker/install.sh", ...words], {
        encoding: "utf8",
        stdio: "pipe",
      });
      return { code: 0, out };
    } catch (error) {
      const { status, stderr }: { status?: number; stderr?: unknown } = Object(error);
      return { code: status, out: String(stderr) };
    }
  };

  test("install.sh explains itself, and refuses what it does not know", () => {
    expect(installer("--help")).toMatchObject({
      code: 0,
      out: expect.stringContaining("make-bundle FILE"),
    });
    expect(installer()).toMatchObject({ code: 2 });
    expect(installer("diff", "--colour", "red")).toMatchObject({
      code: 2,
      out: expect.stringContaining("--colour is no setting"),
    });
    expect(installer("diff", "--patience", "soon")).toMatchObject({ code: 2 });
    expect(installer("diff", "--package", "/nowhere/eim-pxe.tgz")).toMatchObject({
      code: 2,
      out: expect.stringContaining("cannot be read"),
    });
    expect(installer("diff", "--offline", "package.json")).toMatchObject({
      code: 1,
      out: expect.stringContaining("is no bundle"),
    });
  });
});
