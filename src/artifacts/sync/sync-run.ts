import type { Clock } from "../../lib/clock.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { isThere, openerOf, type StoredFile } from "../store/disk.ts";
import { download, type DownloadParts, type Progress, refuseUnfit } from "./download.ts";
import type { GenerationStore } from "../store/generation-store.ts";
import { manifestEntry, type ManifestFile, sameContent } from "../store/manifest.ts";
import type { Origin, OriginState } from "../origin/origin.ts";
import type { KnownVersion } from "../file-version.ts";
import { absentFile } from "../origin/origin-errors.ts";
import { type Pause, Retries } from "../origin/retry.ts";
import { Throttle } from "../origin/throttle.ts";
import { verifySet } from "../verify/verify.ts";

/** The origin allows some 70 connections from one address; machines may use it at the same time. */
const PARALLEL_REQUESTS = 2;
/** How often the origin is asked whether anything changed meanwhile, before the run is given up. */
const ROUNDS = 4;

export interface SyncJob {
  readonly origin: Origin;
  readonly store: GenerationStore;
  /** Names below the origin that a generation must have. */
  readonly files: readonly string[];
  /** Names that it has if the origin has them. */
  readonly optionalFiles: readonly string[];
  /** Expected SHA-256 by name, in lower-case hex. */
  readonly sha256: ReadonlyMap<string, string>;
  /** What all downloads together may take; null for no limit. */
  readonly maxBytesPerSecond: number | null;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly pause: Pause;
  readonly random: () => number;
}

export interface SyncOutcome {
  /** Id of the newest generation. */
  readonly generation: string;
  /** Whether it is a new one. */
  readonly changed: boolean;
  /** Names and bytes of what was fetched. */
  readonly fetched: readonly { readonly file: string; readonly bytes: number }[];
}

/**
 * Brings the store up to date once. The origin replaces its files one by one and in place while it
 * serves them, so a set counts only when, after the last byte of the last file, the origin still has
 * every file in the version that was fetched; what it has not is fetched again.
 *
 * @throws SyncError that says what is in the way; what is served is then as it was before
 */
export async function runSync(
  job: SyncJob,
  stop: AbortController,
  onProgress: (progress: Progress) => void,
): Promise<SyncOutcome> {
  const run = new SyncRun(job, stop, onProgress);
  try {
    return await run.perform();
  } finally {
    // Ends what may still be under way after a failure; after success there is nothing.
    stop.abort();
    // Boots that held on to an old generation may have ended since.
    await job.store.prune();
  }
}

class SyncRun {
  readonly #job: SyncJob;
  readonly #stop: AbortController;
  readonly #download: DownloadParts;
  readonly #former: ReturnType<GenerationStore["current"]>;
  /** What the set consists of so far, whether fetched or kept from the former generation. */
  readonly #held = new Map<string, StoredFile>();
  readonly #fetched = new Map<string, number>();
  /** Files of the former generation are missing from the disk: it must be replaced, come what may. */
  #formerIsBroken = false;

  constructor(job: SyncJob, stop: AbortController, onProgress: (progress: Progress) => void) {
    const { origin, store, sha256, emit, clock, pause, random } = job;
    this.#job = job;
    this.#stop = stop;
    this.#former = store.latest();
    const retries = new Retries({
      pause,
      random,
      onRetry: (file, error, delayMs) =>
        emit({ event: "sync-retry", file, reason: error.message, delayMs }),
    });
    const throttle = new Throttle(job.maxBytesPerSecond, clock, pause);
    const { incoming } = store;
    this.#download = { origin, incoming, sha256, retries, throttle, emit, clock, onProgress };
  }

  async perform(): Promise<SyncOutcome> {
    const { files, optionalFiles, store } = this.#job;
    const names = [...new Set([...files, ...optionalFiles])];
    await this.#each(names, (name) => this.#update(name));
    const former = this.#former;
    if (former !== null && !this.#formerIsBroken && this.#isFormer(former.manifest.files)) {
      await store.incoming.clear();
      return this.#outcome(former.id, false);
    }
    await this.#settle(names);
    const outcome = await this.#finish();
    await store.incoming.clear();
    return outcome;
  }

  /** Asks for a file by what an interrupted run, or else the former generation, has of it. */
  async #update(name: string): Promise<void> {
    const { origin, store } = this.#job;
    const held = store.incoming.held(origin.url, name);
    if (held !== null && this.#isAsPinned(held)) {
      // The process may have ended before it was looked at.
      await refuseUnfit(this.#download, held);
      return this.#take(name, held, held);
    }
    const former = await this.#formerFile(name);
    if (former === null) return this.#take(name, null, null);
    // What another origin said of its files means nothing to this one.
    const sameOrigin = this.#former?.manifest.origin === origin.url;
    const known = sameOrigin ? former : { etag: null, lastModified: null, sha256: former.sha256 };
    return this.#take(name, known, former);
  }

  async #formerFile(name: string): Promise<StoredFile | null> {
    const former = this.#former?.file(name) ?? null;
    if (former === null || !this.#isAsPinned(former)) return null;
    if (await isThere(former)) return former;
    this.#formerIsBroken = true;
    return null;
  }

  #isAsPinned({ name, sha256 }: StoredFile): boolean {
    return (this.#job.sha256.get(name) ?? sha256) === sha256;
  }

  /** Makes the file part of the set: `file` if the origin still has the version `known`, else what it has. */
  async #take(name: string, known: KnownVersion | null, file: StoredFile | null): Promise<void> {
    const { origin, files } = this.#job;
    const result = await download(this.#download, name, known, this.#stop.signal);
    switch (result.kind) {
      case "unchanged":
        if (file !== null) this.#held.set(name, file);
        return;
      case "absent":
        if (files.includes(name)) throw absentFile(origin.url, name);
        this.#held.delete(name);
        return;
      case "fetched":
        this.#held.set(name, result.file);
        this.#fetched.set(name, (this.#fetched.get(name) ?? 0) + result.bytes);
    }
  }

  /** Asks again for every file, and fetches what changed meanwhile, until nothing has. */
  async #settle(names: readonly string[]): Promise<void> {
    const { origin } = this.#job;
    const { signal } = this.#stop;
    for (let round = 1; round <= ROUNDS; round++) {
      const changed: string[] = [];
      await this.#each(names, async (name) => {
        const held = this.#held.get(name) ?? null;
        const state = await this.#download.retries.run(name, signal, () =>
          origin.ask(name, held, signal),
        );
        if (!isSameVersion(held, state)) changed.push(name);
      });
      if (changed.length === 0) return;
      if (round === ROUNDS) {
        throw new SyncError(
          `${origin.url}: ${changed.join(", ")} changed again and again while the set was fetched, so the ` +
            "orchestrator is being rebuilt. It is tried again later.",
        );
      }
      await this.#each(changed, (name) => this.#take(name, null, null));
    }
  }

  async #finish(): Promise<SyncOutcome> {
    const { origin, store, clock } = this.#job;
    const files = [...this.#held.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    await verifySet(
      files.map(({ name }) => name),
      openerOf(files),
    );
    const former = this.#former;
    if (former !== null && !this.#formerIsBroken && sameContent(files, former.manifest.files)) {
      const { createdAt } = former.manifest;
      const manifest = { version: 1, origin: origin.url, createdAt } as const;
      await store.annotate(former.id, { ...manifest, files: files.map(manifestEntry) });
      return this.#outcome(former.id, false);
    }
    const createdAt = new Date(clock.wall()).toISOString();
    const { id } = await store.publish(files, { origin: origin.url, createdAt });
    return this.#outcome(id, true);
  }

  #outcome(generation: string, changed: boolean): SyncOutcome {
    const fetched = Array.from(this.#fetched, ([file, bytes]) => ({ file, bytes }));
    return { generation, changed, fetched };
  }

  /** Whether the set is the former generation, file for file, without any having been fetched. */
  #isFormer(files: readonly ManifestFile[]): boolean {
    return (
      files.length === this.#held.size &&
      files.every(({ name }) => this.#held.get(name)?.path === this.#former?.file(name)?.path)
    );
  }

  /** Works on all items, a few at a time. The first failure stops the run, and is what is thrown. */
  async #each(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    const queue = [...items];
    const worker = async (): Promise<void> => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        this.#stop.signal.throwIfAborted();
        await work(item);
      }
    };
    const guarded = async (): Promise<void> => {
      try {
        await worker();
      } catch (error) {
        failures.push(error);
        this.#stop.abort(error);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, guarded));
    if (failures.length > 0) throw failures[0];
  }
}

/** Whether the origin still has what is held. Without validators its length has to do. */
function isSameVersion(held: ManifestFile | null, state: OriginState): boolean {
  if (state.kind === "absent") return held === null;
  if (held === null) return false;
  if (state.kind === "unchanged") return true;
  const { etag, lastModified } = state.validators;
  return (
    etag === held.etag &&
    lastModified === held.lastModified &&
    (state.size === null || state.size === held.size)
  );
}
