import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf } from "../../lib/errors.ts";
import { sha256OfFile, type StoredFile } from "./disk.ts";
import { type Manifest, type ManifestFile, MANIFEST_NAME, parseManifest } from "./manifest.ts";

/** A generation's folder: six digits that count up, then when it was completed. */
export const generationId = /^(\d{6,})-\d{8}T\d{6}Z$/;

/** The end of the name of a signature, which is beside the file that it is of. */
export const SIGNATURE = ".sig";

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** An immutable, complete, verified set of files from the orchestrator. */
export interface Generation {
  /** Sortable: a later generation has a greater id. */
  readonly id: string;
  readonly directory: string;
  readonly manifest: Manifest;
  file(name: string): StoredFile | null;
  /** Whether there are signatures beside its files, or some of them: `artifacts sign` makes one for each but the script. */
  isSigned(): Promise<boolean>;
}

export function generationAt(directory: string, id: string, manifest: Manifest): Generation {
  const files = new Map(
    manifest.files.map((file) => [file.name, { ...file, path: join(directory, file.name) }]),
  );
  const isSigned = async (): Promise<boolean> => {
    const paths = [...files.values()].map(({ path }) => `${path}${SIGNATURE}`);
    return (await Promise.all(paths.map(isThere))).includes(true);
  };
  return { id, directory, manifest, file: (name) => files.get(name) ?? null, isSigned };
}

/**
 * The SHA-256 of files by device, inode, size, and the times of content and inode, of which no program can set the last
 * one: files that generations share, and those that are as they were, are read once.
 */
export type KnownSums = Map<string, string>;

/**
 * What was read of a folder. `intact` are the files of a damaged generation that are as they were stored.
 * `unread`: the disk or the system refused, which says nothing of the bytes; the generation is as far
 * known as its manifest could be read.
 */
export type Reading =
  | { readonly kind: "whole"; readonly generation: Generation }
  | { readonly kind: "unread"; readonly reason: string; readonly generation: Generation | null }
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
  const text = await unlessMissing(readFile(join(directory, MANIFEST_NAME), "utf8"));
  if (isRefusal(text)) return unread(MANIFEST_NAME, text, null);
  const manifest = text === null ? null : parseManifest(text);
  if (manifest === null) {
    const reason =
      text === null ? "it has no manifest, so it was never completed" : "its manifest is damaged";
    return { kind: "damaged", reason, origin: null, intact: [] };
  }
  const problems: string[] = [];
  const intact: StoredFile[] = [];
  const refused: Reading[] = [];
  const generation = generationAt(directory, id, manifest);
  for (const file of manifest.files) {
    const path = join(directory, file.name);
    const problem = await problemOf(file, path, sums);
    if (problem === null) intact.push({ ...file, path });
    else if (isRefusal(problem)) refused.push(unread(file.name, problem, generation));
    else problems.push(problem);
  }
  const [reason] = problems;
  return reason === undefined
    ? (refused[0] ?? { kind: "whole", generation })
    : { kind: "damaged", reason, origin: manifest.origin, intact };
}

async function problemOf(
  { name, size, sha256 }: ManifestFile,
  path: string,
  sums: KnownSums,
): Promise<string | Refusal | null> {
  const stat = await unlessMissing(lstat(path, { bigint: true }));
  if (isRefusal(stat)) return stat;
  if (stat === null || !stat.isFile()) return `${name} is missing`;
  if (stat.size !== BigInt(size)) {
    return `${name} has ${stat.size} bytes, and the manifest says ${size}`;
  }
  const inode = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
  const sum = sums.get(inode) ?? (await unlessMissing(sha256OfFile(path)));
  if (isRefusal(sum)) return sum;
  if (sum === null) return `${name} is missing`;
  sums.set(inode, sum);
  return sum === sha256 ? null : `the content of ${name} is not what was stored`;
}

/** Why the system did not let it be read: too many open files, say. It may at the next reading. */
interface Refusal {
  readonly refusal: string;
}

function isRefusal(value: object | string | null): value is Refusal {
  return typeof value === "object" && value !== null && "refusal" in value;
}

/** What was read, null where there is nothing, or why it cannot be read. */
async function unlessMissing<T>(reading: Promise<T>): Promise<T | Refusal | null> {
  try {
    return await reading;
  } catch (error) {
    const code = errnoOf(error);
    return code === "ENOENT" || code === "ENOTDIR" ? null : { refusal: code ?? messageOf(error) };
  }
}

function unread(name: string, { refusal }: Refusal, generation: Generation | null): Reading {
  return { kind: "unread", reason: `${name} cannot be read now (${refusal})`, generation };
}

/** The event that tells of it. */
export function wrongWith(id: string, { kind, reason }: Exclude<Reading, { kind: "whole" }>) {
  return { event: `generation-${kind}`, generation: id, reason } as const;
}

export function newestFirst(a: string, b: string): number {
  return sequenceOf(b) - sequenceOf(a);
}

export function sequenceOf(id: string | undefined): number {
  return Number(generationId.exec(id ?? "")?.[1] ?? 0);
}
