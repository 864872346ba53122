import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/* What the image starts, with the program replaced by one that prints what it is given. */

let folder: string;
let etc: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-entrypoint-"));
  etc = join(folder, "etc");
  mkdirSync(etc);
  mkdirSync(join(folder, "dist"));
  const program = "console.log(`started: ${process.argv.slice(1).join(' ')}`)";
  writeFileSync(join(folder, "dist/cli.js"), program);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const script = readFileSync("docker/entrypoint.mjs", "utf8");
  writeFileSync(join(folder, "entrypoint.mjs"), script.replace("/etc/eim-pxe/", `${etc}/`));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(words: readonly string[], environment: Record<string, string> = {}) {
  const done = spawnSync(process.execPath, [join(folder, "entrypoint.mjs"), ...words], {
    env: environment,
    encoding: "utf8",
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

/** By the program's own name: it starts further processes of itself by that. */
const started = (...words: readonly string[]) => ({
  code: 0,
  err: "",
  out: `started: ${[join(folder, "dist/cli.js"), ...words].join(" ")}\n`,
});

describe("field fault 69: the image", () => {
  test.each(["serve", "sync", "check"])(
    "does not run %s on defaults, and says what to mount",
    (command) => {
      const refused = run([command]);
      expect([refused.code, refused.out]).toEqual([2, ""]);
      expect(refused.err).toContain(`${etc}/eim-pxe.yaml is missing`);
      expect(refused.err).toContain("-v /etc/eim-pxe:/etc/eim-pxe:ro");
      rmSync(etc, { recursive: true });
      expect(run([command])).toEqual(refused);
    },
  );

  test("runs with a configuration: the file, one that is named, or the environment", () => {
    expect(run(["serve", "--config", "/x.yaml"])).toEqual(started("serve", "--config", "/x.yaml"));
    expect(run(["serve", "-c/x.yaml"])).toEqual(started("serve", "-c/x.yaml"));
    expect(run(["serve"], { EIM_PXE_LOG__LEVEL: "debug" })).toEqual(started("serve"));
    writeFileSync(join(etc, "eim-pxe.yaml"), "");
    expect(run(["serve"])).toEqual(started("serve"));
    expect(run(["sync", "--json"])).toEqual(started("sync", "--json"));
  });

  test.each(["demo", "--help", "schema", "explain"])("runs what needs none: %s", (command) => {
    expect(run([command])).toEqual(started(command));
  });
});
