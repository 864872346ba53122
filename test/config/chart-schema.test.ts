import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configJsonSchema } from "../../src/config/schema.ts";

const path = new URL("../../docker/kubernetes/chart/values.schema.json", import.meta.url);
const text = readFileSync(path, "utf8");

test("the Helm chart's values are judged by the configuration's own schema (npm run chart-schema)", () => {
  const { definitions } = JSON.parse(text);
  expect({ $schema: expect.any(String), ...definitions.configuration }).toEqual(
    configJsonSchema("draft-7"),
  );
});

test("its patterns are such as helm reads: Go's, without looking around, and repeats of at most 1000", () => {
  const patterns: string[] = [];
  JSON.parse(text, (key, value: unknown) => {
    if (key === "pattern" && typeof value === "string") patterns.push(value);
    return value;
  });
  expect(patterns.length).toBeGreaterThan(10);
  const repeats = (pattern: string) => [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  for (const pattern of patterns) {
    expect(pattern).not.toMatch(/\(\?(?!:)|\\[1-9k]/);
    const counts = repeats(pattern).flatMap(([, from = "", to = ""]) => [Number(from), Number(to)]);
    expect(Math.max(0, ...counts)).toBeLessThanOrEqual(1000);
  }
});
