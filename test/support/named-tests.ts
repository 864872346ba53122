import { existsSync, readFileSync } from "node:fs";

/** Whether this file has a test with this in its title; `${…}` and `%s` in the source stand for anything. */
export function hasTest(file: string, title: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8").includes(title);
}

/** Of text in Markdown, every test that is named in it: `test/…/x.test.ts`: "a part of its title". */
export function testsNamedIn(
  text: string,
): readonly { readonly file: string; readonly title: string }[] {
  const named = text.matchAll(/`(test\/[\w./-]+\.ts)`: "([^"]+)"/g);
  return [...named].map(([, file = "", title = ""]) => ({ file, title }));
}
