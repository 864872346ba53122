import { copyFile, link, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replaceFile, syncPath } from "../../lib/atomic-file.ts";
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, messageOf, SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { onDisk, requireRoom, type StoredFile, writeManifest } from "./disk.ts";
import {
  type Generation,
  generationAt,
  generationId,
  type KnownSums,
  newestFirst,
  readGeneration,
  sequenceOf,
  wrongWith,
} from "./generation.ts";
import { Incoming } from "./partial-downloads.ts";
import { type Manifest, manifestEntry } from "./manifest.ts";
import { recallSums, rememberSums } from "./remembered-sums.ts";

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

interface Found {
  /** Newest first. */
  readonly whole: readonly Generation[];
  /** Folders that were not whole; the next `publish` removes them. */
  readonly damaged: readonly string[];
  readonly sequence: number;
  readonly pinned: string | null;
  readonly incoming: Incoming;
}

/**
 * Reads what is on disk: clears away what an interrupted synchronisation left that is of no use, passes
 * over every generation that is not whole (event `generation-damaged`), and removes those too many.
 *
 * @throws ConfigError when the directory cannot be used
 */
export async function openGenerationStore(
  options: GenerationStoreOptions,
): Promise<GenerationStore> {
  const { directory, emit } = options;
  const { generations: folder, staging, incoming: incomingFolder, pin } = foldersOf(directory);
  let names: string[];
  let incoming: Incoming;
  try {
    await mkdir(folder, { recursive: true });
    await mkdir(staging, { recursive: true });
    for (const name of await readdir(staging)) {
      // What is another user's cannot be removed; it is in nobody's way.
      await rm(join(staging, name), removal).catch(() => {});
    }
    names = await readdir(folder);
    incoming = await Incoming.open(incomingFolder);
  } catch (error) {
    throw new ConfigError([`dataDir: ${directory} cannot be used: ${messageOf(error)}`]);
  }
  const whole: Generation[] = [];
  const damaged: string[] = [];
  const nowMs = options.clock.wall();
  const remembered = await recallSums(directory, nowMs);
  const { sums } = remembered;
  const recalled = sums.size;
  const ids = names.filter((name) => generationId.test(name)).toSorted(newestFirst);
  for (const id of ids) {
    const found = await readGeneration(join(folder, id), id, sums);
    if (found.kind !== "whole") emit(wrongWith(id, found));
    if (found.kind !== "damaged") {
      if (found.generation !== null) whole.push(found.generation);
    } else {
      damaged.push(id);
      // What is intact of a newer generation than all that are whole need not be fetched again.
      if (whole.length === 0) await incoming.salvage(found);
    }
  }
  if (sums.size > recalled) await rememberSums(directory, remembered, nowMs);
  const wanted = (await readFile(pin, "utf8").catch(() => "")).trim();
  const pinned = whole.some(({ id }) => id === wanted) ? wanted : null;
  const sequence = sequenceOf(ids[0]);
  const store = new GenerationStore(options, { whole, damaged, sequence, pinned, incoming });
  await store.prune();
  return store;
}

/** The generations on disk. Only `publish` adds one, by one rename; none ever changes. */
export class GenerationStore {
  /** What is on its way into the next generation. */
  readonly incoming: Incoming;
  readonly #options: GenerationStoreOptions;
  #generations: readonly Generation[];
  #damaged: string[];
  #sequence: number;
  #pinned: string | null;
  #pruning: Promise<void> = Promise.resolve();

  constructor(options: GenerationStoreOptions, found: Found) {
    this.incoming = found.incoming;
    this.#options = options;
    this.#generations = found.whole;
    this.#damaged = [...found.damaged];
    this.#sequence = found.sequence;
    this.#pinned = found.pinned;
  }

  /** What a new boot gets: the pinned generation, else the newest. Null until the first synchronisation succeeded. */
  current(): Generation | null {
    return (this.#pinned === null ? null : this.get(this.#pinned)) ?? this.latest();
  }

  /** The newest generation, whether it is served or not. */
  latest(): Generation | null {
    return this.#generations[0] ?? null;
  }

  get(id: string): Generation | null {
    return this.#generations.find((generation) => generation.id === id) ?? null;
  }

  /** Newest first. */
  list(): readonly Generation[] {
    return this.#generations;
  }

  /** The id that is served whatever comes; null when it is the newest that is served. */
  get pinned(): string | null {
    return this.#pinned;
  }

  /**
   * Serves this generation from now on, also after a restart; null: the newest again.
   *
   * @throws SyncError when there is no such generation, or the disk refuses
   */
  async pin(id: string | null, by = "eim-pxe artifacts"): Promise<void> {
    if (id !== null && this.get(id) === null) {
      const there = this.#generations.map((one) => one.id).join(", ");
      throw new SyncError(`there is no generation ${id}; there are: ${there || "none"}`);
    }
    const { pin } = foldersOf(this.#options.directory);
    await onDisk("the pin", id === null ? rm(pin, removal) : replaceFile(pin, `${id}\n`));
    this.#pinned = id;
    this.#options.emit({ event: "generation-pinned", generation: id, by });
  }

  /**
   * Makes a generation of these files and, unless another one is pinned, the current one. Files that a
   * generation has already are shared with it. After a crash at any moment it is either there as a
   * whole or not at all.
   *
   * @throws SyncError when the disk refuses
   */
  async publish(
    files: readonly StoredFile[],
    about: Pick<Manifest, "origin" | "createdAt">,
  ): Promise<Generation> {
    const { generations: folder, staging } = foldersOf(this.#options.directory);
    const next = join(staging, `next-${crypto.randomUUID()}`);
    const manifest: Manifest = { version: 1, ...about, files: files.map(manifestEntry) };
    this.#sequence += 1;
    const id = `${String(this.#sequence).padStart(6, "0")}-${compactTime(this.#options.clock.wall())}`;
    const directory = join(folder, id);
    try {
      for (const file of files) await this.#place(file, join(next, file.name));
      await writeManifest(next, manifest);
      const folders = new Set(files.map(({ name }) => dirname(join(next, name))));
      for (const one of folders) await syncPath(one);
      await onDisk("the new generation", rename(next, directory));
      await syncPath(folder);
    } catch (error) {
      await rm(next, removal).catch(() => {});
      throw error;
    }
    const generation = generationAt(directory, id, manifest);
    this.#generations = [generation, ...this.#generations];
    await this.prune(this.#damaged.splice(0));
    return generation;
  }

  /** By a hard link, or by a copy where there are none; to a file of a generation with the same content if there is one. */
  async #place(file: StoredFile, target: string): Promise<void> {
    await onDisk(file.name, mkdir(dirname(target), { recursive: true }));
    const twin = this.#generations
      .flatMap((generation) => generation.manifest.files.map(({ name }) => generation.file(name)))
      .find((one) => one?.sha256 === file.sha256 && one.size === file.size);
    for (const { path } of twin ? [twin, file] : [file]) {
      try {
        await link(path, target);
        return;
      } catch {
        // Another file system, or one without hard links, or the twin is gone.
      }
    }
    await requireRoom(dirname(target), file.name, file.size);
    await onDisk(file.name, copyFile(file.path, target));
    await syncPath(target);
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

  /**
   * Reads every byte of every generation again. What is not whole any more is no longer served (event
   * `generation-damaged`).
   *
   * @returns what is wrong with each that is damaged, by id
   */
  async verify(): Promise<ReadonlyMap<string, string>> {
    const problems = new Map<string, string>();
    const sums: KnownSums = new Map();
    const startedMs = this.#options.clock.wall();
    for (const { id, directory } of this.#generations) {
      const found = await readGeneration(directory, id, sums);
      // It may have been pruned meanwhile.
      if (found.kind === "whole" || this.get(id) === null) continue;
      this.#options.emit(wrongWith(id, found));
      if (found.kind === "unread") continue;
      if (id === this.latest()?.id) await this.incoming.salvage(found);
      problems.set(id, found.reason);
      this.#generations = this.#generations.filter((one) => one.id !== id);
      this.#damaged.push(id);
    }
    const nowMs = this.#options.clock.wall();
    await rememberSums(this.#options.directory, { sums, sinceMs: startedMs }, nowMs);
    return problems;
  }

  /** Removes generations that are neither in use, nor pinned, nor among the newest, and the folders of `also`. */
  prune(also: readonly string[] = []): Promise<void> {
    const inUse = this.#options.inUse();
    const spare = this.#generations.filter(
      ({ id }, index) =>
        index >= this.#options.keepGenerations && !inUse.has(id) && id !== this.#pinned,
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

function foldersOf(directory: string) {
  return {
    generations: join(directory, "generations"),
    staging: join(directory, "staging"),
    incoming: join(directory, "incoming"),
    pin: join(directory, "pinned"),
  };
}

/** `20260512T101500Z` */
function compactTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, "");
}
