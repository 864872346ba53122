import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LabError, startService } from "../qemu/process.ts";
import type { Engine } from "./engine.ts";

export const imageName = "eim-pxe";

const projectFolder = fileURLToPath(new URL("../../", import.meta.url));
const dockerfile = join(projectFolder, "docker/Dockerfile");

export interface Image {
  readonly tag: string;
  /** As `docker build` takes them. */
  readonly buildArguments: readonly string[];
}

/** Builds docker/Dockerfile, telling `onStep` each instruction; gives the image's size in bytes. */
export async function buildImage(
  engine: Engine,
  logFile: string,
  onStep: (step: string) => void,
  image: Image = { tag: imageName, buildArguments: [] },
): Promise<number> {
  const told = new Set<string>();
  const onLine = (line: string) => {
    const step = /^Step \S+ : (.*)/.exec(line)?.[1];
    if (step === undefined || told.has(step)) return;
    told.add(step);
    onStep(step);
  };
  // The other stages are only kept from being pruned below when they have a name.
  const { tag, buildArguments } = image;
  for (const stage of ["build", "loaders", "contents", "program", "privileges"]) {
    const name = ["--target", stage, "--tag", `${tag}:${stage}`];
    await build(engine, logFile, onLine, [...buildArguments, ...name]);
  }
  await build(engine, logFile, onLine, [...buildArguments, "--tag", tag]);
  await engine.run("image", "prune", "--force");
  return Number(await engine.run("image", "inspect", "--format", "{{.Size}}", tag));
}

async function build(
  engine: Engine,
  logFile: string,
  onLine: (line: string) => void,
  what: readonly string[],
): Promise<void> {
  const service = startService({
    name: "docker build",
    // BuildKit is a program of its own that Debian 12 does not have. The engine's usual limit of open
    // files is more than some machines allow.
    command: [
      "env",
      "DOCKER_BUILDKIT=0",
      ...engine.docker("build", "--network=host", "--ulimit", "nofile=1024:1024"),
      "--file",
      dockerfile,
      ...what,
      projectFolder,
    ],
    logFile,
  });
  const lines: string[] = [];
  service.onLine((line) => {
    lines.push(line);
    onLine(line);
  });
  const code = await service.exited;
  if (code === 0) return;
  const tail = lines.slice(-10).join("\n");
  throw new LabError(`docker build ended with ${code}; see ${logFile}\n${tail}`);
}
