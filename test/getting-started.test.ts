import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { commandLine } from "../src/commands/command-line.ts";
import { commandsOf } from "./support/documents.ts";
import { FakeProgram } from "./support/program.ts";

/*
 * docs/getting-started.md as far as it can be looked at without a box; its commands are run, as they stand there, by
 * `npm run test:firmware -- getting-started` and `npm run test:container`.
 */

const document = readFileSync("docs/getting-started.md", "utf8");
const commands = commandsOf(document);

test("every command belongs to a way that is run by a test, or needs a cluster", () => {
  expect([...commands.keys()]).toEqual([
    "Before you begin",
    "One command",
    "By hand, with systemd",
    "In a container",
  ]);
  const fences = document.split("\n").filter((line) => line.startsWith("```"));
  expect(fences.filter((line) => line === "```sh")).toHaveLength(fences.length / 2);
});

test("the package has the name that it is given by this version", () => {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync("package.json", "utf8")));
  const names = document.match(/eim-pxe-[\d.]+\.tgz/g) ?? [];
  expect(new Set(names)).toEqual(new Set([`eim-pxe-${version}.tgz`]));
});

const lines = [...commands.values()]
  .flat()
  .join("\n")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n");
const ours = lines
  .map((line) => line.replace(/^docker exec eim-pxe /, ""))
  .filter((line) => line.startsWith("eim-pxe "));

test.each([...new Set(ours)])("%s: a command with options that there are", (line) => {
  let command = commandLine(new FakeProgram(), "0", () => {});
  const options: string[] = [];
  for (const word of line.split(" ").slice(1)) {
    if (word.startsWith("--")) options.push(word);
    else command = command.commands.find((one) => one.name() === word) ?? command;
  }
  expect(command.name()).not.toBe("eim-pxe");
  const known = command.options.map(({ long }) => long);
  expect(known).toEqual(expect.arrayContaining(options));
});

test("commands are found by the heading above them, each block as one script", () => {
  const text =
    "# A\n\n```sh\na\n```\n## B\n```yaml\nno: command\n```\n```sh\nb \\\n  c\n# no heading\n```\n```sh\nd\n```\n";
  expect([...commandsOf(text)]).toEqual([
    ["A", ["a"]],
    ["B", ["b \\\n  c\n# no heading", "d"]],
  ]);
});
