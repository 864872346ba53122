import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { contentOf } from "../../assets/asset-content.ts";
import { type ConfigName, laterNames, readConfigName } from "../../assets/config-name.ts";
import type { UnservedAsset } from "../../assets/store/asset-folder.ts";
import type { Generation } from "../../artifacts/store/generation.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import type { LocalBootWay } from "../../boot/local-boot.ts";
import type { NodeEntry } from "../../boot/node.ts";
import { grubConfig, localConfig, pxelinuxConfig } from "../../boot/script/boot-configs.ts";
import {
  type BootLines,
  bootLinesOf,
  type BootParts,
  bootPartsOf,
} from "../../boot/script/boot-parts.ts";
import { parseOrchestratorScript } from "../../boot/script/orchestrator-script.ts";
import type { Config } from "../../config/schema.ts";
import type { Machine } from "../../events/types.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Mac } from "../../lib/mac.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { architectureNameOf } from "../../timeline/rules.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import type { SiteAssets } from "./site-assets.ts";
import { provedIdentity } from "../../timeline/claims.ts";

/** A boot program's configuration, made for the machine that asks. */
export interface BootConfig {
  readonly kind: "config";
  readonly name: string;
  readonly text: string;
  /** The generation that it boots from; null: none. */
  readonly generation: string | null;
  /** It sends the machine on to its disk, and why; null: it boots something. */
  readonly sendsOn: { readonly way: LocalBootWay; readonly reason: string } | null;
}

/** A file of the mirror that is a stage of a boot. */
export interface MirroredFile {
  readonly name: string;
  readonly content: "kernel" | "initramfs";
  readonly path: string;
  readonly generation: string;
  readonly sha256: string;
}

export interface BootConfigParts {
  readonly config: Pick<Config, "boot">;
  readonly store: Pick<GenerationStore, "current" | "get">;
  readonly sessions: BootSessions;
  readonly nodes: Pick<NodesInForce, "find" | "denialOf">;
  /** Null: there is no folder of assets. */
  readonly assets: SiteAssets | null;
  readonly clock: Clock;
}

/** More generations than machines boot from at the same time. */
const maxScripts = 8;
/** Processors that run x86-64 programs, by the names of architectures. */
const runsX86 = /x86|BIOS|IA32|EBC|PC98|Intel|Arc/;

/**
 * What PXELINUX, U-Boot and GRUB are told to boot where the site has no file of its own: the text in the machine's
 * entry, or the same kernel, initramfs and arguments that the orchestrator's script has.
 */
export class BootConfigs {
  readonly #parts: BootConfigParts;
  /** By SHA-256. */
  readonly #scripts = new BoundedMap<string, BootLines>(maxScripts);

  constructor(parts: BootConfigParts) {
    this.#parts = parts;
  }

  /** Null: it is no configuration's name, a file is to be looked for, or the machine goes on to another name. */
  async find(path: string, asked: Machine): Promise<BootConfig | UnservedAsset | null> {
    const name = readConfigName(path);
    if (name === null || name.of.kind === "some") return null;
    const { sessions, nodes } = this.#parts;
    const mac = (name.of.kind === "mac" ? name.of.mac : null) ?? asked.mac;
    const known = mac ?? sessions.machineAt(asked.address) ?? this.#macBy(name);
    if (known === null) return null;
    const machine = { mac: known, address: asked.address };
    const denial = nodes.denialOf(machine);
    if (denial !== null) {
      const { way, reason } = denial;
      if (way !== "exit" && way !== "sanboot") return null;
      return this.#made(path, localConfig(name.syntax), null, { way: "exit", reason });
    }
    return this.#forMachine(path, name, machine);
  }

  /**
   * A kernel or an initramfs of the mirror, as such configurations name it; null: it is no such name. PXELINUX puts the
   * folder that it was loaded from in front of every name.
   */
  artifact(path: string, machine: Machine): MirroredFile | null {
    const name = /(?:^|\/)artifacts\/([^/]+)$/.exec(path)?.[1];
    const content = name === undefined ? "other" : contentOf(name);
    if (name === undefined || content === "other") return null;
    const generation = this.#generationFor(machine);
    const file = generation?.file(name) ?? null;
    if (generation === null || file === null) return null;
    return { name, content, path: file.path, generation: generation.id, sha256: file.sha256 };
  }

  async #forMachine(
    path: string,
    name: ConfigName,
    machine: { readonly mac: Mac; readonly address: string | null },
  ): Promise<BootConfig | UnservedAsset | null> {
    const { sessions, nodes, config } = this.#parts;
    const boot = sessions.latest({ mac: machine.mac, address: null });
    const proved = provedIdentity(boot);
    const uuid = proved.uuid ?? (name.of.kind === "uuid" ? name.of.uuid : null);
    const later = laterNames(name, { ...machine, uuid });
    if (await this.#anyThere([path, ...later.own], machine)) return null;
    const entry = nodes.find({ mac: machine.mac, uuid, serial: proved.serial });
    const own = name.syntax === "pxelinux" ? (entry?.pxelinux ?? null) : null;
    if (own !== null) return this.#made(path, own.endsWith("\n") ? own : `${own}\n`, null, null);
    if (await this.#anyThere(later.common, machine)) return null;
    const isMirror =
      config.boot.path === "mirror" &&
      config.boot.script === "mirror" &&
      config.boot.scriptUrl === null;
    const generation = this.#generationFor(machine);
    if (!isMirror || generation === null) return null;
    const unserved = (why: string): UnservedAsset => ({ kind: "unserved", name: path, why });
    if (entry?.scriptUrl != null) {
      return unserved("its node entry has a scriptUrl, which is iPXE's: name iPXE as its loader");
    }
    if (config.boot.imgverify === "required") {
      return unserved("boot.imgverify is required, and no boot program but iPXE checks signatures");
    }
    try {
      const parts = await this.#partsOf(generation, machine, entry, uuid ?? "");
      const missing = [parts.kernel, ...parts.initramfs].find(
        (one) => generation.file(one) === null,
      );
      if (missing !== undefined) return unserved(`${missing} is not in the mirror`);
      const architecture = boot === null ? null : architectureNameOf(boot);
      if (architecture !== null && !runsX86.test(architecture) && /x86_64/.test(parts.kernel)) {
        return unserved(`the mirror's ${parts.kernel} does not run on ${architecture}`);
      }
      const text = name.syntax === "grub" ? grubConfig(parts) : pxelinuxConfig(parts);
      return this.#made(path, text, generation.id, null);
    } catch (thrown) {
      if (thrown instanceof SyncError) return unserved(thrown.message);
      throw thrown;
    }
  }

  async #partsOf(
    generation: Generation,
    { mac, address }: Machine,
    entry: NodeEntry | null,
    uuid: string,
  ): Promise<BootParts> {
    const { config, clock, sessions } = this.#parts;
    // What anybody can say in the machine's name must not become words of its kernel's command line.
    const { serial } = provedIdentity(sessions.latest({ mac, address: null }));
    // As iPXE writes it.
    const now = `0x${Math.floor(clock.wall() / 1000).toString(16)}`;
    const ofCard = { mac: mac ?? "", ip: address ?? "" };
    const settings = new Map<string, string>([
      ...["", "net0/", "netX/"].flatMap((card) =>
        Object.entries(ofCard).map(([key, value]) => [`${card}${key}`, value] as const),
      ),
      ["uuid", uuid],
      ["serial", serial ?? entry?.serial ?? ""],
      ["hostname", entry?.name ?? ""],
      ["unixtime", now],
      ["network_scan_start", now],
      ["network_scan_end", now],
    ]);
    const { kernel, initramfs, args } = bootPartsOf(await this.#scriptOf(generation), settings);
    const further = [...config.boot.kernelArgs, ...(entry?.kernelArgs ?? [])];
    return { kernel, initramfs, args: [...args, ...further] };
  }

  /** Read once for each generation. */
  async #scriptOf(generation: Generation): Promise<BootLines> {
    const stored = generation.file("boot.ipxe");
    if (stored === null) throw new SyncError(`generation ${generation.id} has no boot.ipxe`);
    const before = this.#scripts.get(stored.sha256);
    if (before !== undefined) return before;
    const text = await readFile(stored.path, "utf8");
    if (createHash("sha256").update(text).digest("hex") !== stored.sha256) {
      throw new SyncError(`boot.ipxe of generation ${generation.id} was changed on disk`);
    }
    parseOrchestratorScript(text);
    const lines = bootLinesOf(text);
    this.#scripts.set(stored.sha256, lines);
    return lines;
  }

  #generationFor({ address }: Machine): Generation | null {
    const { store, sessions, clock } = this.#parts;
    const held = sessions.generationFor(address, clock.now());
    return (held === null ? null : store.get(held)) ?? store.current();
  }

  /** The machine of an entry that a name tells by UUID alone. */
  #macBy({ of }: ConfigName): Mac | null {
    if (of.kind !== "uuid") return null;
    return this.#parts.nodes.find({ mac: "", uuid: of.uuid, serial: null })?.mac ?? null;
  }

  async #anyThere(names: readonly string[], machine: Machine): Promise<boolean> {
    const { assets } = this.#parts;
    if (assets === null) return false;
    for (const name of names) {
      if ((await assets.find(name, machine))?.kind === "file") return true;
    }
    return false;
  }

  #made(
    name: string,
    text: string,
    generation: string | null,
    sendsOn: BootConfig["sendsOn"],
  ): BootConfig {
    return { kind: "config", name, text, generation, sendsOn };
  }
}
