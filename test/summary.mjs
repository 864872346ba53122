// Adds up the results of several vitest runs (JSON reports in the folder given): prints what failed, one test a line,
// and one closing line.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const folder = process.argv[2] ?? ".";
/** @typedef {{ status: string, fullName: string, ancestorTitles: string[], title: string }} Result */
/** @typedef {{ name: string, status: string, message: string, assertionResults: Result[] }} File */

/** @param {Result} result */
const hasFailed = ({ status }) => status === "failed";

/**
 * The names of the tests of a file that failed.
 * @param {File} file
 */
function failuresOf({ status, message, assertionResults }) {
  const tests = assertionResults
    .filter(hasFailed)
    .map(({ ancestorTitles, title }) => [...ancestorTitles, title].join(" > "));
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
