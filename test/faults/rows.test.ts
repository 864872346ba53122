import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import { hasTest, testsNamedIn } from "../support/named-tests.ts";
import { faultRows } from "./rows.ts";

/* `docs/faults.md` is made from the rows: npx vitest run --project unit test/faults/rows.test.ts -u */

const head = `# Faults

What was done to the running program, and what came of it. After each of them what was served goes on, and what was promised is kept: no
acknowledged lease is lost, and no machine is given a file that was not verified or that belongs to another release than the rest of its
set. \`npm run test:faults\` runs the tests of this table (some of them as root).

| fault | injected | checked | outcome | test |
|---|---|---|---|---|
`;

test.each(faultRows)("$fault: $injected: has its test", ({ test: [file, title] }) => {
  expect([file, title, hasTest(file, title)]).toEqual([file, title, true]);
});

test("each event that the table names is one", () => {
  const names = faultRows
    .flatMap(({ checked, outcome }) => [...`${checked} ${outcome}`.matchAll(/`([a-z]+-[a-z-]+)`/g)])
    .map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !Object.hasOwn(eventCatalogue, name))).toEqual([]);
});

test("docs/faults.md is the table", async () => {
  const lines = faultRows.map(({ fault, injected, checked, outcome, test: [file, title] }) =>
    ["", fault, injected, checked, outcome, `\`${file}\`: "${title}"`, ""].join(" | ").trim(),
  );
  await expect(`${head}${lines.join("\n")}\n`).toMatchFileSnapshot("../../docs/faults.md");
});

test("each test that the threat model names is there", () => {
  const named = testsNamedIn(readFileSync("docs/threat-model.md", "utf8"));
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter(({ file, title }) => !hasTest(file, title))).toEqual([]);
});
