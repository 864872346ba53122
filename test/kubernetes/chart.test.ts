import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaTemplate, writeSchemas } from "./schemas.ts";

/* The chart by helm itself, for every combination of its main values, judged by Kubernetes' own schemas. */

const cache = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "eim-pxe-kubernetes",
);
const tool = (name: string) => join(cache, "bin", name);
const chart = "docker/kubernetes/chart";
/** Each of these on, or off. */
const choices: readonly object[] = [
  { replicas: 2 },
  { hardware: { enabled: true, namespace: "tink-system" } },
  { data: { type: "claim", storageClassName: "local" } },
  { journal: { existingClaim: "leases" } },
  { database: { urlSecret: "database" } },
  { admin: { tokenSecret: "tokens" }, serviceMonitor: { enabled: true, labels: { team: "x" } } },
  { networkPolicy: { enabled: true, adminFrom: [{ matchLabels: { name: "monitoring" } }] } },
];
const networks: Readonly<Record<string, object>> = {
  host: {},
  multus: { network: { mode: "multus", multus: { ipam: { type: "static", addresses: [] } } } },
  "an attachment": { network: { mode: "multus", multus: { attachment: "kube-system/link" } } },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-chart-"));
  writeSchemas(join(cache, "modules"), join(folder, "schemas"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function helm(
  verb: "lint" | "template",
  values: object,
): { readonly out: string; readonly err: string } {
  const file = join(folder, "values.json");
  writeFileSync(file, JSON.stringify(values));
  const words = verb === "lint" ? ["--strict", chart] : ["site", chart, "--namespace", "boot"];
  const { stdout, stderr } = spawnSync(tool("helm"), [
    verb,
    ...words,
    "--kube-version",
    "1.36.0",
    "--values",
    file,
  ]);
  return { out: stdout.toString(), err: stderr.toString() };
}

function objections(manifests: string): string {
  const where = ["-schema-location", join(folder, "schemas", schemaTemplate)];
  const { stdout } = spawnSync(tool("kubeconform"), ["-strict", ...where, "-"], {
    input: manifests,
  });
  return stdout.toString();
}

describe("the chart", () => {
  test.each(Object.keys(networks))(
    "with the network of %s and every choice of values is valid",
    (name) => {
      const found: string[] = [];
      for (let bits = 0; bits < 1 << choices.length; bits++) {
        const chosen = choices.filter((_choice, at) => (bits >> at) % 2 === 1);
        const values: object = Object.assign({}, networks[name], ...chosen);
        const { out, err } = helm("template", values);
        const wrong = err === "" ? objections(out) : err;
        if (wrong !== "" || !out.includes("kind: StatefulSet"))
          found.push(`${JSON.stringify(values)}: ${wrong}`);
      }
      expect(found).toEqual([]);
    },
  );

  test.each([
    ["the chart's", { database: { urlSecret: "database" } }],
    [
      "the configuration's",
      { config: { leases: { store: { postgres: { urlFile: "/run/url" } } } } },
    ],
  ])("has no leader among replicas that share %s database", (_whose, values) => {
    expect(helm("template", { replicas: 2 }).out).toContain("LEADER__KUBERNETES_LEASE");
    const { out } = helm("template", { replicas: 2, journal: { existingClaim: "x" }, ...values });
    expect(out).toContain("kind: StatefulSet");
    expect(out).not.toContain("EIM_PXE_LEADER__");
    expect(out).not.toContain("coordination.k8s.io");
  });

  test("passes helm's own lint", () => {
    for (const values of Object.values(networks)) {
      expect(helm("lint", values).out).toContain("0 chart(s) failed");
    }
  });

  test.each([
    [{ replicas: 0 }, "replicas"],
    [{ network: { mode: "bridge" } }, "mode"],
    [{ network: { mode: "multus" } }, "network.multus.ipam"],
    [{ serviceMonitor: { enabled: true } }, "admin.tokenSecret"],
    [{ config: { dataDir: "/x" } }, "config"],
    [{ orchestratorCa: "no certificate" }, "orchestratorCa"],
    [{ replica: 2 }, "replica"],
  ])("%j is refused, and named", (values, named) => {
    expect(helm("template", values).err).toContain(named);
  });
});
