import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/* Which tests `npm run check` runs: vitest.config.ts says it, and CONTRIBUTING.md explains it. */

describe("the project slow", () => {
  const config = readFileSync("vitest.config.ts", "utf8");
  const listed = [...config.matchAll(/"(test\/[\w/-]+\.test\.ts)"/g)].map(
    (match) => match[1] ?? "",
  );

  it("has every test of the units that runs the program as a process", () => {
    const running = readdirSync("test", { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts") && !/^(ha|interop|kubernetes|qemu)\//.test(name))
      .map((name) => join("test", name))
      .filter((name) => /from "[^"]*support\/command\.ts"/.test(readFileSync(name, "utf8")));
    expect(running.filter((name) => !listed.includes(name))).toEqual([]);
  });

  it("and the project mocked have what needs modules of its own", () => {
    const mocking = readdirSync("test", { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => join("test", name))
      .filter((name) => /^vi\.mock\(/m.test(readFileSync(name, "utf8")));
    expect(mocking.filter((name) => !listed.includes(name))).toEqual([]);
  });

  it("names files that are there", () => {
    expect(listed.filter((name) => !existsSync(name))).toEqual([]);
  });
});
