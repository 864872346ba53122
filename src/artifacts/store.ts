import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { ConfigError, messageOf } from "../lib/errors.ts";
import type { Emit } from "../observe/events.ts";
import { type Generation, generationAt, type KnownSums, readGeneration } from "./generation.ts";
import type { Manifest } from "./manifest.ts";
import { createStaging, onDisk, type Staging, syncPath, writeManifest } from "./staging.ts";

/** A generation's folder: six digits that count up, then when it was completed. */
const generationId = /^(\d{6,})-\d{8}T\d{6}Z$/;

export interface GenerationStoreOptions {
  /** `<dataDir>/artifacts`. One process at a time works in it. */
  readonly directory: string;
  /** How many of the newest generations stay; those in use stay besides. At least 1. */
  readonly keepGenerations: number;
  /** The ids of generations that boots under way still need; asked before any is removed. */
  readonly inUse: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly emit: Emit;
}

/**
 * Reads what is on disk: clears away what an interrupted synchronisation left, passes over every
 * generation that is not whole (event `generation-damaged`), and removes those too many.
 *
 * @throws ConfigError when the directory cannot be used
 */
export async function openGenerationStore(
  options: GenerationStoreOptions,
): Promise<GenerationStore> {
  const { directory, emit } = options;
  const { generations: folder, staging } = foldersOf(directory);
  let names: string[];
  try {
    await mkdir(folder, { recursive: true });
    await mkdir(staging, { recursive: true });
    for (const name of await readdir(staging)) await rm(join(staging, name), removal);
    names = await readdir(folder);
  } catch (error) {
    throw new ConfigError([`dataDir: ${directory} cannot be used: ${messageOf(error)}`]);
  }
  const whole: Generation[] = [];
  const damaged: string[] = [];
  const sums: KnownSums = new Map();
  const ids = names.filter((name) => generationId.test(name)).toSorted(newestFirst);
  for (const id of ids) {
    const generation = await readGeneration(join(folder, id), id, sums);
    if (typeof generation !== "string") whole.push(generation);
    else {
      damaged.push(id);
      emit({ event: "generation-damaged", generation: id, reason: generation });
    }
  }
  const store = new GenerationStore(options, { whole, damaged, sequence: sequenceOf(ids[0]) });
  await store.prune();
  return store;
}

/** The generations on disk. Only `publish` adds one, by one rename; none ever changes. */
export class GenerationStore {
  readonly #options: GenerationStoreOptions;
  /** Newest first. */
  #generations: Generation[];
  /** Folders that were not whole at the start; the next `publish` removes them. */
  #damaged: string[];
  #sequence: number;
  #pruning: Promise<void> = Promise.resolve();

  constructor(
    options: GenerationStoreOptions,
    found: { whole: Generation[]; damaged: string[]; sequence: number },
  ) {
    this.#options = options;
    this.#generations = found.whole;
    this.#damaged = found.damaged;
    this.#sequence = found.sequence;
  }

  /** The newest generation: what a new boot gets. Null until the first synchronisation succeeded. */
  current(): Generation | null {
    return this.#generations[0] ?? null;
  }

  get(id: string): Generation | null {
    return this.#generations.find((generation) => generation.id === id) ?? null;
  }

  /** Newest first. */
  list(): readonly Generation[] {
    return this.#generations;
  }

  /** A new empty folder to gather the next generation in; end it with `publish` or `discard`. */
  async stage(): Promise<Staging> {
    return createStaging(join(foldersOf(this.#options.directory).staging, crypto.randomUUID()));
  }

  /**
   * Makes what was gathered the current generation. After a crash at any moment it is either there
   * as a whole or not at all.
   *
   * @throws SyncError when the disk refuses
   */
  async publish(staging: Staging, manifest: Manifest): Promise<Generation> {
    await staging.seal(manifest);
    const { generations: folder } = foldersOf(this.#options.directory);
    this.#sequence += 1;
    const id = `${String(this.#sequence).padStart(6, "0")}-${compactTime(this.#options.clock.wall())}`;
    const directory = join(folder, id);
    await onDisk("the new generation", rename(staging.directory, directory));
    await syncPath(folder);
    const generation = generationAt(directory, id, manifest);
    this.#generations = [generation, ...this.#generations];
    await this.prune(this.#damaged.splice(0));
    return generation;
  }

  /**
   * Notes what the origin says about files whose content is the same as before (ETag, Last-Modified,
   * its URL). The generation's files and id stay.
   *
   * @throws SyncError when the disk refuses
   */
  async annotate(id: string, manifest: Manifest): Promise<void> {
    const former = this.get(id);
    if (former === null) return;
    await writeManifest(former.directory, manifest);
    const noted = generationAt(former.directory, id, manifest);
    this.#generations = this.#generations.map((one) => (one.id === id ? noted : one));
  }

  async discard(staging: Staging): Promise<void> {
    await rm(staging.directory, removal).catch(() => {});
  }

  /** Removes generations that are neither in use nor among the newest, and the folders of `also`. */
  prune(also: readonly string[] = []): Promise<void> {
    const inUse = this.#options.inUse();
    const spare = this.#generations.filter(
      ({ id }, index) => index >= this.#options.keepGenerations && !inUse.has(id),
    );
    // From here on no new boot can come to need them.
    this.#generations = this.#generations.filter((generation) => !spare.includes(generation));
    const ids = [...spare.map(({ id }) => id), ...also];
    this.#pruning = this.#pruning.then(() => this.#remove(ids));
    return this.#pruning;
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const { generations, staging } = foldersOf(this.#options.directory);
    for (const id of ids) {
      try {
        // Away in one step: half a generation must never be found at the next start.
        await rename(join(generations, id), join(staging, `removed-${id}`));
        await rm(join(staging, `removed-${id}`), removal);
      } catch {
        // It stays on disk, and the next start tries again.
      }
    }
  }

  /** Waits for removals that are under way. */
  async close(): Promise<void> {
    await this.#pruning;
  }
}

const removal = { recursive: true, force: true } as const;

function foldersOf(directory: string): { generations: string; staging: string } {
  return { generations: join(directory, "generations"), staging: join(directory, "staging") };
}

function newestFirst(a: string, b: string): number {
  return sequenceOf(b) - sequenceOf(a);
}

function sequenceOf(id: string | undefined): number {
  return Number(generationId.exec(id ?? "")?.[1] ?? 0);
}

/** `20260512T101500Z` */
function compactTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, "");
}
