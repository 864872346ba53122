import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

/* How `test/all.sh` ends, which is what a run elsewhere is judged by, with programs in the place of npm and vitest. */

const report = (failed: number) =>
  JSON.stringify({
    numPassedTests: 1,
    numFailedTests: failed,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [],
  });
/** Writes the report of a run, as vitest does. */
const npx = `#!/bin/sh
project=$4
for word in "$@"; do case $word in --outputFile.json=*) file=\${word#*=} ;; esac; done
if [ "$project" = "$FAILING" ]; then echo '${report(1)}' >"$file"; exit 1; fi
echo '${report(0)}' >"$file"
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-all-"));
  mkdirSync(join(folder, "tmp"));
  // No root, so nothing is installed.
  const programs = { id: "#!/bin/sh\necho 1000\n", npm: "#!/bin/sh\n", npx };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
});
afterEach(() => rmSync(folder, { recursive: true }));

function all(failing: string) {
  const env = {
    ...process.env,
    PATH: `${folder}:${process.env["PATH"] ?? ""}`,
    TMPDIR: join(folder, "tmp"),
    FAILING: failing,
  };
  const { status, stdout } = spawnSync("bash", ["test/all.sh"], { env, encoding: "utf8" });
  return { status, last: stdout.trimEnd().split("\n").at(-1) };
}

test("ends well where every test has passed, and leaves nothing", () => {
  expect(all("none")).toEqual({ status: 0, last: "6 passed, 0 failed, 0 skipped" });
  expect(readdirSync(join(folder, "tmp"))).toEqual([]);
});

test.each(["unit", "qemu", "interop"])("fails where a test of %s has failed", (project) => {
  expect(all(project)).toEqual({ status: 1, last: "6 passed, 1 failed, 0 skipped" });
  expect(readdirSync(join(folder, "tmp"))).toEqual([]);
});
