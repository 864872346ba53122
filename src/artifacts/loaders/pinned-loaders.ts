import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../lib/atomic-file.ts";
import { messageOf, SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { onDisk, PUBLIC_MODE, sha256OfFile } from "../store/disk.ts";
import { createOrigin } from "../origin/origin.ts";
import type { ProxySettings } from "../origin/proxy.ts";
import { LOADER_LIMIT_BYTES } from "../verify/verify.ts";

/** A loader that is fetched from a URL, and is the one with this SHA-256 or is not taken. */
export interface PinnedLoader {
  readonly url: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface PinnedLoaderOptions extends ProxySettings {
  /** By the bare name that machines ask for. */
  readonly loaders: Readonly<Record<string, PinnedLoader>>;
  /** Where they are kept; nothing else is in it. */
  readonly folder: string;
  readonly emit: Emit;
  readonly retryMs: number;
}

/** Fetches what is not there yet, again and again until all is there. Returns what ends it. */
export async function keepPinnedLoaders(options: PinnedLoaderOptions): Promise<() => void> {
  const { loaders, folder, emit, retryMs } = options;
  await onDisk("the loaders", mkdir(folder, { recursive: true }));
  for (const name of await readdir(folder)) {
    const wanted = loaders[name]?.sha256;
    const sum = await sha256OfFile(join(folder, name)).catch(() => null);
    if (wanted === undefined || sum !== wanted) await rm(join(folder, name), { force: true });
  }
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const missing = new Set(Object.keys(loaders));
  for (const name of await readdir(folder)) missing.delete(name);
  const look = async (): Promise<void> => {
    for (const name of missing) {
      const pinned = loaders[name];
      if (pinned === undefined || stop.signal.aborted) continue;
      try {
        const bytes = await fetchPinned(name, pinned, options, stop.signal);
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

async function fetchPinned(
  name: string,
  { url, sha256 }: PinnedLoader,
  { folder, proxy, environment }: PinnedLoaderOptions,
  signal: AbortSignal,
): Promise<number> {
  const at = url.lastIndexOf("/");
  const origin = createOrigin({ url: url.slice(0, at), ca: null, proxy, environment });
  try {
    const answer = await origin.get(url.slice(at + 1), null, signal);
    if (answer.kind !== "body") throw new SyncError(`${url} does not exist (404)`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const batch of answer.chunks) {
      for (const chunk of batch) bytes += chunk.length;
      if (bytes > LOADER_LIMIT_BYTES) throw new SyncError(`${url} is too large for a loader`);
      chunks.push(...batch);
    }
    const content = Buffer.concat(chunks);
    const sum = createHash("sha256").update(content).digest("hex");
    if (sum !== sha256) {
      throw new SyncError(
        `${url} was refused: its SHA-256 is ${sum}, and artifacts.loaderUrls pins ${sha256}. If it was ` +
          "changed on purpose, set the new value.",
      );
    }
    await onDisk(name, replaceFile(join(folder, name), content, { mode: PUBLIC_MODE }));
    return bytes;
  } finally {
    await origin.close();
  }
}
