import { readFile, writeFile } from "node:fs/promises";
import { configJsonSchema } from "../src/config/schema.ts";

/* Writes the configuration's schema into that of the Helm chart's values, of which `config` is one. */

const path = new URL("../docker/kubernetes/chart/values.schema.json", import.meta.url);
const schema: Readonly<Record<string, unknown>> = Object(JSON.parse(await readFile(path, "utf8")));
const { $schema: _, ...configuration } = { $schema: "", ...configJsonSchema("draft-7") };
await writeFile(path, JSON.stringify({ ...schema, definitions: { configuration } }, null, 2));
