import { existsSync, readFileSync } from "node:fs";
import { parse } from "@babel/parser";

/** Whether this file has a test, or a group of tests, with this in its title; `${…}` and `%s` in the source stand for anything. */
export function hasTest(file: string, title: string): boolean {
  return (
    existsSync(file) && titlesIn(readFileSync(file, "utf8")).some((one) => one.includes(title))
  );
}

/** The titles of a file's tests and of their groups, as they stand in its source. */
export function titlesIn(source: string): readonly string[] {
  const { program } = parse(source, { sourceType: "module", plugins: ["typescript"] });
  return Array.from(syntaxIn(program)).flatMap(({ type, callee, arguments: given }) => {
    const [title] = Array.isArray(given) ? given : [];
    if (type !== "CallExpression" || !isTest(callee) || !isSyntax(title)) return [];
    return /^(StringLiteral|TemplateLiteral)$/.test(title.type)
      ? source.slice(title.start + 1, title.end - 1)
      : [];
  });
}

/** A part of a file's syntax tree (ESTree, with Babel's literals). */
interface Syntax extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function* syntaxIn(value: unknown): Generator<Syntax> {
  if (Array.isArray(value)) {
    for (const part of value) yield* syntaxIn(part);
  } else if (isSyntax(value)) {
    yield value;
    for (const part of Object.values(value)) yield* syntaxIn(part);
  }
}

/** `it`, and what it gives: `it.each(…)`, `describe.skipIf(…)`. */
function isTest(callee: unknown): boolean {
  if (!isSyntax(callee)) return false;
  if (callee.type === "Identifier") return /^(it|test|describe)$/.test(String(callee["name"]));
  return isTest(callee["object"] ?? callee["callee"] ?? callee["tag"]);
}

/** Of text in Markdown, every test that is named in it: `test/…/x.test.ts`: "a part of its title". */
export function testsNamedIn(
  text: string,
): readonly { readonly file: string; readonly title: string }[] {
  const named = text.matchAll(/`(test\/[\w./-]+\.ts)`: "([^"]+)"/g);
  return [...named].map(([, file = "", title = ""]) => ({ file, title }));
}
