import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf } from "../../src/lib/errors.ts";
import { complaintsIn } from "../support/complaints.ts";
import { addressLines, startAddressServer } from "./address-server.ts";
import { captureTools, dhcpReplies, startCapture } from "./capture.ts";
import type { SeenMessage } from "./capture.ts";
import { bootMachine } from "./client.ts";
import type { BootOptions, BootResult } from "./client.ts";
import { adminUrl, configurationIn, fromSource, startEimPxe } from "./eim-pxe.ts";
import type { Choices } from "./eim-pxe.ts";
import { modernLoaders, newestLoaders, oldLoaders } from "./loaders.ts";
import { buildMicroOs } from "./micro-os.ts";
import type { Arch, MicroOs } from "./micro-os.ts";
import { createNetwork, ownerIsAlive, removeLeftovers, wire } from "./network.ts";
import type { LabNetwork } from "./network.ts";
import { startOrchestrator } from "./orchestrator.ts";
import { LabError, run } from "./process.ts";
import type { Command } from "./process.ts";
import { firmwareFacts, machineTools } from "./qemu-command.ts";
import type { Accelerator, Firmware, Machine } from "./qemu-command.ts";
import { startReferenceServer } from "./reference.ts";
import type { BootServer, Mode } from "./server.ts";

/** Everything that the lab writes: a cache, and a folder for each run. */
export const labFolder = fileURLToPath(new URL("../../.lab/", import.meta.url));
/** All programs and files that the lab needs. */
export const labTools = [
  ...machineTools,
  ...captureTools,
  "ip",
  "dnsmasq",
  "busybox",
  "xz",
  "xargs",
  "/usr/lib/ipxe/ipxe.efi",
  "/lib/modules",
] as const;

const diagnosedPage = z.object({
  boots: z.array(
    z.object({
      mac: z.string().nullable(),
      diagnosis: z.object({ code: z.string(), cause: z.string() }).nullable(),
    }),
  ),
});

/** What is fetched and built once. */
export const cacheFolder = join(labFolder, "cache");

/** What serves the machines: the program under test, or programs known to work. */
export const servers = ["eim-pxe", "dnsmasq"] as const;
export type ServerKind = (typeof servers)[number];

export interface SiteOptions {
  readonly mode: Mode;
  readonly server?: ServerKind;
  /** How to run eim-pxe; default: from source. A function is called when the network is there. */
  readonly command?: Command | ((network: LabNetwork, folder: string) => Promise<Command>);
  readonly accelerator?: Accelerator;
  /** What its machines are; default: x86_64. */
  readonly arch?: Arch;
  /** Which iPXE the server hands out: Debian 12's of 2019, Debian 13's, unstable's, or what is in a folder. Default: `old`. */
  readonly loaders?: LoaderKind | { readonly folder: string };
  /** Loaders by option-93 number. */
  readonly loaderNames?: Choices["loaderNames"];
  /** How machines get to the Micro-OS; default: `mirror`. */
  readonly path?: Choices["path"];
  readonly nodes?: Choices["nodes"];
  readonly localBoot?: Choices["localBoot"];
  /** Adds to the site when the network is there and no server runs yet. */
  readonly extend?: (network: LabNetwork, folder: string, microOs: MicroOs) => Promise<Extension>;
}

/** What a site for machines of this kind needs. */
export function siteNeeds(
  firmware: Firmware,
): Pick<SiteOptions, "arch" | "loaders" | "loaderNames"> {
  return firmwareFacts[firmware].arch === "arm64"
    ? { arch: "arm64", loaders: "modern", loaderNames: { 11: "ipxe-arm64.efi" } }
    : {};
}

export const loaderKinds = ["old", "modern", "newest"] as const;
export type LoaderKind = (typeof loaderKinds)[number];

/** What a site has besides one link. */
export interface Extension {
  /** Links besides `wire` that the server under test serves. */
  readonly links?: Choices["links"];
  /** What its own address server gives out; default: addresses of `wire`. */
  readonly addresses?: readonly string[];
  /** Further lines of configuration for the site's own address server. */
  readonly siteLines?: readonly string[];
  /** Keys of the configuration of the server under test that are otherwise than usual. */
  readonly settings?: Choices["settings"];
  /** What the orchestrator has; default: what `extend` was given. */
  readonly microOs?: MicroOs;
  readonly stop?: () => Promise<unknown>;
}

/** A site in the lab: a link with a server under test, and machines that can be powered on. */
export interface Site {
  /** Logs, serial consoles, capture and configuration of this run. */
  readonly folder: string;
  readonly network: LabNetwork;
  readonly server: BootServer;
  /** A machine that was never seen on this link. */
  readonly newMachine: (firmware: Firmware) => Machine;
  /** Powers a machine on and waits for its Micro-OS; fails with a `LabError` that names the logs. */
  readonly boot: (
    machine: Machine,
    options?: Partial<
      Pick<BootOptions, "network" | "onConsoleLine" | "raw" | "signal" | "flags" | "limitSeconds">
    >,
  ) => Promise<BootResult>;
  /** The body of a page of the server's admin port. */
  readonly adminPage: (path: string) => Promise<unknown>;
  /** Writes a page of the admin port, whatever it is, to a file of the folder; gives the file's path. */
  readonly savePage: (path: string, name: string) => Promise<string>;
  /** Runs another verb of eim-pxe with the server's configuration; gives what it prints. */
  readonly command: (verb: string, ...args: readonly string[]) => Promise<string>;
  /** From here on the server has only its mirror. */
  readonly stopOrchestrator: () => Promise<void>;
  /** Ends the recording, and gives the DHCP replies that passed the bridge. */
  readonly replies: () => Promise<SeenMessage[]>;
  /** Leave the folder where it is at the end. */
  readonly keep: () => void;
  readonly close: () => Promise<void>;
}

async function loadersFolder(chosen: NonNullable<SiteOptions["loaders"]>): Promise<string> {
  if (typeof chosen === "object") return chosen.folder;
  if (chosen === "newest") return newestLoaders(cacheFolder);
  return chosen === "modern" ? modernLoaders(cacheFolder) : oldLoaders;
}

export async function openSite(options: SiteOptions): Promise<Site> {
  const { mode, server: kind = "eim-pxe" } = options;
  let accelerator = options.accelerator ?? "tcg";
  const built = await buildMicroOs(cacheFolder, options.arch);
  const loaders = await loadersFolder(options.loaders ?? "old");
  const name = `${mode}-${randomBytes(2).toString("hex")}`;
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  // Ends in the process number for the same reason as the namespaces' names begin with it.
  const folder = join(labFolder, `${stamp}-${kind}-${name}-${process.pid}`);
  await mkdir(folder, { recursive: true });

  const network = await createNetwork(name);
  const stops: (() => Promise<unknown>)[] = [() => network.close()];
  let keep = false;
  const close = async () => {
    for (const stop of stops.toReversed()) await stop();
    // A generation is as large as the Micro-OS and says nothing about a failure.
    await rm(keep ? join(folder, "data") : folder, { recursive: true, force: true });
  };

  try {
    const capture = await startCapture(network, wire.bridge, join(folder, "bridge.pcap"));
    stops.push(capture.stop);
    const extension = (await options.extend?.(network, folder, built)) ?? {};
    const { microOs = built } = extension;
    if (extension.stop !== undefined) stops.push(extension.stop);
    const siteLines = [
      ...(mode === "proxy" ? (extension.addresses ?? addressLines(wire)) : []),
      ...(extension.siteLines ?? []),
    ];
    if (siteLines.length > 0) {
      const addresses = await startAddressServer(network, folder, siteLines);
      stops.push(addresses.stop);
    }
    const orchestrator = await startOrchestrator(network, microOs, folder, options.path);
    stops.push(orchestrator.stop);
    const server = await startServer(extension);

    let machines = 0;
    return {
      folder,
      network,
      server,
      newMachine: (firmware) => {
        const number = String(++machines).padStart(2, "0");
        return {
          firmware,
          mac: `52:54:00:77:00:${number}`,
          uuid: `e1a9c0de-0077-4000-8000-0000000000${number}`,
          serial: `LAB${number}`,
        };
      },
      boot: async (machine, how) => {
        try {
          const result = await bootMachine(machine, { network, folder, accelerator, ...how });
          if (kind === "eim-pxe") await expectNoComplaint(machine.mac);
          // Where KVM has failed once it is not tried again.
          accelerator = result.accelerator;
          return result;
        } catch (cause) {
          if (how?.signal?.aborted === true) throw cause;
          keep = true;
          const message = messageOf(cause);
          const state = server.service.running() ? "" : "\nThe server has ended before.";
          throw new LabError(`${message}${state}\nServer's log, capture and all else: ${folder}`, {
            cause,
          });
        }
      },
      adminPage: async (path) =>
        JSON.parse(await run(network.inside("busybox", "wget", "-qO-", `${adminUrl}${path}`))),
      savePage: async (path, fileName) => {
        const file = join(folder, fileName);
        await run(network.inside("busybox", "wget", "-qO", file, `${adminUrl}${path}`));
        return file;
      },
      command: (verb, ...args) =>
        run(network.inside(...fromSource, verb, "--config", configurationIn(folder), ...args)),
      stopOrchestrator: orchestrator.stop,
      replies: async () => {
        await capture.stop();
        return dhcpReplies(capture.file);
      },
      keep: () => {
        keep = true;
      },
      close,
    };

    /** Central, so that it holds for every boot that comes up. */
    async function expectNoComplaint(mac: string): Promise<void> {
      await server.waitForEvent("micro-os", mac, 60_000);
      // Of the boot that came up: what is said of others before it, which did not, is right.
      const path = `/api/v1/boots?mac=${mac}&latest=true`;
      const page = run(network.inside("busybox", "wget", "-qO-", `${adminUrl}${path}`));
      const { boots } = diagnosedPage.parse(JSON.parse(await page));
      const complaints = complaintsIn(mac, boots, server.events);
      if (complaints.length === 0) return;
      throw new LabError(`nothing is wrong with a boot, and it is said: ${complaints.join("; ")}`);
    }

    async function startServer({ links, settings }: Extension): Promise<BootServer> {
      if (kind === "dnsmasq") {
        const reference = await startReferenceServer({ network, folder, mode, microOs });
        stops.push(reference.stop);
        return reference.server;
      }
      const command =
        typeof options.command === "function"
          ? await options.command(network, folder)
          : options.command;
      const { loaderNames, path, nodes, localBoot } = options;
      const shared = { mode, microOs, loaders, loaderNames, links, path, settings };
      const choices = { ...shared, nodes, localBoot };
      const started = await startEimPxe({ ...choices, network, folder, orchestrator, command });
      stops.push(started.service.stop);
      return started;
    }
  } catch (cause) {
    keep = true;
    await close();
    throw cause;
  }
}

/** Removes what ended runs have left: namespaces with all that runs in them, and folders. Gives their names. */
export async function clean(): Promise<string[]> {
  const removed = await removeLeftovers();
  for (const name of await readdir(labFolder).catch(() => [])) {
    const owner = /-(\d+)$/.exec(name)?.[1];
    if (owner === undefined || (await ownerIsAlive(owner))) continue;
    await rm(join(labFolder, name), { recursive: true });
    removed.push(join(labFolder, name));
  }
  return removed;
}
