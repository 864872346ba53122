import { join } from "node:path";
import type { LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import { adopt } from "../../artifacts/store/bundle.ts";
import type { AssetsReply } from "../../api/artifacts.ts";
import { folderProblem, listAssets } from "../../assets/store/asset-list.ts";
import { createMirror, type Mirror } from "../../artifacts/sync/mirror.ts";
import {
  type ProxyEnvironment,
  proxyFor,
  type ProxySettings,
} from "../../artifacts/origin/proxy.ts";
import { createSource } from "../../artifacts/origin/trusted-origin.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import { createFetchedTrust, fixedTrust, type Trust } from "../../artifacts/origin/trust.ts";
import { type Config, mirroredFiles } from "../../config/schema.ts";
import type { ManagedArtifacts } from "../../http/admin/context.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Emit } from "../../events/types.ts";
import type { Settings } from "../settings/settings.ts";

/** What of the artifacts the commands share. */

/** The mirror of a configuration, or null when it names no origin. */
export function mirrorFor(
  settings: Settings,
  store: GenerationStore,
  environment: ProxyEnvironment,
  report: { readonly emit: Emit; readonly clock: Clock },
): Mirror | null {
  const { config } = settings;
  const { origin: urls, proxy, sha256, intervalSeconds, maxBytesPerSecond } = config.artifacts;
  const way = { proxy, environment };
  const trust = trustOf(settings, way, report.emit);
  const [first, ...others] = (urls ?? []).map((url) => createSource({ url, ...way }, trust));
  if (first === undefined) return null;
  return createMirror({
    sources: [first, ...others],
    store,
    files: mirroredFiles(config),
    sha256,
    maxBytesPerSecond,
    intervalMs: intervalSeconds * 1000,
    ...report,
  });
}

/**
 * The URLs that a configuration has fetched, each with the proxy on the way, without its credentials.
 *
 * @throws ConfigError when a proxy that would be asked cannot be used
 */
export function waysOut(
  { artifacts }: Config,
  environment: ProxyEnvironment,
): readonly { readonly url: string; readonly proxy: string | null }[] {
  const { origin, ca, loaderUrls, proxy } = artifacts;
  const loaders = Object.values(loaderUrls).map(({ url }) => url);
  const urls = [...(origin ?? []), ...(ca.url === null ? [] : [ca.url]), ...loaders];
  return urls.map((url) => ({ url, proxy: proxyFor(url, { proxy, environment })?.shown ?? null }));
}

function trustOf({ config, ca }: Settings, way: ProxySettings, emit: Emit): Trust {
  const { file, url, sha256 } = config.artifacts.ca;
  if (url !== null) {
    return createFetchedTrust({ url, sha256, directory: artifactFolder(config), ...way, emit });
  }
  return fixedTrust(ca === null ? null : { pem: ca, file: file ?? "artifacts.ca" });
}

/** What people do with the generations through the admin port. */
export function managedArtifacts(
  config: Config,
  store: GenerationStore,
  loaders: LoaderStore,
  mirror: Mirror | null,
  emit: Emit,
): ManagedArtifacts {
  const { directory } = config.assets;
  return {
    assets: directory === null ? () => Promise.resolve(null) : assetLister(directory),
    loaders: () => loaders.identify(),
    pinned: () => store.pinned,
    pin: (generation, by) => store.pin(generation, by),
    verify: async () => {
      const damaged = await store.verify();
      // Whether that works is reported as an event.
      if (damaged.size > 0) void mirror?.sync().catch(() => {});
      return damaged;
    },
    adopt: async (name) => {
      const set = { files: mirroredFiles(config), sha256: config.artifacts.sha256 };
      const { id } = await adopt(store, artifactFolder(config), name, set);
      emit({ event: "generation-imported", generation: id });
      return id;
    },
  };
}

/** Where the mirror keeps its generations. */
export function artifactFolder(config: Config): string {
  return join(config.dataDir, "artifacts");
}

/** Of a site's folder so many files are listed. */
const listedAssets = 1000;

/** Lists the asset folder; who asks while it is being read gets the same answer. */
export function assetLister(directory: string): () => Promise<AssetsReply> {
  let reading: Promise<AssetsReply> | null = null;
  return () => {
    reading ??= assetsOf(directory).finally(() => {
      reading = null;
    });
    return reading;
  };
}

/** Why nothing of the asset folder can be handed out; null: it can, or there is none. */
export async function assetProblem({ assets }: Config): Promise<string | null> {
  return assets.directory === null ? null : folderProblem(assets.directory);
}

/** What is in a folder of assets, as the API tells it. */
export async function assetsOf(directory: string): Promise<AssetsReply> {
  const { listed, ...all } = await listAssets(directory, listedAssets);
  const files = listed.map(({ path, size, modifiedMs }) => ({
    path,
    size,
    modifiedAt: new Date(modifiedMs).toISOString(),
  }));
  return { ...all, listed: files };
}
