import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaTemplate, writeSchemas } from "./schemas.ts";

/* kustomize's output for every combination of the components, judged by Kubernetes' own schemas. */

const cache = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "eim-pxe-kubernetes",
);
const tool = (name: string) => join(cache, "bin", name);
const optional = [
  "replicas",
  "shared-journal",
  "volume",
  "hardware",
  "admin-port",
  "service-monitor",
] as const;
/** Each of these is for a site that has the other. */
const needs: Readonly<Record<string, string>> = {
  "shared-journal": "replicas",
  "service-monitor": "admin-port",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-kustomize-"));
  writeSchemas(join(cache, "modules"), join(folder, "schemas"));
  cpSync("docker/kubernetes/kustomize", join(folder, "kustomize"), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function built(components: readonly string[]): string {
  const own = join(folder, "kustomize", components.join("+"));
  mkdirSync(own, { recursive: true });
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    namespace: "boot",
    resources: ["../base"],
    components: components.map((name) => `../components/${name}`),
  };
  writeFileSync(join(own, "kustomization.yaml"), JSON.stringify(kustomization));
  return execFileSync(tool("kubectl"), ["kustomize", own]).toString();
}

/** What kubeconform objects to; nothing when all is right. */
function objections(manifests: string): string {
  const where = ["-schema-location", join(folder, "schemas", schemaTemplate)];
  const { stdout } = spawnSync(tool("kubeconform"), ["-strict", ...where, "-"], {
    input: manifests,
  });
  return stdout.toString();
}

function combinations(): readonly (readonly string[])[] {
  const all: string[][] = [];
  for (let bits = 0; bits < 1 << optional.length; bits++) {
    const chosen = optional.filter((_name, at) => (bits >> at) % 2 === 1);
    const fits = chosen.every(
      (name) => needs[name] === undefined || chosen.some((one) => one === needs[name]),
    );
    if (fits) all.push([...chosen]);
  }
  return all;
}

describe("kustomize", () => {
  test.each(["host-network", "multus"])("with %s and every choice of parts is valid", (network) => {
    const found = combinations().map((parts) => {
      const wrong = objections(built([network, ...parts]));
      return wrong === "" ? [] : [parts, wrong];
    });
    expect(found).toHaveLength(36);
    expect(found.flat()).toEqual([]);
  });

  test("the order of the parts does not matter", () => {
    const parts = ["multus", ...optional];
    const volumes = (text: string) =>
      [...text.matchAll(/^ {6}- name: (\w+)$|^ {8}name: (\w+)$/gm)].length;
    expect(objections(built(parts.toReversed()))).toBe("");
    expect(volumes(built(parts.toReversed()))).toBe(volumes(built(parts)));
  });

  test("an object with an unknown key is objected to", () => {
    const wrong = built(["host-network"]).replace("hostNetwork: true", "hostNetworks: true");
    expect(objections(wrong)).toContain("hostNetworks");
  });
});
