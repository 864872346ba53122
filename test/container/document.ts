import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addressLines, startAddressServer } from "../qemu/address-server.ts";
import { commandsOf } from "../support/documents.ts";
import { bootMachine } from "../qemu/client.ts";
import { buildMicroOs } from "../qemu/micro-os.ts";
import { createNetwork, wire } from "../qemu/network.ts";
import { startOrchestrator } from "../qemu/orchestrator.ts";
import { type Command, LabError, run } from "../qemu/process.ts";
import { labFolder } from "../qemu/site.ts";
import { type Engine, startEngine } from "./engine.ts";

const projectFolder = fileURLToPath(new URL("../../", import.meta.url));
/** The domain that the document and the configuration have. */
const domain = "cluster.example.com";

/**
 * Runs the commands of docs/getting-started.md for the way in a container, as they stand there, in a network of its
 * own beside the site's DHCP server, up to a machine in the Micro-OS; the image has been built before, so that all of
 * it comes from the build cache; then the same by docker/compose.yaml. Gives the seconds from power-on to the Micro-OS
 * of both.
 */
export async function followDocument(
  dataFolder: string,
  say: (text: string) => void,
): Promise<{ readonly run: number; readonly compose: number }> {
  const folder = await mkdtemp(join(labFolder, "document-"));
  const network = await createNetwork("document");
  const stops: (() => Promise<unknown>)[] = [() => network.close()];
  try {
    const microOs = await buildMicroOs(join(labFolder, "cache"));
    const name = `tinkerbell-haproxy.${domain}`;
    const { serverAddress } = wire;
    const names = { hostName: name, port: 443 };
    const orchestrator = await startOrchestrator(
      network,
      microOs,
      folder,
      "mirror",
      serverAddress,
      names,
    );
    stops.push(orchestrator.stop);
    const addresses = await startAddressServer(network, folder, addressLines(wire));
    stops.push(addresses.stop);
    const logFile = join(folder, "engine.log");
    const hosts = { [name]: serverAddress };
    const engine = await startEngine({
      dataFolder,
      logFile,
      namespace: network.namespace,
      hosts,
    });
    stops.push(engine.stop);
    const path = await pathWithDocker(engine, folder);
    await oneEdit(folder);

    const document = await readFile(join(projectFolder, "docs/getting-started.md"), "utf8");
    const blocks = commandsOf(document).get("In a container") ?? [];
    const [build = "", ...others] = blocks;
    const last = others.pop();
    if (last === undefined) throw new LabError("docs/getting-started.md has no commands");
    const follow = (block: string, where: string) => {
      say(
        `  ${block
          .replaceAll(/\\\n\s*/g, "")
          .split("\n")
          .join("; ")}`,
      );
      return run(["env", "-C", where, `PATH=${path}`, "bash", "-e", "-c", block]);
    };
    await follow(build, projectFolder);
    for (const block of others) await follow(block, folder);
    const how = { network, folder, accelerator: "tcg", beacon: false } as const;
    const { seconds } = await bootMachine(machine(1), how);
    const list = await follow(last, folder);
    if (!list.includes(machine(1).mac))
      throw new LabError(`${last} does not have the machine:\n${list}`);
    await engine.run("rm", "--force", "--volumes", "eim-pxe");
    const compose = await withCompose(engine, folder);
    say("  docker compose -f docker/compose.yaml up -d");
    await run([...compose, "up", "--detach", "--no-build"]);
    const composed = await bootMachine(machine(2), how);
    const composedList = await follow(last, folder);
    if (!composedList.includes(machine(2).mac))
      throw new LabError(`${last}, by Compose, does not have the machine:\n${composedList}`);
    await run([...compose, "down", "--volumes"]);
    await rm(folder, { recursive: true });
    return { run: seconds, compose: composed.seconds };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

function machine(number: 1 | 2) {
  const mac = `52:54:00:77:00:0${number}`;
  const uuid = `e1a9c0de-0077-4000-8000-00000000000${number}`;
  return { firmware: "uefi", mac, uuid, serial: `LAB0${number}` } as const;
}

/** Compose with the project's file, and with what only this machine needs (see image.ts). */
async function withCompose(engine: Engine, folder: string): Promise<Command> {
  const own = join(folder, "docker/own.yaml");
  const file = join(folder, "docker/compose.yaml");
  await cp(join(projectFolder, "docker/compose.yaml"), file);
  await writeFile(own, "services: { eim-pxe: { ulimits: { nofile: 1024 } } }\n");
  const [, , socket = ""] = engine.docker();
  return ["docker-compose", "--host", socket, "--file", file, "--file", own];
}

/** The configuration as the checkout has it, with the machines' link: the lab's is a bridge, which is not taken for one. */
async function oneEdit(folder: string): Promise<void> {
  const text = await readFile(join(projectFolder, "docker/config/eim-pxe.yaml"), "utf8");
  await mkdir(join(folder, "docker/config"), { recursive: true });
  const edited = text
    .replace("# interfaces:", "interfaces:")
    .replace(/#( {3}- name: )eth1/, `$1${wire.bridge}`);
  await writeFile(join(folder, "docker/config/eim-pxe.yaml"), edited);
}

/** A PATH on which `docker` speaks to this engine, with what only this machine needs (see image.ts). */
async function pathWithDocker(engine: Engine, folder: string): Promise<string> {
  const own = "--ulimit nofile=1024:1024";
  const [docker, ...words] = engine.docker();
  const real = (await run(["sh", "-c", `command -v ${docker}`])).trim();
  const script = `#!/bin/sh
export DOCKER_BUILDKIT=0
verb=$1; shift
case $verb in
  build) set -- --network=host ${own} "$@" ;;
  run) set -- ${own} "$@" ;;
esac
exec ${real} ${words.join(" ")} "$verb" "$@"
`;
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/docker"), script);
  await chmod(join(folder, "bin/docker"), 0o755);
  return `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
}
