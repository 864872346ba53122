import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { LabError, run } from "../qemu/process.ts";
import { arm64BaseImage, makeBaseImage } from "./base-image.ts";
import type { Engine } from "./engine.ts";
import { buildImage, imageName } from "./image.ts";

/** Runs a program of arm64 on another processor; Debian's package qemu-user-static. */
export const emulator = "/usr/bin/qemu-aarch64-static";

const arm64Image = `${imageName}-arm64`;

/** Puts the image together for arm64; gives its size in bytes. Only its last stage is of arm64, and that runs nothing. */
export async function buildArm64(
  engine: Engine,
  cacheFolder: string,
  onStep: (step: string) => void,
): Promise<number> {
  const images = await engine.run("image", "ls", "--quiet", arm64BaseImage);
  if (images.trim() === "") await makeBaseImage(engine, cacheFolder, "arm64");
  const buildArguments = [
    "--build-arg",
    `TARGET_BASE=${arm64BaseImage}`,
    "--build-arg",
    "TARGET_CPU=arm64",
  ];
  const logFile = join(cacheFolder, "build-arm64.log");
  return buildImage(engine, logFile, onStep, { tag: arm64Image, buildArguments });
}

/**
 * Runs the image's own Node with its program, emulated, in a network of its own: the whole demonstration, with simulated
 * machines up to the Micro-OS. Gives its last line.
 */
export async function runArm64(engine: Engine, cacheFolder: string): Promise<string> {
  const architecture = await engine.run(
    "image",
    "inspect",
    "--format={{.Architecture}}",
    arm64Image,
  );
  if (architecture.trim() !== "arm64") throw new LabError(`the image is for ${architecture}`);
  const root = await mkdtemp(join(cacheFolder, "arm64-"));
  const container = (await engine.run("create", arm64Image)).trim();
  try {
    const archive = `${root}.tar`;
    await engine.run("export", "--output", archive, container);
    await run(["tar", "-C", root, "-xf", archive]);
    await rm(archive);
    await copyFile(emulator, join(root, "emulator"));
    await mkdir(join(root, "tmp"), { recursive: true });
    const node = ["/emulator", "/usr/local/bin/node"];
    const inside = (...words: string[]) =>
      run([
        "unshare",
        "--net",
        "--mount",
        "sh",
        "-c",
        'ip link set lo up; mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" "$@"',
        root,
        ...node,
        ...words,
      ]);
    const koffi =
      "import('/opt/eim-pxe/node_modules/koffi/index.js').then(() => console.log(process.arch))";
    const arch = (await inside("-e", koffi)).trim();
    if (arch !== "arm64") throw new LabError(`its Node is for ${arch}`);
    const out = await inside("/opt/eim-pxe/dist/cli.js", "demo", "--once");
    return out.trim().split("\n").at(-1) ?? "";
  } finally {
    await engine.run("rm", container);
    await rm(root, { recursive: true, force: true });
  }
}
