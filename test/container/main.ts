/**
 * `npm run test:container`: builds docker/Dockerfile with a Docker engine of its own, and boots a
 * UEFI machine of the lab from the container as docker/compose.yaml would run it.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { architectures } from "../../src/boot/architecture.ts";
import { expectedArguments } from "../qemu/boot-script.ts";
import { withoutEscapes } from "../qemu/client.ts";
import { LabError, startService } from "../qemu/process.ts";
import type { Command } from "../qemu/process.ts";
import { labFolder, labTools, openSite } from "../qemu/site.ts";
import { missingTools } from "../support/tools.ts";
import { baseImage, baseImageTools, makeBaseImage } from "./base-image.ts";
import { engineTools, startEngine } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { buildImage, imageName } from "./image.ts";

const cacheFolder = join(labFolder, "docker");
const dataFolder = join(cacheFolder, "data");
const loaderFolder = "/usr/share/eim-pxe/loaders";
const containerName = "eim-pxe";
const userId = 10067;
const netBindService = 1n << 10n;

const start = performance.now();
const say = (text: string) => {
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
};

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new LabError(otherwise);
}

function checkRequirements(): void {
  check(process.getuid?.() === 0, "this needs root, for a Docker engine and network namespaces");
  const packages = { ...engineTools, ...baseImageTools };
  const missing = missingTools(Object.keys(packages)).map((name) => packages[name] ?? name);
  check(missing.length === 0, `missing Debian packages: ${[...new Set(missing)].join(", ")}`);
  const labMissing = missingTools(labTools);
  check(
    labMissing.length === 0,
    `missing: ${labMissing.join(", ")}; "bash test/all.sh" installs what the lab needs`,
  );
}

async function build(): Promise<number> {
  const logFile = join(cacheFolder, "engine.log");
  const engine = await startEngine({ dataFolder, logFile, namespace: null });
  try {
    const images = await engine.run("image", "ls", "--quiet", baseImage);
    if (images.trim() === "") {
      say(`making ${baseImage} (debootstrap, Node from npm)`);
      await makeBaseImage(engine, cacheFolder);
    }
    say("building docker/Dockerfile");
    return await buildImage(engine, join(cacheFolder, "build.log"), (step) =>
      say(`  ${step.slice(0, 80)}`),
    );
  } finally {
    await engine.stop();
  }
}

/** What docker/compose.yaml says about network and privileges, as flags of `docker run`. */
async function composeFlags(): Promise<string[]> {
  const file = fileURLToPath(new URL("../../docker/compose.yaml", import.meta.url));
  const service = z.object({
    image: z.literal(imageName),
    network_mode: z.literal("host"),
    cap_drop: z.array(z.string()),
    cap_add: z.array(z.string()),
  });
  const compose = z.object({ services: z.object({ "eim-pxe": service }) });
  const { network_mode, cap_drop, cap_add } = compose.parse(parse(await readFile(file, "utf8")))
    .services["eim-pxe"];
  return [
    `--network=${network_mode}`,
    ...cap_drop.map((name) => `--cap-drop=${name}`),
    ...cap_add.map((name) => `--cap-add=${name}`),
  ];
}

function runCommand(engine: Engine, folder: string, flags: readonly string[]): Command {
  return engine.docker(
    "run",
    "--rm",
    `--name=${containerName}`,
    "--ulimit=nofile=1024:1024",
    ...flags,
    `--volume=${folder}:${folder}:ro`,
    // The lab's configuration has the paths of a program that runs from source.
    "--env=EIM_PXE_DATA_DIR=/var/lib/eim-pxe",
    `--env=EIM_PXE_ARTIFACTS__LOADER_DIRS=[${loaderFolder}]`,
    imageName,
  );
}

async function boot() {
  const flags = await composeFlags();
  let engine: Engine | null = null;
  let startedAt = 0;
  const running = () => {
    if (engine === null) throw new LabError("the engine has not been started");
    return engine;
  };
  say("starting it on the lab's link, beside the site's DHCP server");
  const site = await openSite({
    mode: "proxy",
    command: async ({ namespace }, folder) => {
      const logFile = join(folder, "engine.log");
      engine = await startEngine({ dataFolder, logFile, namespace });
      startedAt = performance.now();
      return runCommand(engine, folder, flags);
    },
  });
  try {
    const healthy = waitUntilHealthy(running(), site.folder).then(
      () => (performance.now() - startedAt) / 1000,
    );
    // Looked at only after the boot.
    healthy.catch(() => {});
    const machine = site.newMachine("uefi");
    say("powering a UEFI machine on");
    const result = await site.boot(machine);
    say("the Micro-OS is up");
    check(
      expectedArguments(machine).test(result.commandLine),
      `the kernel's arguments are not the orchestrator's: ${result.commandLine}`,
    );
    const ipxe = await ipxeVersion(result.serialLog);
    await checkPrivileges(running());
    await checkLoaders(running());
    const healthySeconds = await healthy;
    say("its health status is healthy");
    const code = await site.server.service.stop();
    check(code === 0, `SIGTERM ended the container with exit ${code}`);
    return { seconds: result.seconds, ipxe, healthySeconds };
  } catch (cause) {
    site.keep();
    process.stderr.write(`logs, serial console and capture: ${site.folder}\n`);
    throw cause;
  } finally {
    await running().stop();
    await site.close();
  }
}

async function ipxeVersion(serialLog: string): Promise<string> {
  const console = withoutEscapes(await readFile(serialLog, "latin1"));
  return /iPXE (\d[\w.]*)/.exec(console)?.[1] ?? "of unknown version";
}

async function waitUntilHealthy(engine: Engine, folder: string): Promise<void> {
  const filters = [`container=${containerName}`, "event=health_status"];
  const events = startService({
    name: "docker events",
    command: engine.docker(
      "events",
      "--since=0",
      "--format={{.Status}}",
      ...filters.map((filter) => `--filter=${filter}`),
    ),
    logFile: join(folder, "health.log"),
  });
  const isHealthy = (line: string) => (line === "health_status: healthy" ? true : null);
  await events.waitForLine("health status healthy", isHealthy, 90_000);
  await events.stop();
}

async function checkPrivileges(engine: Engine): Promise<void> {
  const status = await engine.run("exec", containerName, "cat", "/proc/1/status");
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  check(field("Uid") === String(userId), `it runs as user ${field("Uid")}, not ${userId}`);
  for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    const has = BigInt(`0x${field(set)}`);
    check(has === netBindService, `${set} is ${has.toString(16)}, not CAP_NET_BIND_SERVICE alone`);
  }
}

async function checkLoaders(engine: Engine): Promise<void> {
  const present = new Set(
    (await engine.run("exec", containerName, "ls", loaderFolder)).split("\n"),
  );
  const wanted = new Set(architectures.map(({ loader }) => loader).filter((name) => name !== null));
  const missing = [...wanted].filter((name) => !present.has(name));
  check(missing.length === 0, `the image lacks loaders that are handed out: ${missing.join(", ")}`);
  const licences = ["/usr/share/doc/ipxe/copyright", "/usr/share/doc/ipxe/source"];
  await engine.run("exec", containerName, "ls", ...licences);
}

try {
  checkRequirements();
  await mkdir(cacheFolder, { recursive: true });
  const bytes = await build();
  const { seconds, ipxe, healthySeconds } = await boot();
  say(
    `passed: image ${Math.round(bytes / 1e6)} MB, UEFI power-on to Micro-OS ${seconds.toFixed(1)} s ` +
      `with iPXE ${ipxe}, healthy ${healthySeconds.toFixed(0)} s after its start`,
  );
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
