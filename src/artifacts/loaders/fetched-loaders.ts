import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../lib/atomic-file.ts";
import { messageOf, SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { wholeOf } from "../origin/body-batches.ts";
import { createOrigin } from "../origin/origin.ts";
import { MovedError } from "../origin/origin-errors.ts";
import type { ProxySettings } from "../origin/proxy.ts";
import { partsOf, shownUrl } from "../origin/url-parts.ts";
import { onDisk, PUBLIC_MODE, sha256OfFile } from "../store/disk.ts";
import { LOADER_LIMIT_BYTES } from "../verify/verify.ts";

/** A loader that is fetched from a URL, and is the one with this SHA-256 or is not taken. */
export interface FetchedLoader {
  readonly url: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface FetchedLoaderOptions extends ProxySettings {
  /** By the bare name that machines ask for. */
  readonly loaders: Readonly<Record<string, FetchedLoader>>;
  /** Where they are kept; nothing else is in it. */
  readonly folder: string;
  readonly emit: Emit;
  readonly retryMs: number;
}

/** Releases are sent on to a storage, and that perhaps to another. */
const MOST_REDIRECTS = 5;

/** Fetches what is not there yet, again and again until all is there. Returns what ends it. */
export async function keepFetchedLoaders(options: FetchedLoaderOptions): Promise<() => void> {
  const { loaders, folder, emit, retryMs } = options;
  await onDisk("the loaders", mkdir(folder, { recursive: true }));
  for (const name of await readdir(folder)) {
    const expected = loaders[name]?.sha256;
    const sum = await sha256OfFile(join(folder, name)).catch(() => null);
    if (expected === undefined || sum !== expected) await rm(join(folder, name), { force: true });
  }
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const missing = new Set(Object.keys(loaders));
  for (const name of await readdir(folder)) missing.delete(name);
  const look = async (): Promise<void> => {
    for (const name of missing) {
      const loader = loaders[name];
      if (loader === undefined || stop.signal.aborted) continue;
      try {
        const bytes = await fetchLoader(name, loader, options, stop.signal);
        missing.delete(name);
        emit({ event: "loader-fetched", file: name, bytes });
      } catch (error) {
        if (stop.signal.aborted) return;
        emit({ event: "loader-unusable", file: name, reason: messageOf(error) });
      }
    }
    if (missing.size > 0 && !stop.signal.aborted) timer = setTimeout(() => void look(), retryMs);
  };
  void look();
  return () => {
    stop.abort();
    if (timer !== null) clearTimeout(timer);
  };
}

async function fetchLoader(
  name: string,
  { url, sha256 }: FetchedLoader,
  options: FetchedLoaderOptions,
  signal: AbortSignal,
): Promise<number> {
  const content = await download(url, options, signal);
  const sum = createHash("sha256").update(content).digest("hex");
  if (sum !== sha256) {
    throw new SyncError(
      `${shownUrl(url)} was refused: its SHA-256 is ${sum}, and artifacts.loaderUrls expects ${sha256}. If it was ` +
        "changed on purpose, set the new value.",
    );
  }
  const path = join(options.folder, name);
  await onDisk(name, replaceFile(path, content, { mode: PUBLIC_MODE }));
  return content.length;
}

/**
 * What a URL brings, from wherever it sends the client to: the SHA-256 that is expected holds for it all
 * the same. From TLS it is not followed to where there is none.
 */
async function download(
  url: string,
  options: ProxySettings,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let from = url;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const found = await downloadOnce(from, options, signal);
    if (!(found instanceof MovedError)) return found;
    if (!mayFollow(from, found.target)) throw found;
    from = found.target.href;
  }
  throw new SyncError(
    `${shownUrl(url)} leads from one redirect to the next, more than ${MOST_REDIRECTS} times. To do (site): name in ` +
      "artifacts.loaderUrls where the loader really is.",
  );
}

/** Whether a redirect is followed: not out of TLS, and nowhere but to HTTP. */
export function mayFollow(from: string, { protocol }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && from.startsWith("http:"));
}

async function downloadOnce(
  url: string,
  { proxy, environment }: ProxySettings,
  signal: AbortSignal,
): Promise<Uint8Array | MovedError> {
  const { folder, name } = partsOf(url);
  const key = "artifacts.loaderUrls";
  const origin = createOrigin({ url: folder, key, ca: null, proxy, environment });
  try {
    const answer = await origin.get(name, null, signal);
    const shown = shownUrl(url);
    if (answer.kind !== "body") {
      throw new SyncError(`${shown} does not exist (404). To do (site): correct ${key}.`);
    }
    const content = await wholeOf(answer.chunks, LOADER_LIMIT_BYTES);
    if (content === null) throw new SyncError(`${shown} is too large for a loader.`);
    return content;
  } catch (error) {
    if (error instanceof MovedError) return error;
    throw error;
  } finally {
    await origin.close();
  }
}
