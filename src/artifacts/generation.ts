import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfFile, type StoredFile } from "./disk.ts";
import { type Manifest, type ManifestFile, MANIFEST_NAME, parseManifest } from "./manifest.ts";

/** An immutable, complete, verified set of files from the orchestrator. */
export interface Generation {
  /** Sortable: a later generation has a greater id. */
  readonly id: string;
  readonly directory: string;
  readonly manifest: Manifest;
  file(name: string): StoredFile | null;
}

export function generationAt(directory: string, id: string, manifest: Manifest): Generation {
  const files = new Map(
    manifest.files.map((file) => [file.name, { ...file, path: join(directory, file.name) }]),
  );
  return { id, directory, manifest, file: (name) => files.get(name) ?? null };
}

/** The SHA-256 of files by device, inode, size and time: files that generations share are read once. */
export type KnownSums = Map<string, string>;

/** What was read of a folder. `intact` are the files of a damaged generation that are as they were stored. */
export type Reading =
  | { readonly kind: "whole"; readonly generation: Generation }
  | {
      readonly kind: "damaged";
      readonly reason: string;
      readonly origin: string | null;
      readonly intact: readonly StoredFile[];
    };

/** The generation in `directory` if it is whole to the last byte, else what is wrong with it. */
export async function readGeneration(
  directory: string,
  id: string,
  sums: KnownSums,
): Promise<Reading> {
  const text = await readFile(join(directory, MANIFEST_NAME), "utf8").catch(() => null);
  const manifest = text === null ? null : parseManifest(text);
  if (manifest === null) {
    const reason =
      text === null ? "it has no manifest, so it was never completed" : "its manifest is damaged";
    return { kind: "damaged", reason, origin: null, intact: [] };
  }
  const problems: string[] = [];
  const intact: StoredFile[] = [];
  for (const file of manifest.files) {
    const path = join(directory, file.name);
    const problem = await problemOf(file, path, sums);
    if (problem === null) intact.push({ ...file, path });
    else problems.push(problem);
  }
  const [reason] = problems;
  return reason === undefined
    ? { kind: "whole", generation: generationAt(directory, id, manifest) }
    : { kind: "damaged", reason, origin: manifest.origin, intact };
}

async function problemOf(
  { name, size, sha256 }: ManifestFile,
  path: string,
  sums: KnownSums,
): Promise<string | null> {
  const stat = await lstat(path, { bigint: true }).catch(() => null);
  if (stat === null || !stat.isFile()) return `${name} is missing`;
  if (stat.size !== BigInt(size)) {
    return `${name} has ${stat.size} bytes, and the manifest says ${size}`;
  }
  const inode = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
  const sum = sums.get(inode) ?? (await sha256OfFile(path).catch(() => null));
  if (sum === null) return `${name} cannot be read`;
  sums.set(inode, sum);
  return sum === sha256 ? null : `the content of ${name} is not what was stored`;
}
