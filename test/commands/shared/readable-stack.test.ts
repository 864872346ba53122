import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { readableStack } from "../../../src/commands/shared/readable-stack.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-stack-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a fault of the bundled program is reported with places of its sources", async () => {
  const source = `/* a comment */\n\nexport function faulty(): never {\n  throw new Error("broken");\n}\n`;
  const { code, map } = await transform(source, {
    loader: "ts",
    minifyWhitespace: true,
    sourcemap: "external",
    sourcefile: "../src/boot/faulty.ts",
  });
  const file = join(folder, "chunk.mjs.js");
  writeFileSync(file, code);
  writeFileSync(`${file}.map`, map);
  const column = code.indexOf("new Error") + 1;
  const stack = `Error: broken\n    at faulty (${pathToFileURL(file).href}:1:${column})\n    at node:internal/x:1:2`;
  expect(readableStack(stack)).toBe(
    "Error: broken\n    at faulty (src/boot/faulty.ts:4:9)\n    at node:internal/x:1:2",
  );
});

test("one without a map, or with one that is none, stays as it is", () => {
  const file = join(folder, "other.js");
  const stack = `Error: x\n    at y (${pathToFileURL(file).href}:1:2)`;
  expect(readableStack(stack)).toBe(stack);
  writeFileSync(`${file}.map`, "no map");
  expect(readableStack(stack)).toBe(stack);
  expect(readableStack("no stack at all")).toBe("no stack at all");
});
