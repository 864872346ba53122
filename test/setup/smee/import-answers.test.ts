import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterAll, describe, expect, it } from "vitest";
import { explainVector } from "../../support/explained-vector.ts";
import { importOf, nodesOf } from "../../support/smee-site.ts";
import { smeeVectors } from "../../support/smee-vectors.ts";

describe("an imported configuration answers as SMEE did", () => {
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-import-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(smeeVectors)("$flavour $mode $id: $name", async (vector) => {
    const nodes = join(folder, "nodes.yaml");
    writeFileSync(nodes, JSON.stringify(nodesOf(vector)));
    const imported: Record<string, object> = parse(importOf(vector.flavour, vector.mode));
    const config = join(folder, "eim-pxe.yaml");
    const whole = {
      ...imported,
      dataDir: "data",
      nodes: { ...imported["nodes"], file: nodes, format: "eim" },
    };
    writeFileSync(config, JSON.stringify(whole));
    const { reply } = await explainVector(vector, config);
    expect(reply?.hex).toEqual(vector.reply?.hex);
  });
});
