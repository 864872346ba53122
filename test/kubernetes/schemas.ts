import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/*
 * What kubeconform judges manifests by: JSON Schemas made of Kubernetes' own OpenAPI documents, and of the definitions
 * of others' objects. Keys that no schema has are errors.
 */

const schemas = z.record(z.string(), z.looseObject({}));
const openApi = z.object({ components: z.object({ schemas }) });
const kinds = z.array(z.object({ group: z.string(), kind: z.string(), version: z.string() }));
const definition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: z.looseObject({}) }) }),
    ),
  }),
});

/** The name that kubeconform asks for by `schemaTemplate`; the group of core objects is their version to it. */
const fileName = (kind: string, group: string, version: string) =>
  `${kind.toLowerCase()}-${group === "" ? version : group}-${version}.json`;
export const schemaTemplate = "{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json";

/** Writes them into a folder; `modules` has the modules that test/kubernetes/tools.sh gets. */
export function writeSchemas(modules: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const documents = join(modules, "kubernetes", "api", "openapi-spec", "v3");
  for (const name of readdirSync(documents)) {
    if (!/^(api|apis__.*)__v1_openapi\.json$/.test(name)) continue;
    const text = readFileSync(join(documents, name), "utf8");
    const { components } = openApi.parse(
      JSON.parse(text.replaceAll("#/components/schemas/", "#/definitions/")),
    );
    const definitions = Object.fromEntries(
      Object.entries(components.schemas).map(([key, one]) => [key, strict(one)]),
    );
    for (const [key, one] of Object.entries(definitions)) {
      const of = kinds.safeParse(Object(one)["x-kubernetes-group-version-kind"]).data ?? [];
      for (const { group, kind, version } of of) {
        const schema = { $ref: `#/definitions/${key}`, definitions };
        writeFileSync(join(folder, fileName(kind, group, version)), JSON.stringify(schema));
      }
    }
  }
  const others = [
    "prometheus-operator/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    "network-attachment-definition-client/artifacts/networks-crd.yaml",
  ];
  for (const name of others) {
    const { spec } = definition.parse(parse(readFileSync(join(modules, name), "utf8")));
    for (const { name: version, schema } of spec.versions) {
      const file = join(folder, fileName(spec.names.kind, spec.group, version));
      writeFileSync(file, JSON.stringify(schema.openAPIV3Schema));
    }
  }
}

/** Whatever has properties has no others. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, strict(value)]),
  );
  const closes =
    "properties" in inner && !("additionalProperties" in inner) && inner["type"] === "object";
  return closes ? { ...inner, additionalProperties: false } : inner;
}
