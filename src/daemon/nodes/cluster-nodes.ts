import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Emit } from "../../events/types.ts";
import { messageOf } from "../../lib/errors.ts";
import { inTurns } from "../../lib/lists/turns.ts";
import { HardwareObjects, objectMeta } from "../../nodes/hardware-objects.ts";
import { createInventory, type Inventory, InventoryBuilder } from "../../nodes/inventory.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { ClusterError, getJson, getLines } from "../kubernetes/cluster-request.ts";
import { Repeatable } from "../settings/reload.ts";
import { keepHardware, restoreHardware } from "./kept-hardware.ts";

const GROUP = "/apis/tinkerbell.org";
const versions = ["v1alpha1", "v1alpha2"] as const;
/** The API server's own default for a page of kubectl. */
const PAGE = 500;
/** Objects that are read in one turn of the event loop, some milliseconds. */
const IN_ONE_TURN = 20;
/** Objects that are gathered, and entries that are indexed, each some microseconds. */
const GATHERED_IN_ONE_TURN = 1000;
const INDEXED_IN_ONE_TURN = 2000;
/** The API server ends a watch after this time, and it goes on with the next one. */
const WATCH_SECONDS = 300;
const GONE = 410;
/** Changes are taken up together: a rollout of a thousand objects is one. */
const SETTLE_MS = 200;
const BACKOFF_MS = [1000, 2000, 5000, 10_000, 30_000] as const;
const group = z.looseObject({
  versions: z.array(z.looseObject({ version: z.string() })),
  preferredVersion: z.looseObject({ version: z.string() }).nullish(),
});
const list = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string().default(""),
    continue: z.string().nullish(),
  }),
  items: z.array(z.unknown()),
});
const change = z.looseObject({
  type: z.string(),
  object: z.looseObject({
    metadata: z.looseObject({ resourceVersion: z.string().default("") }).nullish(),
    code: z.number().nullish(),
    message: z.string().nullish(),
  }),
});

export interface ClusterNodesParts {
  readonly access: ClusterAccess;
  readonly dataDir: string;
  /** In milliseconds; default: 1 to 30 s. */
  readonly backoffMs?: readonly number[];
}

/** Who is told what is found. */
export interface ClusterFollower {
  readonly use: (inventory: Inventory) => void;
  readonly emit: Emit;
}

/** A watch that lasted so long was none that fails at once. */
const LASTING_MS = 1000;

/**
 * The nodes of a Kubernetes cluster: its `Hardware` objects, listed once and watched from then on. While the API
 * server is away the last known ones stay in force, also over a restart.
 */
export class ClusterNodes {
  readonly #parts: ClusterNodesParts;
  readonly #objects = new HardwareObjects();
  readonly #stopping = new AbortController();
  readonly #problems = new Set<string>();
  #version: (typeof versions)[number] | null = null;
  #follower: ClusterFollower = { use: () => {}, emit: () => {} };
  /** Attempts in a row that failed, or whose watch ended at once. */
  #failures = 0;
  /** It was reported that the API server is away. */
  #isAway = false;
  /** It answers again, and nothing was listed anew since. */
  #isBack = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  readonly #takingUp = new Repeatable(() => this.#takeUp());

  constructor(parts: ClusterNodesParts) {
    this.#parts = parts;
  }

  /** What an earlier run knew; null: nothing. Never rejects. */
  async restore(): Promise<Inventory | null> {
    const { dataDir } = this.#parts;
    const isKept = await restoreHardware(this.#objects, dataDir);
    return isKept ? createInventory(this.#objects.all().entries) : null;
  }

  /** Begins to follow the cluster. */
  follow(follower: ClusterFollower): void {
    this.#follower = follower;
    this.#running ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    clearTimeout(this.#timer);
    await this.#takingUp.idle();
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    let from: string | null = null;
    while (!signal.aborted) {
      try {
        from ??= await this.#list();
        from = await this.#watch(from);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ClusterError) || error.status !== GONE) {
          await this.#away(messageOf(error));
          continue;
        }
        // The API server has forgotten what was before: everything is listed anew, at once if that is the first time.
        from = null;
        if (this.#failures > 0 && !this.#isBack) await this.#pause();
        this.#isBack = false;
        this.#failures += 1;
      }
    }
  }

  async #away(reason: string): Promise<void> {
    this.#isAway = true;
    const source = { source: this.#parts.access.server, nodes: this.#objects.size };
    this.#follower.emit({ event: "nodes-source-away", ...source, reason });
    await this.#pause();
    this.#failures += 1;
  }

  /** Waits the longer the more attempts have failed. Never rejects. */
  async #pause(): Promise<void> {
    const { backoffMs = BACKOFF_MS } = this.#parts;
    const waitMs = backoffMs[Math.min(this.#failures, backoffMs.length - 1)] ?? 1000;
    await sleep(waitMs, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
  }

  #back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    // A server that has started anew has often forgotten what it had listed (410): that is asked for at once.
    this.#isBack = true;
    const source = { source: this.#parts.access.server, nodes: this.#objects.size };
    this.#follower.emit({ event: "nodes-source-back", ...source });
  }

  /** Lists everything; resolves with the version from which to watch. */
  async #list(): Promise<string> {
    const { access } = this.#parts;
    const { signal } = this.#stopping;
    const path = await this.#path();
    const found = new Set<string>();
    let page = "";
    for (;;) {
      const query = new URLSearchParams({
        limit: String(PAGE),
        ...(page === "" ? {} : { continue: page }),
      });
      const read = list.parse(await getJson(access, `${path}?${query.toString()}`, { signal }));
      for (const [index, item] of read.items.entries()) {
        if (index % IN_ONE_TURN === IN_ONE_TURN - 1) await nextTurn();
        // Items of a list do not say what they are; the list does.
        const object = { apiVersion: `tinkerbell.org/${this.#version ?? ""}`, ...asObject(item) };
        const { metadata } = objectMeta.parse(object);
        found.add(`${metadata.namespace}/${metadata.name}`);
        this.#objects.put(object);
      }
      page = read.metadata.continue ?? "";
      if (page !== "") continue;
      this.#objects.keepOnly(found);
      await this.#takingUp.run();
      return read.metadata.resourceVersion;
    }
  }

  /** Follows the changes since a version until the API server ends the answer; resolves with the version to go on from. */
  async #watch(since: string): Promise<string> {
    const { access } = this.#parts;
    const query = new URLSearchParams({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: since,
      timeoutSeconds: String(WATCH_SECONDS),
    });
    const path = `${await this.#path()}?${query.toString()}`;
    const silentMs = (WATCH_SECONDS + 30) * 1000;
    let from = since;
    let changes = 0;
    const startedAt = performance.now();
    const isLasting = () => performance.now() - startedAt >= LASTING_MS;
    const { signal } = this.#stopping;
    const reading = { signal, silentMs, opened: () => this.#back() };
    try {
      for await (const line of getLines(access, path, reading)) {
        if (line.trim() === "") continue;
        const raw: unknown = JSON.parse(line);
        const { type, object } = change.parse(raw);
        if (type === "ERROR") {
          throw new ClusterError(object.code ?? 0, object.message ?? "the watch was ended");
        }
        from = object.metadata?.resourceVersion ?? from;
        if (type === "BOOKMARK") continue;
        if (type === "DELETED") this.#objects.remove(object);
        else this.#objects.put({ apiVersion: `tinkerbell.org/${this.#version ?? ""}`, ...object });
        this.#takeUpSoon();
        if (++changes % IN_ONE_TURN === 0) await nextTurn();
      }
    } finally {
      // One that may be opened and ends at once is not asked again without a pause.
      if (isLasting()) this.#failures = 0;
    }
    if (!isLasting()) {
      await this.#pause();
      this.#failures += 1;
    }
    return from;
  }

  #takeUpSoon(): void {
    this.#timer ??= setTimeout(() => void this.#takingUp.run(), SETTLE_MS);
  }

  async #path(): Promise<string> {
    this.#version ??= await this.#findVersion();
    const { namespace } = this.#parts.access;
    const within = namespace === null ? "" : `/namespaces/${namespace}`;
    return `${GROUP}/${this.#version}${within}/hardware`;
  }

  async #findVersion(): Promise<(typeof versions)[number]> {
    try {
      const read = group.parse(
        await getJson(this.#parts.access, GROUP, { signal: this.#stopping.signal }),
      );
      const served = [read.preferredVersion, ...read.versions].map((one) => one?.version);
      return versions.find((one) => one === served.find((name) => isVersion(name))) ?? versions[0];
    } catch (error) {
      // Who may list Hardware may not always look at the group.
      if (error instanceof ClusterError && [403, 404].includes(error.status)) return versions[0];
      throw error;
    }
  }

  /** Never rejects. What comes into force is what was known at one moment, all at once. */
  async #takeUp(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { use, emit } = this.#follower;
    try {
      const { entries, problems } = await inTurns(
        this.#objects.gather(),
        GATHERED_IN_ONE_TURN,
        nextTurn,
      );
      const inventory = new InventoryBuilder();
      for (let at = 0; at < entries.length; at += INDEXED_IN_ONE_TURN) {
        inventory.add(entries.slice(at, at + INDEXED_IN_ONE_TURN));
        await nextTurn();
      }
      use(inventory.done());
      for (const reason of problems) {
        if (!this.#problems.has(reason)) emit({ event: "node-unusable", reason });
      }
      this.#problems.clear();
      for (const reason of problems) this.#problems.add(reason);
    } catch (error) {
      emit({ event: "node-unusable", reason: messageOf(error) });
    }
    await this.#keep();
  }

  async #keep(): Promise<void> {
    try {
      await keepHardware(this.#objects, this.#parts.dataDir);
    } catch (error) {
      this.#follower.emit({ event: "nodes-unkept", reason: messageOf(error) });
    }
  }
}

function isVersion(name: string | undefined): boolean {
  return versions.some((one) => one === name);
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
