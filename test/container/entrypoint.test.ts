import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/* What the image starts, with `setpriv-net-bind` replaced by a program that prints what it is given. */

let folder: string;
let etc: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-entrypoint-"));
  etc = join(folder, "etc");
  mkdirSync(etc);
  const started = join(folder, "setpriv-net-bind");
  writeFileSync(started, '#!/bin/sh\necho "started: $*"\n');
  chmodSync(started, 0o755);
  const script = readFileSync("docker/entrypoint.sh", "utf8");
  writeFileSync(join(folder, "entrypoint.sh"), script.replace("/etc/eim-pxe/", `${etc}/`));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(words: readonly string[], environment: Record<string, string> = {}) {
  const path = `${folder}:/usr/bin:/bin`;
  const env = { PATH: path, ...environment };
  const done = spawnSync("/bin/sh", [join(folder, "entrypoint.sh"), ...words], {
    env,
    encoding: "utf8",
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

const started = (...words: readonly string[]) => ({
  code: 0,
  err: "",
  out: `started: --inh-caps=+net_bind_service --ambient-caps=+net_bind_service -- eim-pxe ${words.join(" ")}\n`,
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
