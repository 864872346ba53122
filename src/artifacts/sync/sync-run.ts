import type { Clock } from "../../lib/clock.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { isThere, openerOf, type StoredFile } from "../store/disk.ts";
import { download, type DownloadParts, type Progress, refuseUnfit } from "./download.ts";
import { inParallel } from "./in-parallel.ts";
import { type Missing, requireRoomFor } from "./missing-files.ts";
import { HeldSet } from "./held-set.ts";
import type { FetchedFile } from "../store/partial-downloads.ts";
import type { GenerationStore } from "../store/generation-store.ts";
import { manifestEntry, sameContent } from "../store/manifest.ts";
import type { Origin } from "../origin/origin.ts";
import { type KnownVersion, RECENT_MS } from "../file-version.ts";
import { absentFile } from "../origin/origin-errors.ts";
import { type Pause, Retries } from "../origin/retry.ts";
import { Throttle } from "./throttle.ts";
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
  const fetched = new Map<string, number>();
  try {
    for (;;) {
      const outcome = await new SyncRun(job, stop, onProgress, fetched).perform();
      // What was fetched is still here, so that another run is short.
      if (outcome !== null) return outcome;
    }
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
  readonly #held = new HeldSet();
  /** Bytes by name. */
  readonly #fetched: Map<string, number>;
  /** Files of the former generation are missing from the disk: it must be replaced, come what may. */
  #formerIsBroken = false;

  constructor(
    job: SyncJob,
    stop: AbortController,
    onProgress: (progress: Progress) => void,
    fetched: Map<string, number>,
  ) {
    const { origin, store, sha256, emit, clock, pause, random } = job;
    this.#job = job;
    this.#stop = stop;
    this.#fetched = fetched;
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

  /** Null: the generation that it builds on went away meanwhile. */
  async perform(): Promise<SyncOutcome | null> {
    const { files, optionalFiles, store } = this.#job;
    const names = [...new Set([...files, ...optionalFiles])];
    const missing: Missing[] = [];
    await this.#each(names, async (name) => {
      const found = await this.#look(name);
      if (found !== null) missing.push(found);
    });
    await requireRoomFor(missing, this.#download);
    await this.#each(missing, ({ name, known, file }) => this.#take(name, known, file));
    // The same content as before is a whole set, whatever the origin is about to become.
    if (!this.#isFormer()) await this.#settle(names);
    if (this.#formerIsGone()) return null;
    const outcome = await this.#finish();
    await store.incoming.clear();
    return outcome;
  }

  /** Asks for a file by what an interrupted run, or else the former generation, has of it; null: nothing is to be fetched. */
  async #look(name: string): Promise<Missing | null> {
    const { origin, files } = this.#job;
    const { signal } = this.#stop;
    const { known, file } = await this.#present(name);
    const { retries } = this.#download;
    const state = await retries.run(name, signal, () => origin.ask(name, known, signal));
    if (state.kind === "absent") {
      if (files.includes(name)) throw absentFile(origin.url, name);
      return null;
    }
    const isHere = state.kind === "unchanged" && file !== null;
    if (isHere) this.#held.put(file);
    return isHere
      ? null
      : { name, known, file, size: state.kind === "present" ? state.size : null };
  }

  /** What is here of a file, and what to ask the origin by. */
  async #present(name: string): Promise<Pick<Missing, "known" | "file">> {
    const { origin, store, clock } = this.#job;
    const held = store.incoming.held(origin.url, name);
    if (held !== null && this.#isAsExpected(held)) {
      // The process may have ended before it was looked at.
      await refuseUnfit(this.#download, held);
      return { known: held, file: held };
    }
    const former = await this.#formerFile(name);
    if (former === null) return { known: null, file: null };
    // What a generation was made of was made sure of.
    const file = { ...former, seenAtMs: clock.wall() };
    if (this.#former?.manifest.origin === origin.url) {
      this.#held.saw(file);
      return { known: former, file };
    }
    // What another origin said of its files means nothing to this one.
    const unnamed = { ...file, etag: null, lastModified: null };
    return { known: unnamed, file: unnamed };
  }

  async #formerFile(name: string): Promise<StoredFile | null> {
    const former = this.#former?.file(name) ?? null;
    if (former === null || !this.#isAsExpected(former)) return null;
    if (await isThere(former)) return former;
    this.#formerIsBroken = true;
    return null;
  }

  #isAsExpected({ name, sha256 }: StoredFile): boolean {
    return (this.#job.sha256.get(name) ?? sha256) === sha256;
  }

  /**
   * Makes the file part of the set: `file` if the origin still has the version `known`, else what it has.
   *
   * @returns whether other bytes are held of it than before
   */
  async #take(
    name: string,
    known: KnownVersion | null,
    file: FetchedFile | null,
  ): Promise<boolean> {
    const { origin, files } = this.#job;
    const result = await download(this.#download, name, known, this.#stop.signal);
    switch (result.kind) {
      case "unchanged":
        return file !== null && this.#held.put(file);
      case "absent":
        if (files.includes(name)) throw absentFile(origin.url, name);
        return this.#held.drop(name);
      case "fetched":
        this.#fetched.set(name, (this.#fetched.get(name) ?? 0) + result.bytes);
        return this.#held.put(result.file);
    }
  }

  /**
   * Asks again for every file, and fetches what changed meanwhile, until nothing has. What comes with the
   * same bytes has not changed, whatever its validators say.
   */
  async #settle(names: readonly string[]): Promise<void> {
    const { origin, pause } = this.#job;
    const { signal } = this.#stop;
    for (let round = 1; round <= ROUNDS; round++) {
      const doubtful: string[] = [];
      let mustWait = false;
      await this.#each(names, async (name) => {
        // Not by what is held: a condition may be answered with more than the version says.
        const state = await this.#download.retries.run(name, signal, () =>
          origin.ask(name, null, signal),
        );
        const comparison = this.#held.compare(name, state);
        if (comparison !== "same") doubtful.push(name);
        if (comparison === "unsure") mustWait = true;
      });
      if (doubtful.length === 0) return;
      // Once its date is past, a file that is written at this very moment has another one.
      if (mustWait) await pause(RECENT_MS, signal);
      const changed: string[] = [];
      await this.#each(doubtful, async (name) => {
        if (await this.#take(name, null, null)) changed.push(name);
      });
      if (changed.length === 0) return;
      if (round === ROUNDS) {
        throw new SyncError(
          `${origin.url}: ${changed.join(", ")} changed again and again while the set was fetched, so the ` +
            "orchestrator is being rebuilt. It is tried again later.",
        );
      }
    }
  }

  async #finish(): Promise<SyncOutcome> {
    const { origin, store, clock } = this.#job;
    const files = this.#held.files();
    const former = this.#former;
    if (former !== null && this.#isFormer()) {
      const { createdAt } = former.manifest;
      const manifest = { version: 1, origin: origin.url, createdAt } as const;
      if (this.#fetched.size > 0) {
        await store.annotate(former.id, { ...manifest, files: files.map(manifestEntry) });
      }
      return this.#outcome(former.id, false);
    }
    await verifySet(
      files.map(({ name }) => name),
      openerOf(files),
    );
    const createdAt = new Date(clock.wall()).toISOString();
    const { id } = await store.publish(files, { origin: origin.url, createdAt });
    return this.#outcome(id, true);
  }

  /** It was found damaged, or an import put it away: its files must not become another generation's. */
  #formerIsGone(): boolean {
    return this.#former !== null && this.#job.store.get(this.#former.id) === null;
  }

  /** Whether the set has the content of the former generation, file for file. */
  #isFormer(): boolean {
    const former = this.#former?.manifest.files ?? null;
    return former !== null && !this.#formerIsBroken && sameContent(this.#held.files(), former);
  }

  #outcome(generation: string, changed: boolean): SyncOutcome {
    const fetched = Array.from(this.#fetched, ([file, bytes]) => ({ file, bytes }));
    return { generation, changed, fetched };
  }

  /** Works on all items, a few at a time; the first failure stops the run. */
  #each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
    return inParallel(items, PARALLEL_REQUESTS, this.#stop, work);
  }
}
