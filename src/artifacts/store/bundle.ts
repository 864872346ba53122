import { copyFile, lchown, lstat, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, SyncError } from "../../lib/errors.ts";
import { onDisk, openerOf, openFile, requireRoom, sha256OfFile, type StoredFile } from "./disk.ts";
import type { Generation } from "./generation.ts";
import { isArtifactName, type Manifest, MANIFEST_NAME, parseManifest } from "./manifest.ts";
import type { GenerationStore } from "./generation-store.ts";
import { limitBytesOf, verifyArtifact, verifySet } from "../verify/verify.ts";

/** A set on its way to or from a site that has no line to an orchestrator: a folder, or a tar file. */

/** @throws SyncError when it cannot be written */
export async function exportGeneration(generation: Generation, target: string): Promise<void> {
  const { directory, manifest } = generation;
  const names = [MANIFEST_NAME, ...manifest.files.map(({ name }) => name)];
  try {
    if (isTar(target)) {
      const { create } = await import("tar");
      await create({ file: target, cwd: directory, portable: true }, names);
      return;
    }
    for (const name of names) {
      await mkdir(dirname(join(target, name)), { recursive: true });
      await copyFile(join(directory, name), join(target, name));
    }
  } catch (error) {
    throw new SyncError(`${target} could not be written: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Brings a folder or tar file into the store's own folder, where `adopt` finds it. Nothing is served yet.
 *
 * @param what `names` are taken of it, and all of them have to be there; `isRoot` tells whether this
 *   process is root's, and has to give what it brings to the folder's owner
 * @returns the word to give to `adopt`
 * @throws SyncError when it cannot be read, or something is missing
 */
export async function stageImport(
  artifactFolder: string,
  source: string,
  { names, isRoot }: { readonly names: readonly string[]; readonly isRoot: boolean },
): Promise<string> {
  const word = `import-${crypto.randomUUID()}`;
  const folder = stagedFolder(artifactFolder, word);
  const wanted = new Set([MANIFEST_NAME, ...names]);
  try {
    await onDisk("the import", mkdir(folder, { recursive: true }));
    if (isTar(source)) await unpack(source, folder, wanted);
    else await copyIn(source, folder, wanted);
    for (const name of names) {
      const found = await lstat(join(folder, name)).catch(() => null);
      if (found?.isFile() !== true) throw new SyncError(`${source} has no ${name}`);
    }
    if (isRoot) await onDisk("the import", giveToOwner(artifactFolder, folder));
    return word;
  } catch (error) {
    await clearAway(folder);
    if (error instanceof SyncError) throw error;
    throw new SyncError(`${source} could not be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Makes a generation of what `stageImport` brought, after looking at every file.
 *
 * @throws SyncError when a file is not what its name, the manifest or the configuration says
 */
export async function adopt(
  store: GenerationStore,
  artifactFolder: string,
  word: string,
  set: { readonly files: readonly string[]; readonly sha256: Readonly<Record<string, string>> },
): Promise<Generation> {
  // The word comes from the admin port.
  if (!/^import-[0-9a-f-]{36}$/.test(word)) throw new SyncError("there is no such import");
  const folder = stagedFolder(artifactFolder, word);
  try {
    const manifest = await manifestIn(folder);
    const files: StoredFile[] = [];
    for (const name of set.files) files.push(await looked(folder, name, manifest, set.sha256));
    await verifySet(set.files, openerOf(files));
    const origin = manifest?.origin ?? "import";
    const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return await store.publish(sorted, { origin, createdAt: new Date().toISOString() });
  } finally {
    await clearAway(folder);
  }
}

/** The server may run as another user than root, who imports, and has to make a generation of it. */
async function giveToOwner(artifactFolder: string, folder: string): Promise<void> {
  const { uid, gid } = await stat(artifactFolder);
  const within = await readdir(folder, { recursive: true });
  const paths = [dirname(folder), folder, ...within.map((name) => join(folder, name))];
  for (const path of paths) await lchown(path, uid, gid);
}

/** What cannot be removed is in nobody's way; the next start tries again. */
async function clearAway(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

async function looked(
  folder: string,
  name: string,
  manifest: Manifest | null,
  expectations: Readonly<Record<string, string>>,
): Promise<StoredFile> {
  const path = join(folder, name);
  const sha256 = await sha256OfFile(path).catch(() => null);
  if (sha256 === null) throw new SyncError(`the import has no ${name}`);
  const listed = manifest?.files.find((file) => file.name === name) ?? null;
  const expected = expectations[name]?.toLowerCase() ?? listed?.sha256 ?? sha256;
  if (sha256 !== expected) {
    throw new SyncError(
      `${name} of the import was refused: its SHA-256 is ${sha256}, and ${expected} is expected. It was ` +
        "changed or damaged on its way; export and copy it again.",
    );
  }
  const blob = await openFile(path);
  try {
    await verifyArtifact(name, blob);
    const { etag = null, lastModified = null } = listed ?? {};
    return { name, size: blob.size, sha256, etag, lastModified, path };
  } finally {
    await blob.close();
  }
}

async function manifestIn(folder: string): Promise<Manifest | null> {
  const text = await readFile(join(folder, MANIFEST_NAME), "utf8").catch(() => null);
  if (text === null) return null;
  const manifest = parseManifest(text);
  if (manifest === null) throw new SyncError("the manifest of the import is damaged");
  return manifest;
}

async function unpack(source: string, folder: string, wanted: ReadonlySet<string>): Promise<void> {
  await requireRoom(folder, source, (await stat(source)).size);
  const { extract } = await import("tar");
  await extract({
    file: source,
    cwd: folder,
    strict: true,
    // Neither links nor anything else that could lead out of the folder, and nothing beyond what is wanted.
    filter: (path, entry) => {
      const name = path.replace(/^\.\//, "");
      if (!wanted.has(name) || !("type" in entry) || entry.type !== "File") return false;
      return (entry.size ?? 0) <= limitBytesOf(name);
    },
  });
}

async function copyIn(source: string, folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const name of wanted) {
    if (name !== MANIFEST_NAME && !isArtifactName(name)) continue;
    const from = join(source, name);
    const found = await stat(from).catch(() => null);
    if (found === null || found.size > limitBytesOf(name)) continue;
    await requireRoom(folder, name, found.size);
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await onDisk(name, copyFile(from, join(folder, name)));
  }
}

function stagedFolder(artifactFolder: string, word: string): string {
  return join(artifactFolder, "staging", word);
}

function isTar(path: string): boolean {
  return /\.(tar|tgz|tar\.gz)$/.test(path);
}
