import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/lib/errors.ts";

const problemOf = (boot: string): string => {
  try {
    parseConfig(`boot: ${boot}`, "eim-pxe.yaml");
    return "none";
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
};

test("signatures can be required of the orchestrator's script alone, which is the one that is made to check them", () => {
  expect(problemOf("{ imgverify: required }")).toBe("none");
  for (const others of [
    "{ imgverify: required, script: /etc/own.ipxe }",
    "{ imgverify: required, script: hook }",
    "{ imgverify: required, scriptUrl: 'http://boot.example/x' }",
    "{ imgverify: required, path: orchestrator }",
  ]) {
    expect(problemOf(others)).toMatch(/imgverify.*cannot be required here/);
    expect(problemOf(others.replace("required", "auto"))).not.toMatch(/imgverify/);
  }
});
