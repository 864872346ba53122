// Adds up the results of several vitest runs (JSON reports in the folder given): prints what failed, each test with
// what it said and where, and one closing line.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const folder = process.argv[2] ?? ".";
/** @typedef {{ status: string, ancestorTitles: string[], title: string, failureMessages?: string[] }} Result */
/** @typedef {{ name: string, status: string, message: string, assertionResults: Result[] }} File */

/** @param {Result} result */
const hasFailed = ({ status }) => status === "failed";

/** Lines of a message that are shown, and where it was thrown. */
const SHOWN_LINES = 6;

/**
 * What a test that failed said: the beginning of each message, and its first place outside of libraries.
 * @param {Result} result
 */
function reasonsOf({ failureMessages = [] }) {
  return failureMessages.flatMap((text) => {
    const lines = text.split("\n").map((line) => line.trimEnd());
    const stack = lines.findIndex((line) => /^\s+at /.test(line));
    const message = stack === -1 ? lines : lines.slice(0, stack);
    const place = lines.find((line) => /^\s+at /.test(line) && !line.includes("node_modules"));
    return [...message.slice(0, SHOWN_LINES), ...(place === undefined ? [] : [place.trimStart()])];
  });
}

/**
 * The tests of a file that failed, and why.
 * @param {File} file
 */
function failuresOf({ status, message, assertionResults }) {
  const tests = assertionResults.filter(hasFailed).map((result) => {
    const name = [...result.ancestorTitles, result.title].join(" > ");
    return [name, ...reasonsOf(result).map((line) => `  ${line}`)].join("\n");
  });
  if (tests.length > 0 || status !== "failed") return tests;
  return [`the file as a whole: ${message.split("\n")[0] || "no test of it was run"}`];
}

/** @type {string[]} */
const failed = [];
/** @type {Set<string>} */
const incomplete = new Set();
const total = { passed: 0, failed: 0, skipped: 0 };
const names = readdirSync(folder).toSorted();
// `RUN.failed` beside `RUN.json`: the run failed as a whole, perhaps by an error that belongs to no test.
for (const name of names)
  if (name.endsWith(".failed")) incomplete.add(name.replace(/\.failed$/, ""));
for (const name of names.filter((one) => one.endsWith(".json"))) {
  const report = JSON.parse(readFileSync(join(folder, name), "utf8"));
  total.passed += report.numPassedTests;
  total.failed += report.numFailedTests;
  total.skipped += report.numPendingTests + report.numTodoTests;
  const failedBefore = failed.length;
  for (const file of report.testResults) {
    const failures = failuresOf(file);
    failed.push(...failures.map((test) => `${relative(process.cwd(), file.name)} > ${test}`));
    // A file that could not be loaded, or whose hook failed, has no tests that failed.
    if (failures.length > 0 && !file.assertionResults.some(hasFailed)) total.failed += 1;
  }
  if (failed.length > failedBefore) incomplete.delete(name.replace(/\.json$/, ""));
}
for (const run of incomplete)
  failed.push(`${run} > no test, but the run as a whole: see its output above`);
for (const test of failed) console.log(`FAILED ${test}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.passed > 0 && failed.length === 0 ? 0 : 1;
