import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError, run } from "./process.ts";

/** By which apt knows Debian's lists for genuine. */
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** Programs and files that fetching needs. */
export const debianTools = ["apt-get", "apt-cache", "dpkg-deb", keyring] as const;

export interface DebianRelease {
  readonly suite: "bookworm" | "trixie" | "sid";
  readonly architecture: "amd64" | "arm64";
}

/**
 * A folder of the cache with the files of packages of any Debian release and architecture. For each
 * pattern it takes the package with the newest name that matches. apt works with a configuration of
 * its own: nothing is installed, and the system's own lists stay as they are. What is in the cache
 * already is not fetched again.
 *
 * @param name of the folder
 */
export async function debianFiles(
  cache: string,
  name: string,
  release: DebianRelease,
  patterns: readonly RegExp[],
): Promise<string> {
  const folder = join(cache, name);
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, "staging-"));
  try {
    const files = join(staging, "files");
    const apt = await privateApt(staging, release);
    await run(["apt-get", ...apt, "update", "--error-on=any"]);
    const known = (await run(["apt-cache", ...apt, "pkgnames"])).split("\n");
    const names = patterns.map((pattern) => newest(known, pattern));
    // apt downloads into the working folder, and only there.
    await run(["env", "-C", staging, "apt-get", ...apt, "download", ...names]);
    const archives = (await readdir(staging)).filter((file) => file.endsWith(".deb"));
    for (const archive of archives) await run(["dpkg-deb", "-x", join(staging, archive), files]);
    // Another run may have been faster, which is as good.
    await rename(files, folder).catch(async (cause: unknown) => {
      if (!(await exists(folder))) throw cause;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

/** Programs that unpacking a source package needs besides. */
export const debianSourceTools = [...debianTools, "dpkg-source"] as const;

/** A folder of the cache with a source package of Debian, unpacked and with Debian's changes. */
export async function debianSource(
  cache: string,
  name: string,
  suite: DebianRelease["suite"],
): Promise<string> {
  const folder = join(cache, `${name}-${suite}-source`);
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, "staging-"));
  try {
    const apt = await privateApt(staging, { suite, architecture: "amd64" }, "deb-src");
    await run(["apt-get", ...apt, "update", "--error-on=any"]);
    const download = ["source", "--download-only", name];
    await run(["env", "-C", staging, "apt-get", ...apt, ...download]);
    const [description] = (await readdir(staging)).filter((file) => file.endsWith(".dsc"));
    if (description === undefined) throw new LabError(`Debian has no source of ${name}`);
    const unpacked = join(staging, "unpacked");
    await run(["dpkg-source", "-x", join(staging, description), unpacked]);
    await rename(unpacked, folder).catch(async (cause: unknown) => {
      if (!(await exists(folder))) throw cause;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

/** apt's options for a configuration, lists and a cache of its own in `home`. */
async function privateApt(
  home: string,
  release: DebianRelease,
  kind: "deb" | "deb-src" = "deb",
): Promise<string[]> {
  const { suite, architecture } = release;
  const sources = join(home, "sources.list");
  const settings = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "-",
    "Dir::State::Lists": join(home, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(home, "cache"),
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
  };
  await mkdir(join(home, "lists", "partial"), { recursive: true });
  await mkdir(join(home, "cache", "archives", "partial"), { recursive: true });
  const line = `${kind} [signed-by=${keyring}] http://deb.debian.org/debian ${suite} main\n`;
  await writeFile(sources, line);
  return ["-qq", ...Object.entries(settings).flatMap(([key, to]) => ["-o", `${key}=${to}`])];
}

function newest(names: readonly string[], pattern: RegExp): string {
  const byNumber = new Intl.Collator("en", { numeric: true });
  const [first] = names
    .filter((name) => pattern.test(name))
    .toSorted((a, b) => byNumber.compare(b, a));
  if (first === undefined) throw new LabError(`Debian has no package ${pattern.source}`);
  return first;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
