import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError, run } from "../qemu/process.ts";
import type { Engine } from "./engine.ts";

/** The image that docker/Dockerfile starts from. */
export const baseImage = "node:24-trixie-slim";

/** The same for arm64, whose programs do not run here: unpacked, not configured. */
export const arm64BaseImage = `${baseImage}-arm64`;

/** Programs that making it needs, and Debian's packages for them. */
export const baseImageTools: Readonly<Record<string, string>> = {
  debootstrap: "debootstrap",
  npm: "npm",
  tar: "tar",
};

/**
 * Makes an image of the same name and content as Docker Hub's, for where there is no way to it:
 * Debian 13 from Debian's mirror, Node and npm from npm's registry.
 */
export async function makeBaseImage(
  engine: Engine,
  workFolder: string,
  architecture: "own" | "arm64" = "own",
): Promise<void> {
  const foreign = architecture === "arm64";
  await mkdir(workFolder, { recursive: true });
  const staging = await mkdtemp(join(workFolder, "base-"));
  try {
    const root = join(staging, "root");
    // In mounts of its own, because it leaves the new system's /proc mounted when it is interrupted.
    const words = foreign ? ["--arch=arm64", "--foreign"] : [];
    const debootstrap = ["debootstrap", ...words, "--variant=minbase", "trixie", root] as const;
    await run(["unshare", "--mount", ...debootstrap]);
    if (foreign) await unpack(root);
    await installNode(join(root, "usr/local"), staging, foreign ? "arm64" : process.arch);
    await likeSlim(root);
    const archive = join(staging, "root.tar");
    await run(["tar", "-C", root, "-cf", archive, "."]);
    if (foreign) await load(engine, archive, staging);
    else await engine.run("import", "--change", 'CMD ["node"]', archive, baseImage);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** As `docker import`, which takes every file system for one of the engine's own architecture. */
async function load(engine: Engine, archive: string, staging: string): Promise<void> {
  const image = join(staging, "image");
  await mkdir(image);
  await rename(archive, join(image, "layer.tar"));
  const [digest = ""] = (await run(["sha256sum", join(image, "layer.tar")])).split(" ");
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest}`] };
  const config = { architecture: "arm64", os: "linux", config: { Cmd: ["node"] }, rootfs };
  await writeFile(join(image, "config.json"), JSON.stringify(config));
  const manifest = { Config: "config.json", RepoTags: [arm64BaseImage], Layers: ["layer.tar"] };
  await writeFile(join(image, "manifest.json"), JSON.stringify([manifest]));
  const loadable = join(staging, "image.tar");
  await run(["tar", "-C", image, "-cf", loadable, "."]);
  await engine.run("load", "--input", loadable);
}

/** What the packages' own scripts would do, as far as anybody needs it here: they do not run on this processor. */
async function unpack(root: string): Promise<void> {
  const archives = join(root, "var/cache/apt/archives");
  for (const name of (await readdir(archives)).filter((file) => file.endsWith(".deb"))) {
    await run(["dpkg-deb", "--extract", join(archives, name), root]);
  }
  await mkdir(join(root, "usr/local"), { recursive: true });
  for (const name of ["passwd", "group"]) {
    const master = join(root, "usr/share/base-passwd", `${name}.master`);
    await copyFile(master, join(root, "etc", name));
  }
}

async function installNode(prefix: string, staging: string, arch: string): Promise<void> {
  const platform = `node-linux-${arch}@24`;
  const packed = await run(["npm", "pack", "--silent", "--pack-destination", staging, platform]);
  const archive = packed.trim().split("\n").at(-1);
  if (archive === undefined || archive === "") throw new LabError(`npm pack gave no ${platform}`);
  const node = ["--strip-components=1", "package/bin/node"];
  await run(["tar", "-C", prefix, "-xzf", join(staging, archive), ...node]);
  await run(["npm", "install", "--silent", "--global", "--prefix", prefix, "npm@11"]);
  await useNpmSettings(join(prefix, "etc"));
}

/** npm in the image asks the same registry as npm here, and trusts the same certificates. */
async function useNpmSettings(folder: string): Promise<void> {
  const setting = async (key: string) => {
    const value = (await run(["npm", "config", "get", key])).trim();
    return value === "null" || value === "undefined" ? "" : value;
  };
  const lines = [`registry=${await setting("registry")}`];
  const cafile = await setting("cafile");
  await mkdir(folder, { recursive: true });
  if (cafile !== "") {
    await copyFile(cafile, join(folder, "npm-ca.pem"));
    lines.push("cafile=/usr/local/etc/npm-ca.pem");
  }
  await writeFile(join(folder, "npmrc"), `${lines.join("\n")}\n`);
}

/** Debian's slim images have neither package lists nor documents, but licences. */
async function likeSlim(root: string): Promise<void> {
  const documents = join(root, "usr/share/doc");
  await run(["find", documents, "-type", "f", "!", "-name", "copyright", "-delete"]);
  const folders = ["var/cache/apt", "var/lib/apt/lists", "usr/share/man", "usr/share/locale"];
  for (const folder of folders) {
    await rm(join(root, folder), { recursive: true, force: true });
    await mkdir(join(root, folder), { recursive: true });
  }
}
