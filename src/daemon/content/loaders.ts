import { join } from "node:path";
import { misfit } from "../../artifacts/loaders/loader-facts.ts";
import { createLoaderStore, type LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import { keepFetchedLoaders } from "../../artifacts/loaders/fetched-loaders.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import { architectureName, architectureOf, architectures } from "../../boot/architecture.ts";
import type { Config } from "../../config/schema.ts";
import { ConfigError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { artifactFolder } from "./mirror.ts";
import type { Settings } from "../settings/settings.ts";
import type { ProxyEnvironment } from "../../artifacts/origin/proxy.ts";

export interface LoaderParts {
  readonly settings: Settings;
  readonly store: Pick<GenerationStore, "current">;
  /** Whether the configuration or a node entry has machines fetch this loader. */
  readonly isHandedOut: (name: string) => boolean;
  readonly environment: ProxyEnvironment;
  readonly emit: Emit;
}

/** Of the loaders that the configuration does not name only these are checked: a rare one must not keep the server from starting. */
const usualCodes = [0, 7, 11];

/**
 * The loaders of a configuration: what is fetched by URL, then the folders, then the mirror.
 *
 * One that is for other machines than those that get it is reported by `loader-unusable`.
 *
 * @throws ConfigError when it is the configuration that names such a one, of a folder
 */
export async function openLoaders(
  parts: LoaderParts,
): Promise<{ readonly loaders: LoaderStore; readonly stop: () => void }> {
  const { settings, environment, emit } = parts;
  const { config } = settings;
  const { loaderUrls, proxy, intervalSeconds } = config.artifacts;
  const loaders = loadersOf(config, parts);
  const problems = await misfits(config, loaders, parts.store);
  const mistakes = problems.filter(({ isMistake }) => isMistake);
  if (mistakes.length > 0) throw new ConfigError(mistakes.map(({ reason }) => reason));
  for (const { file, reason } of problems) emit({ event: "loader-unusable", file, reason });
  const folder = fetchedFolder(config);
  const wanted = { loaders: loaderUrls, folder, emit, retryMs: intervalSeconds * 1000 };
  const stop =
    Object.keys(loaderUrls).length === 0
      ? () => {}
      : await keepFetchedLoaders({ ...wanted, proxy, environment });
  return { loaders, stop };
}

/** Where the loaders of a configuration are looked for. */
export function loadersOf(
  config: Config,
  { store, isHandedOut }: Pick<LoaderParts, "store" | "isHandedOut">,
): LoaderStore {
  const { loaderPatch, loaders } = config.boot;
  const { directory } = config.assets;
  const folder = join(artifactFolder(config), "loaders", "patched");
  return createLoaderStore({
    directories: [fetchedFolder(config), ...config.artifacts.loaderDirs],
    named: directory === null ? null : { folder: directory, listed: Object.values(loaders) },
    store,
    alsoAllowed: isHandedOut,
    patch: loaderPatch === null ? null : { script: loaderPatch, folder },
  });
}

function fetchedFolder(config: Config): string {
  return join(artifactFolder(config), "loaders", "pinned");
}

interface Misfit {
  readonly file: string;
  readonly reason: string;
  /** Whether the configuration is at fault. What the mirror brings may be another file tomorrow. */
  readonly isMistake: boolean;
}

async function misfits(
  { boot, artifacts }: Config,
  loaders: LoaderStore,
  store: LoaderParts["store"],
): Promise<Misfit[]> {
  const named = Object.entries(boot.loaders).map(([code, name]) => [Number(code), name] as const);
  const usual = architectures.flatMap(({ code, loader }) =>
    loader !== null && usualCodes.includes(code) && !(String(code) in boot.loaders)
      ? [[code, loader] as const]
      : [],
  );
  const identified = new Map((await loaders.identify()).map((loader) => [loader.name, loader]));
  return [...named, ...usual].flatMap(([code, name]) => {
    const loader = identified.get(name);
    const problem = loader === undefined ? null : misfit(code, name, loader.facts);
    if (loader === undefined || problem === null) return [];
    const isUsual = architectureOf(code)?.loader === name;
    const isFetched =
      name in artifacts.loaderUrls || store.current()?.file(name)?.path === loader.path;
    const reason =
      `boot.loaders: ${code} (${architectureName(code)}) gets ${name} (${loader.path}): ${problem}; name ` +
      "another loader there, or look at artifacts.loaderDirs";
    return [{ file: name, reason, isMistake: !isUsual && !isFetched }];
  });
}
