import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tooOldNode } from "../../src/lib/node-version.ts";

describe("field fault 60: a Node that is too old", () => {
  it.each(["18.20.4", "20.18.3", "16.0.0"])(
    "%s is refused, and how to get another is said",
    (old) => {
      const text = tooOldNode(old) ?? "";
      expect(text).toContain(`eim-pxe needs Node 20.19 or later, and this is ${old}.`);
      expect(text).toContain("Debian 13");
      expect(text).toContain("docs/container.md");
    },
  );

  it.each(["20.19.0", "20.20.2", "22.0.0", "24.11.1"])("%s is taken", (version) => {
    expect(tooOldNode(version)).toBeNull();
  });

  it("is checked before anything is loaded that needs a newer one", () => {
    const text = readFileSync("src/cli.ts", "utf8").replaceAll(/^import type .*$/gm, "");
    const loaded = [...text.matchAll(/^import .*"(.*)";$/gm)].map((match) => match[1]);
    expect(loaded).toEqual(["./lib/node-version.ts"]);
    expect(readFileSync("src/lib/node-version.ts", "utf8")).not.toMatch(/^import /m);
  });

  it("is the one that package.json names", () => {
    const { engines }: { engines: { node: string } } = JSON.parse(
      readFileSync("package.json", "utf8"),
    );
    expect(engines.node).toBe(">=20.19");
  });
});
