import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Manifest, MANIFEST_NAME, parseManifest } from "./manifest.ts";
import { openFile, type StoredFile } from "./staging.ts";

const READ_BYTES = 1024 * 1024;

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

/** The generation in `directory` if it is whole to the last byte, else what is wrong with it. */
export async function readGeneration(
  directory: string,
  id: string,
  sums: KnownSums,
): Promise<Generation | string> {
  const text = await readFile(join(directory, MANIFEST_NAME), "utf8").catch(() => null);
  if (text === null) return "it has no manifest, so it was never completed";
  const manifest = parseManifest(text);
  if (manifest === null) return "its manifest is damaged";
  for (const { name, size, sha256 } of manifest.files) {
    const path = join(directory, name);
    const stat = await lstat(path, { bigint: true }).catch(() => null);
    if (stat === null || !stat.isFile()) return `${name} is missing`;
    if (stat.size !== BigInt(size)) {
      return `${name} has ${stat.size} bytes, and the manifest says ${size}`;
    }
    const inode = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
    const sum = sums.get(inode) ?? (await sha256OfFile(path).catch(() => null));
    if (sum === null) return `${name} cannot be read`;
    sums.set(inode, sum);
    if (sum !== sha256) return `the content of ${name} is not what was stored`;
  }
  return generationAt(directory, id, manifest);
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const blob = await openFile(path);
  try {
    for (let at = 0; at < blob.size; at += READ_BYTES) {
      hash.update(await blob.read(at, READ_BYTES));
    }
  } finally {
    await blob.close();
  }
  return hash.digest("hex");
}
