import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Generation } from "../../src/artifacts/store/generation.ts";
import { createMirror, type Mirror, type MirrorOptions } from "../../src/artifacts/sync/mirror.ts";
import {
  createOrigin,
  type Origin,
  type OriginOptions,
} from "../../src/artifacts/origin/origin.ts";
import { sourceOf } from "../../src/artifacts/origin/trusted-origin.ts";
import {
  type GenerationStore,
  openGenerationStore,
} from "../../src/artifacts/store/generation-store.ts";
import { type Certificate, makeCertificate } from "../../src/lib/certificate.ts";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { type Content, type Orchestrator, startOrchestrator } from "../../src/demo/orchestrator.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { InternalError, SyncError } from "../../src/lib/errors.ts";
import type { EventName, PxeEvent } from "../../src/events/types.ts";
import { noProxies } from "../../src/artifacts/origin/proxy.ts";

export const mirrored = ["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64"];

/** A small set of the orchestrator's files; another `seed` gives another release of them. */
export function release(seed: string): Map<string, Content> {
  const { kernel, initramfs } = makeMicroOs({ kernelBytes: 40_000, initramfsBytes: 900_000, seed });
  const script = orchestratorBootScript("https://tinkerbell-haproxy.example.com/tink-stack");
  return new Map<string, Content>([
    ["boot.ipxe", Buffer.from(`${script}# release ${seed}\n`)],
    ["vmlinuz-x86_64", kernel],
    ["initramfs-x86_64", initramfs],
  ]);
}

/** Keeps events, and waits for those to come. */
export class EventLog {
  readonly all: PxeEvent[] = [];
  readonly #waiting: { readonly test: (event: PxeEvent) => boolean; readonly done: () => void }[] =
    [];

  readonly emit = (event: PxeEvent): void => {
    this.all.push(event);
    for (const { test, done } of this.#waiting) if (test(event)) done();
  };

  names(): EventName[] {
    return this.all.map(({ event }) => event);
  }

  named<Name extends EventName>(name: Name): Extract<PxeEvent, { event: Name }>[] {
    return this.all.filter(
      (event): event is Extract<PxeEvent, { event: Name }> => event.event === name,
    );
  }

  /** Waits until an event of that name has come so often. */
  async count(name: EventName, times: number): Promise<void> {
    while (this.named(name).length < times) {
      await new Promise<void>((done) => {
        this.#waiting.push({ test: ({ event }) => event === name, done });
      });
    }
  }
}

/** An orchestrator and a site that mirrors it, in a folder of its own. */
export class MirrorSite {
  readonly events = new EventLog();
  /** Ids of generations that boots under way need. */
  readonly inUse = new Set<string>();
  readonly folder: string;
  readonly certificate: Certificate;
  readonly orchestrator: Orchestrator;
  /** How long the mirror would have waited, each time; it does not. */
  readonly pauses: number[] = [];
  readonly #closers: (() => Promise<unknown>)[] = [];

  readonly pause = (ms: number): Promise<void> => {
    this.pauses.push(ms);
    return Promise.resolve();
  };

  constructor(folder: string, certificate: Certificate, orchestrator: Orchestrator) {
    this.folder = folder;
    this.certificate = certificate;
    this.orchestrator = orchestrator;
  }

  static async open(files: ReadonlyMap<string, Content> = release("1")): Promise<MirrorSite> {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-artifacts-"));
    const certificate = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
    return new MirrorSite(folder, certificate, await startOrchestrator({ files, certificate }));
  }

  async openStore(
    keepGenerations = 2,
    inUse: () => ReadonlySet<string> = () => this.inUse,
  ): Promise<GenerationStore> {
    const store = await openGenerationStore({
      directory: join(this.folder, "artifacts"),
      keepGenerations,
      inUse,
      clock: systemClock,
      emit: this.events.emit,
    });
    this.#closers.push(() => store.close());
    return store;
  }

  originOptions(changes: Partial<OriginOptions> = {}): OriginOptions {
    return {
      url: this.orchestrator.url(),
      ca: { pem: this.certificate.cert, file: "Full_server.crt" },
      proxy: null,
      environment: noProxies,
      stallTimeoutMs: 5_000,
      ...changes,
    };
  }

  mirror(
    store: GenerationStore,
    changes: Partial<MirrorOptions> & { readonly originOptions?: Partial<OriginOptions> } = {},
  ): Mirror {
    const mirror = createMirror({
      sources: [sourceOf(createOrigin(this.originOptions(changes.originOptions)))],
      store,
      files: mirrored,
      sha256: {},
      intervalMs: 3_600_000,
      emit: this.events.emit,
      clock: systemClock,
      pause: this.pause,
      ...changes,
    });
    this.atEnd(() => mirror.close());
    return mirror;
  }

  origin(changes: Partial<OriginOptions> = {}): Origin {
    const origin = createOrigin(this.originOptions(changes));
    this.atEnd(() => origin.close());
    return origin;
  }

  /** Something to be closed before the site is. */
  atEnd(close: () => Promise<unknown>): void {
    this.#closers.unshift(close);
  }

  /** What lies in the folders of generations to come. */
  async staging(): Promise<string[]> {
    const inside = (name: string) => readdir(join(this.folder, "artifacts", name));
    return [...(await inside("staging")), ...(await inside("incoming"))];
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
    await this.orchestrator.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What a generation really holds on disk: names and checksums, in the order of names. */
export async function held(generation: Generation | null): Promise<[string, string][]> {
  const names = generation?.manifest.files.map(({ name }) => name) ?? [];
  const files = names.map(
    async (name) => [name, await readFile(generation?.file(name)?.path ?? "")] as const,
  );
  return sums(new Map(await Promise.all(files)));
}

export function sums(files: ReadonlyMap<string, string | Uint8Array>): [string, string][] {
  const sum = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");
  return [...files]
    .map(([name, content]): [string, string] => [name, sum(content)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The message of the `SyncError` that `work` ends in; fails when it ends in anything else. */
export async function syncFailure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (error instanceof SyncError) return error.message;
  throw new InternalError(`no SyncError but ${String(error)}`);
}

/** What is fetched, whole; or the state where there is no body. */
export async function fetchWhole(from: Origin, name = "boot.ipxe"): Promise<Buffer | string> {
  const answer = await from.get(name, null, new AbortController().signal);
  if (answer.kind !== "body") return answer.kind;
  const chunks: Uint8Array[] = [];
  for await (const batch of answer.chunks) chunks.push(...batch);
  return Buffer.concat(chunks);
}

/** A port of loopback on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}
