import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explain } from "../../src/commands/explain.ts";
import { FakeProgram } from "../support/program.ts";
import { httpPortOf, nodesOf } from "../support/smee-site.ts";
import { type SmeeVector, smeeVectors, vectorAddress } from "../support/smee-vectors.ts";

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
  const mode = vector.mode === "reservation" ? "full" : "proxy";
  return write("eim-pxe.yaml", {
    dataDir: "data",
    interfaces: [{ name: "nosuch0", address: vectorAddress, dhcp: { mode } }],
    dhcp: { compatibility: vector.flavour },
    http: { port: httpPortOf(vector) },
    nodes: {
      file: write("nodes.yaml", nodesOf(vector)),
      unknown: vector.mode === "proxy" ? "deny" : "allow",
    },
  });
}

const untraced = smeeVectors.filter(({ traced, mode }) => !traced || mode !== "reservation");

describe("explain with SMEE's compatibility", () => {
  it.each(untraced)("$flavour $mode $id: $name", async (vector) => {
    const program = new FakeProgram();
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
