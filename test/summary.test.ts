import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

/* The end of what `test/all.sh` prints, which is all that is seen of a run elsewhere: it names what failed. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-summary-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface File {
  readonly name: string;
  readonly message?: string;
  /** Its tests by name, and how each ended. */
  readonly tests?: Readonly<Record<string, "passed" | "failed">>;
}

function run(name: string, files: readonly File[], failureMessages: readonly string[] = []): void {
  const count = (wanted: string): number =>
    files.flatMap(({ tests = {} }) => Object.values(tests)).filter((one) => one === wanted).length;
  const testResults = files.map(({ name: file, message = "", tests = {} }) => ({
    name: resolve(file),
    message,
    status: message !== "" || Object.values(tests).includes("failed") ? "failed" : "passed",
    assertionResults: Object.entries(tests).map(([title, status]) => {
      const why = status === "failed" ? failureMessages : [];
      return { ancestorTitles: ["a lease"], title, status, failureMessages: why };
    }),
  }));
  const report = {
    numPassedTests: count("passed"),
    numFailedTests: count("failed"),
    numPendingTests: 0,
    numTodoTests: 0,
    testResults,
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(report));
}

/** The run ended with another code than 0. */
function failed(name: string): void {
  writeFileSync(join(folder, `${name}.failed`), "");
}

function summary(): { readonly status: number | null; readonly lines: readonly string[] } {
  const { status, stdout } = spawnSync(process.execPath, ["test/summary.mjs", folder], {
    encoding: "utf8",
  });
  return { status, lines: stdout.trimEnd().split("\n") };
}

test("adds up what passed", () => {
  run("unit", [{ name: "test/a.test.ts", tests: { "is given": "passed", "is kept": "passed" } }]);
  run("slow", [{ name: "test/b.test.ts", tests: { "is renewed": "passed" } }]);
  expect(summary()).toEqual({ status: 0, lines: ["3 passed, 0 failed, 0 skipped"] });
});

test("names each test that failed, and files that could not be loaded", () => {
  run("unit", [
    { name: "test/a.test.ts", tests: { "is given": "passed", "is kept": "failed" } },
    { name: "test/b.test.ts", message: "cannot find x\nat y" },
  ]);
  failed("unit");
  expect(summary()).toEqual({
    status: 1,
    lines: [
      "FAILED test/a.test.ts > a lease > is kept",
      "FAILED test/b.test.ts > the file as a whole: cannot find x",
      "1 passed, 2 failed, 0 skipped",
    ],
  });
});

test("says what a test that failed said, and where, without the libraries in between", () => {
  const thrown = [
    "AssertionError: expected 3 to be 4",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "    at check (file:///srv/node_modules/chai/index.js:1:1)",
    "    at /srv/test/a.test.ts:12:34",
    "    at /srv/test/support/b.ts:5:6",
  ].join("\n");
  run("unit", [{ name: "test/a.test.ts", tests: { "is kept": "failed" } }], [thrown]);
  expect(summary().lines).toEqual([
    "FAILED test/a.test.ts > a lease > is kept",
    "  AssertionError: expected 3 to be 4",
    "  first",
    "  second",
    "  third",
    "  fourth",
    "  fifth",
    "  at /srv/test/a.test.ts:12:34",
    "0 passed, 1 failed, 0 skipped",
  ]);
});

test("says of a run that failed without a test that failed, which it was", () => {
  run("unit", [{ name: "test/a.test.ts", tests: { "is given": "passed" } }]);
  failed("unit");
  failed("qemu");
  expect(summary()).toEqual({
    status: 1,
    lines: [
      "FAILED qemu > no test, but the run as a whole: see its output above",
      "FAILED unit > no test, but the run as a whole: see its output above",
      "1 passed, 0 failed, 0 skipped",
    ],
  });
});

test("nothing run is a failure", () => {
  expect(summary()).toEqual({ status: 1, lines: ["0 passed, 0 failed, 0 skipped"] });
});
