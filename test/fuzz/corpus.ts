import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("corpora", import.meta.url));
/** What is committed of one target: a handful of inputs, of which the rest grows again within seconds. */
const MOST_FILES = 24;
const MOST_BYTES = 4096;

/** The inputs that are kept for a target, which reached something once, or found something. */
export function readCorpus(target: string): readonly Uint8Array[] {
  const own = join(folder, target);
  if (!existsSync(own)) return [];
  return readdirSync(own)
    .toSorted()
    .map((name) => new Uint8Array(readFileSync(join(own, name))));
}

/** Keeps these inputs in place of those that are kept. */
export function keepCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const own = join(folder, target);
  const small = inputs.filter(({ length }) => length <= MOST_BYTES);
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  for (const input of small.slice(0, MOST_FILES)) {
    writeFileSync(join(own, nameOf(input)), input);
  }
}

export function nameOf(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex").slice(0, 16);
}
