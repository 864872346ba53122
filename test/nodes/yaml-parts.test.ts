import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readYaml } from "../../src/config/yaml.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { nodesInParts, parseNodes } from "../../src/nodes/nodes-file.ts";
import { type YamlPart, yamlParts } from "../../src/nodes/yaml-parts.ts";
import { cases } from "../support/cases.ts";

const macOf = (n: number) => `52:54:00:00:${n.toString(16).padStart(4, "0").replace(/..$/, ":$&")}`;
const entry = (n: number) => `- { mac: "${macOf(n)}", name: node-${n} }\n`;
const entries = (count: number) => Array.from({ length: count }, (_, n) => entry(n)).join("");
/** Some parts. */
const many = 5000;

function problemsOf(text: string): readonly string[] {
  try {
    parseNodes(text, "n.yaml");
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The entries of all parts, and where in the file some of them stand; null: it is no YAML. */
function seenIn(parts: readonly YamlPart[], starts: readonly number[]) {
  try {
    const read = parts.map((part) => ({
      ...part,
      yaml: readYaml(part.text, "n.yaml", part.linesBefore),
    }));
    const places = starts.map((start) => {
      const part = read.findLast(({ itemsBefore }) => itemsBefore <= start);
      const place = part?.yaml.locate([start - part.itemsBefore]) ?? 0;
      return part?.yaml.describe(place);
    });
    return { entries: read.flatMap(({ yaml }) => yaml.value ?? []), places };
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

describe("a list of very many entries", () => {
  const item = fc.oneof(
    fc.nat(99).map((n) => `- { a: ${n}, b: "x - y" }\n`),
    fc
      .nat(99)
      .map(
        (n) => `- a: ${n}\n  b: |\n    - no entry\n\n    # no comment\n  c:\n    - 1\n    - 2\n`,
      ),
    fc.constantFrom(
      "-\n  a: 1\n",
      "-\ta: 1\n",
      "- a: 'one\n\n  two'\r\n",
      '- "a\u2028- b"\n',
      "# - no entry\n- 1\n",
      "- [1,\n  -1]\n",
      "-\n",
      "- R & D\n",
      "- - 1\n  - 2\n",
      "- !!str 5 # five\n",
      "-5\n",
      "- *a\n",
      "- &a 1\n",
      "---\n- 1\n",
      "a: 1\n",
      "  - 1\n",
    ),
  );
  const head = fc.constantFrom(
    "",
    "# machines\n\n",
    "---\n",
    "\uFEFF# x\n--- # y\n",
    "%YAML 1.2\n---\n",
  );

  test("is the same in parts as in one piece, each entry where it stands", () => {
    const texts = fc.tuple(head, fc.array(item, { minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(texts, ([before, items]) => {
        // Long enough for some parts.
        const text = before + items.map((one) => one + entries(1500)).join("");
        const parts = [...yamlParts(text)];
        expect(parts.map((part) => part.text).join("")).toBe(text);
        const starts = parts.map(({ itemsBefore }) => itemsBefore);
        const whole = { text, linesBefore: 0, itemsBefore: 0 };
        expect(seenIn(parts, starts)).toEqual(seenIn([whole], starts));
      }),
      { numRuns: cases(15) },
    );
  });

  test("is read some hundred entries at a time", () => {
    const parts = [...nodesInParts(entries(many), "n.yaml")];
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(2000);
    expect(parts.flat().map(({ mac }) => mac)).toEqual(
      Array.from({ length: many }, (_, n) => macOf(n)),
    );
  });

  test("has its problems told by the places in the file, whatever part they are in", () => {
    const text = `# machines\n${entries(many)}- { mac: "${macOf(3)}" }\n- { mac: x }\n`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^n\.yaml:5003:10: \[5001\]\.mac: must be a MAC address/),
    ]);
    const twice = `# machines\n${entries(many)}- { mac: "${macOf(3)}" }\n- { serial: A, mac: "${macOf(4999)}" }\n`;
    expect(problemsOf(twice)).toEqual([
      "n.yaml:5002:10: [5000].mac: entry 4 has the same mac (n.yaml:5:10)",
      "n.yaml:5003:21: [5001].mac: entry 5000 has the same mac (n.yaml:5001:10)",
    ]);
    expect(problemsOf(`${entries(many)}- { mac: [\n${entries(1)}`)[0]).toMatch(
      /^n\.yaml:500[1-3]:\d+: this is not YAML/,
    );
  });
});
