import type { Clock } from "../lib/clock.ts";
import { SyncError } from "../lib/errors.ts";
import type { Emit } from "../observe/events.ts";
import type { GenerationStore } from "./store.ts";
import { type ManifestFile, sameContent } from "./manifest.ts";
import type { Origin, OriginAnswer, OriginState } from "./origin.ts";
import { absentFile } from "./origin-errors.ts";
import { isThere, type Staging } from "./staging.ts";
import { verifyArtifact } from "./verify.ts";

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
  readonly emit: Emit;
  readonly clock: Clock;
}

/** How far the download of a file is; `total` is null when the origin does not say. */
export interface Progress {
  readonly file: string;
  readonly bytes: number;
  readonly total: number | null;
}

export interface SyncOutcome {
  /** Id of the generation that is current now. */
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
 * @throws SyncError that says what is in the way; the store is then as it was before
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
    await run.cleanUp();
  }
}

class SyncRun {
  readonly #job: SyncJob;
  readonly #stop: AbortController;
  readonly #onProgress: (progress: Progress) => void;
  readonly #former: ReturnType<GenerationStore["current"]>;
  /** What the set consists of so far, whether fetched or kept from the former generation. */
  readonly #held = new Map<string, ManifestFile>();
  readonly #fetched = new Map<string, number>();
  /** Files of the former generation are missing from the disk: it must be replaced, come what may. */
  #formerIsBroken = false;
  #staging: Promise<Staging> | null = null;

  constructor(job: SyncJob, stop: AbortController, onProgress: (progress: Progress) => void) {
    this.#job = job;
    this.#stop = stop;
    this.#onProgress = onProgress;
    this.#former = job.store.current();
  }

  async perform(): Promise<SyncOutcome> {
    const { files, optionalFiles } = this.#job;
    const names = [...new Set([...files, ...optionalFiles])];
    await this.#each(names, (name) => this.#update(name));
    if (this.#former !== null && this.#fetched.size === 0 && this.#sameNamesAsFormer()) {
      return this.#outcome(this.#former.id, false);
    }
    await this.#settle(names);
    return this.#finish();
  }

  async cleanUp(): Promise<void> {
    // Ends what may still be under way after a failure; after success there is nothing.
    this.#stop.abort();
    const staging = await this.#staging?.catch(() => null);
    if (staging) await this.#job.store.discard(staging);
    // Boots that held on to an old generation may have ended since.
    await this.#job.store.prune();
  }

  /** Asks for a file by what the former generation knows of it. */
  async #update(name: string): Promise<void> {
    const { origin, sha256 } = this.#job;
    let former = this.#former?.file(name) ?? null;
    if (former !== null && !(await isThere(former))) {
      this.#formerIsBroken = true;
      former = null;
    }
    const usable =
      former !== null &&
      this.#former?.manifest.origin === origin.url &&
      (sha256.get(name) ?? former.sha256) === former.sha256;
    const answer = await origin.get(name, usable ? former : null, this.#stop.signal);
    if (answer.kind === "unchanged" && former !== null && usable) this.#held.set(name, former);
    else await this.#take(name, answer);
  }

  async #take(name: string, answer: OriginAnswer): Promise<void> {
    const { origin, files, sha256, clock, emit } = this.#job;
    if (answer.kind === "absent") {
      if (files.includes(name)) throw absentFile(origin.url, name);
      this.#held.delete(name);
      return;
    }
    if (answer.kind === "unchanged") {
      throw new SyncError(
        `${origin.url}/${name} was answered with 304 (not modified) though nothing was known of it; a proxy ` +
          "on the way is at fault. Set artifacts.proxy or NO_PROXY so that it is not used.",
      );
    }
    const startedAtMs = clock.now();
    this.#staging ??= this.#job.store.stage();
    const staging = await this.#staging;
    const stored = await staging.write(name, answer.chunks, (bytes) =>
      this.#onProgress({ file: name, bytes, total: answer.size }),
    );
    const pin = sha256.get(name);
    if (pin !== undefined && pin !== stored.sha256) {
      throw new SyncError(
        `${name} from the orchestrator was refused: its SHA-256 is ${stored.sha256}, and artifacts.sha256 ` +
          `pins ${pin}. If the orchestrator was updated on purpose, set the new value.`,
      );
    }
    const blob = await staging.open(name);
    try {
      await verifyArtifact(name, blob);
    } finally {
      await blob.close();
    }
    this.#held.set(name, { name, ...stored, ...answer.validators });
    this.#fetched.set(name, stored.size);
    const durationMs = Math.round(clock.now() - startedAtMs);
    emit({ event: "sync-file", file: name, bytes: stored.size, durationMs });
  }

  /** Asks again for every file, and fetches what changed meanwhile, until nothing has. */
  async #settle(names: readonly string[]): Promise<void> {
    const { origin } = this.#job;
    for (let round = 1; round <= ROUNDS; round++) {
      const changed: string[] = [];
      await this.#each(names, async (name) => {
        const held = this.#held.get(name) ?? null;
        const state = await origin.ask(name, held, this.#stop.signal);
        if (!isSameVersion(held, state)) changed.push(name);
      });
      if (changed.length === 0) return;
      if (round === ROUNDS) {
        throw new SyncError(
          `${origin.url}: ${changed.join(", ")} changed again and again while the set was fetched, so the ` +
            "orchestrator is being rebuilt. It is tried again later.",
        );
      }
      await this.#each(changed, async (name) =>
        this.#take(name, await origin.get(name, null, this.#stop.signal)),
      );
    }
  }

  async #finish(): Promise<SyncOutcome> {
    const { origin, store, clock } = this.#job;
    const files = [...this.#held.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const manifest = {
      version: 1,
      origin: origin.url,
      createdAt: new Date(clock.wall()).toISOString(),
      files,
    } as const;
    const former = this.#former;
    if (former !== null && !this.#formerIsBroken && sameContent(files, former.manifest.files)) {
      const { createdAt } = former.manifest;
      await store.annotate(former.id, { ...manifest, createdAt });
      return this.#outcome(former.id, false);
    }
    this.#staging ??= store.stage();
    const staging = await this.#staging;
    for (const { name } of files) {
      const kept = this.#fetched.has(name) ? null : (former?.file(name) ?? null);
      if (kept !== null) await staging.share(kept);
    }
    const { id } = await store.publish(staging, manifest);
    return this.#outcome(id, true);
  }

  #outcome(generation: string, changed: boolean): SyncOutcome {
    const fetched = Array.from(this.#fetched, ([file, bytes]) => ({ file, bytes }));
    return { generation, changed, fetched };
  }

  #sameNamesAsFormer(): boolean {
    const { files } = this.#former?.manifest ?? { files: [] };
    return files.length === this.#held.size && files.every(({ name }) => this.#held.has(name));
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
