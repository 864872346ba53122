import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { notReadyReply, readyReply } from "../../api/health.ts";
import { misfit } from "../../artifacts/loaders/loader-facts.ts";
import { type Generation, generationAt, newestFirst } from "../../artifacts/store/generation.ts";
import { MANIFEST_NAME, parseManifest } from "../../artifacts/store/manifest.ts";
import { architectureName, architectureOf } from "../../boot/architecture.ts";
import { ORCHESTRATOR_LOADER } from "../../config/schema.ts";
import { loadersOf } from "../../daemon/content/loaders.ts";
import { artifactFolder, assetProblem } from "../../daemon/content/mirror.ts";
import { policyOf, servesMicroOs } from "../../daemon/settings/boot-settings.ts";
import { askJson } from "../../daemon/state/ask-json.ts";
import { type Running, trustedBy } from "../../daemon/state/instance-file.ts";
import { messageOf } from "../../lib/errors.ts";
import type { DoctorSite } from "../site.ts";

/** The loader that machines of one architecture get. */
export interface LoaderState {
  /** The number in option 93. */
  readonly architecture: number;
  /** In words. */
  readonly machine: string;
  readonly name: string;
  /** Where it was found; null: nowhere. */
  readonly path: string | null;
  /** Why it is not for these machines; null: it is. */
  readonly misfit: string | null;
  /** A file of this name that is not served, with the reason. */
  readonly passedOver: { readonly path: string; readonly why: string } | null;
  readonly folders: string;
  /** It comes with the mirror. */
  readonly isMirrored: boolean;
  /** Nothing is found for any machine. */
  readonly isAlone: boolean;
}

/** Without these two no machine of a usual site boots. */
const usual = [0, 7];

export async function lookAtLoaders({ settings }: DoctorSite): Promise<readonly LoaderState[]> {
  const { config, inventory } = settings;
  const { loaders: named, onlyNamedLoaders } = policyOf(config);
  const current = await newestGeneration(artifactFolder(config));
  const names = new Set(named.values());
  const isHandedOut = (name: string) => names.has(name) || inventory.namesLoader(name);
  const store = loadersOf(config, { store: { current: () => current }, isHandedOut });
  const found = new Map((await store.identify()).map((loader) => [loader.name, loader]));
  const passedOver = await store.passedOver();
  const codes = onlyNamedLoaders ? [7] : [...new Set([...usual, ...named.keys()])];
  const wanted = codes.flatMap((code) => {
    const name = named.get(code) ?? architectureOf(code)?.loader ?? null;
    return name === null ? [] : [{ code, name }];
  });
  const isAlone = wanted.every(({ name }) => !found.has(name));
  return wanted.map(({ code, name }) => {
    const loader = found.get(name) ?? null;
    return {
      architecture: code,
      machine: architectureName(code),
      name,
      path: loader?.path ?? null,
      misfit: loader === null ? null : misfit(code, name, loader.facts),
      passedOver: passedOver.find(({ path }) => path.endsWith(`/${name}`)) ?? null,
      folders: config.artifacts.loaderDirs.join(", "),
      isMirrored: name === ORCHESTRATOR_LOADER,
      isAlone,
    };
  });
}

/** The newest generation by its manifest, as far as it is there; its files are not read. */
async function newestGeneration(folder: string): Promise<Generation | null> {
  const at = join(folder, "generations");
  const ids = (await readdir(at).catch(() => [])).toSorted(newestFirst);
  for (const id of ids) {
    const text = await readFile(join(at, id, MANIFEST_NAME), "utf8").catch(() => "");
    const manifest = parseManifest(text);
    if (manifest !== null) return generationAt(join(at, id), id, manifest);
  }
  return null;
}

export interface AssetState {
  readonly directory: string;
  /** Why nothing of it can be handed out; null: it can. */
  readonly problem: string | null;
}

/** Nothing where there is no asset folder. */
export async function lookAtAssets({ settings }: DoctorSite): Promise<readonly AssetState[]> {
  const { directory } = settings.config.assets;
  if (directory === null) return [];
  return [{ directory, problem: await assetProblem(settings.config) }];
}

export interface MirrorState {
  readonly generation: Generation | null;
  readonly isNeeded: boolean;
  readonly origin: string | null;
}

export async function lookAtMirror({ settings }: DoctorSite): Promise<readonly MirrorState[]> {
  const { config } = settings;
  const generation = await newestGeneration(artifactFolder(config));
  const origin = config.artifacts.origin?.[0] ?? null;
  return [{ generation, isNeeded: servesMicroOs(config), origin }];
}

/** The server that runs on the data folder; null: none does. */
export interface ServerState {
  readonly dataDir: string;
  readonly pid: number | null;
  readonly admin: string;
  readonly answers: boolean;
  /** Why no machine could boot by it; empty: one could. */
  readonly reasons: readonly string[];
}

export async function lookAtServer(site: DoctorSite): Promise<readonly ServerState[]> {
  const { running, settings } = site;
  const { dataDir } = settings.config;
  if (running === null) {
    return [{ dataDir, pid: null, admin: "", answers: false, reasons: [] }];
  }
  const { pid, admin, answers } = running;
  const reasons = answers ? await notReady(running) : [];
  return [{ dataDir, pid, admin, answers, reasons }];
}

async function notReady(running: Running): Promise<readonly string[]> {
  try {
    const signal = AbortSignal.timeout(5000);
    const trusted = await trustedBy(running);
    const { body } = await askJson(`${running.admin}/readyz`, { signal, trusted });
    if (readyReply.safeParse(body).success) return [];
    const refused = notReadyReply.safeParse(body);
    return refused.success ? refused.data.reasons : ["its answer cannot be read"];
  } catch (error) {
    return [messageOf(error)];
  }
}
