import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configJsonSchema } from "../../src/config/schema.ts";

test("the Helm chart's values are judged by the configuration's own schema (npm run chart-schema)", () => {
  const path = new URL("../../docker/kubernetes/chart/values.schema.json", import.meta.url);
  const { definitions } = JSON.parse(readFileSync(path, "utf8"));
  expect({ $schema: expect.any(String), ...definitions.configuration }).toEqual(
    configJsonSchema("draft-7"),
  );
});
