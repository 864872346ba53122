import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explain } from "../../src/commands/explain.ts";
import { FakeProgram } from "../support/program.ts";
import { configurationOf, environmentOf, nodesOf } from "../support/smee-site.ts";
import { type SmeeVector, smeeVectors } from "../support/smee-vectors.ts";

/*
 * A site that moves from SMEE writes its records as node entries and its mode as ours; then every
 * answer is the same, byte for byte.
 */

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-smee-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(value));
  return file;
}

function configure(vector: SmeeVector): string {
  const nodes = write("nodes.yaml", nodesOf(vector));
  const files = { interface: "nosuch0", dataDir: "data", nodes };
  return write("eim-pxe.yaml", configurationOf(vector, files));
}

describe("explain with SMEE's compatibility", () => {
  it.each(smeeVectors)("$flavour $mode $id: $name", async (vector) => {
    const program = new FakeProgram("", environmentOf(vector));
    const options = {
      interface: null,
      source: vector.source,
      port: 67,
      hex: vector.request,
    } as const;
    await explain(program, configure(vector), options);
    const { decision, reply } = JSON.parse(program.written);
    expect(decision).toBe(vector.reply === null ? "ignore" : "reply");
    expect({ destination: reply?.destination, hex: reply?.hex }).toEqual({
      destination: vector.reply?.destination,
      hex: vector.reply?.hex,
    });
  });
});
