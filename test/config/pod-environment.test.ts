import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readEnvironment } from "../../src/config/environment.ts";

test("a Service named eim-pxe-admin is a variable that no key of the configuration has", () => {
  const linked = { EIM_PXE_ADMIN_SERVICE_HOST: "10.0.0.1" };
  expect(readEnvironment(linked).problems).toEqual([
    "environment variable EIM_PXE_ADMIN_SERVICE_HOST: no such key in the configuration",
  ]);
});

test.each(["chart/templates/statefulset.yaml", "kustomize/base/statefulset.yaml"])(
  "the pod of %s has no variables of the namespace's Services",
  (file) => {
    expect(readFileSync(`docker/kubernetes/${file}`, "utf8")).toMatch(
      /^ {6}enableServiceLinks: false$/m,
    );
  },
);
