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
import { buildArm64, emulator, runArm64 } from "./arm64.ts";
import { baseImage, baseImageTools, makeBaseImage } from "./base-image.ts";
import { followDocument } from "./document.ts";
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
  const packages: Readonly<Record<string, string>> = {
    ...engineTools,
    ...baseImageTools,
    [emulator]: "qemu-user-static",
  };
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
    const onStep = (step: string) => say(`  ${step.slice(0, 80)}`);
    const bytes = await buildImage(engine, join(cacheFolder, "build.log"), onStep);
    say(`${Math.round(bytes / 1e6)} MB: ${await sizes(engine)}`);
    say("putting it together for arm64");
    const arm64Bytes = await buildArm64(engine, cacheFolder, onStep);
    say(`${Math.round(arm64Bytes / 1e6)} MB; running its demonstration, emulated`);
    say(`  ${await runArm64(engine, cacheFolder)}`);
    return bytes;
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
    read_only: z.literal(true),
    cap_drop: z.array(z.string()),
    cap_add: z.array(z.string()),
  });
  const compose = z.object({ services: z.object({ "eim-pxe": service }) });
  const { network_mode, cap_drop, cap_add } = compose.parse(parse(await readFile(file, "utf8")))
    .services["eim-pxe"];
  return [
    `--network=${network_mode}`,
    "--read-only",
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
  const readyAfter = (performance.now() - startedAt) / 1000;
  say(
    `a machine could boot ${readyAfter.toFixed(1)} s after docker run; the first synchronisation is in that`,
  );
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
    await checkContents(running());
    await checkLoaders(running());
    const healthySeconds = await healthy;
    say("its health status is healthy");
    const code = await site.server.service.stop();
    check(code === 0, `SIGTERM ended the container with exit ${code}`);
    return { seconds: result.seconds, ipxe, healthySeconds, readyAfter };
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

/** It says what it is and what is in it; and its machine code can be loaded. */
async function checkContents(engine: Engine): Promise<void> {
  const labels = z
    .record(z.string(), z.string())
    .parse(
      JSON.parse(
        await engine.run("image", "inspect", "--format={{json .Config.Labels}}", imageName),
      ),
    );
  const version = (await engine.run("exec", containerName, "eim-pxe", "--version")).trim();
  check(
    labels["org.opencontainers.image.version"] === version,
    `the labels ${JSON.stringify(labels)} are not of version ${version}`,
  );
  const bill = z
    .object({ components: z.array(z.looseObject({ name: z.string() })) })
    .parse(
      JSON.parse(
        await engine.run("exec", containerName, "cat", "/usr/share/doc/eim-pxe/sbom.cdx.json"),
      ),
    );
  const names = new Set(bill.components.map(({ name }) => name));
  const lacking = ["fastify", "koffi", "node", "libc6", "ipxe"].filter((name) => !names.has(name));
  check(lacking.length === 0, `the bill of materials lacks ${lacking.join(", ")}`);
  const load =
    "import('/opt/eim-pxe/node_modules/koffi/index.js').then(() => console.log('loaded'))";
  await engine.run("exec", containerName, "node", "-e", load);
}

/** What is in the image, in MB: what it starts from, and each of its own layers that has a size. */
async function sizes(engine: Engine): Promise<string> {
  const format = "--format={{.Size}} {{.CreatedBy}}";
  const history = await engine.run(
    "image",
    "history",
    "--no-trunc",
    "--human=false",
    format,
    imageName,
  );
  return history
    .split("\n")
    .flatMap((line) => {
      const [, bytes, what = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
      const megabytes = Number(bytes ?? 0) / 1e6;
      const target =
        / in (\S+)\s*$/.exec(what)?.[1] ??
        (what === "" ? "what it starts from" : what.slice(0, 60));
      return megabytes < 0.5 ? [] : [`${megabytes.toFixed(0)} MB ${target}`];
    })
    .toReversed()
    .join(", ");
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
  const { seconds, ipxe, healthySeconds, readyAfter } = await boot();
  say("following docs/getting-started.md");
  const followed = await followDocument(dataFolder, say);
  const { run, compose } = followed;
  say(
    `machines were in their Micro-OS ${run.toFixed(1)} s (docker run) and ${compose.toFixed(1)} s (Compose) after power-on`,
  );
  say(
    `passed: image ${Math.round(bytes / 1e6)} MB, UEFI power-on to Micro-OS ${seconds.toFixed(1)} s ` +
      `with iPXE ${ipxe}, ready ${readyAfter.toFixed(1)} s and healthy ${healthySeconds.toFixed(0)} s after its start`,
  );
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
