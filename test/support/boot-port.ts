import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { LocalBootWay } from "../../src/boot/local-boot.ts";
import type { NodeEntry } from "../../src/boot/node.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { isStage } from "../../src/timeline/stages.ts";
import { type BootAppOptions, createBootApp } from "../../src/http/boot/app.ts";
import type { ServedFile, ServedGeneration } from "../../src/http/boot/content.ts";
import { Admission, type AdmissionLimits } from "../../src/http/connections/admission.ts";
import { Files } from "../../src/http/files/files.ts";
import { type HttpPort, listen, type ListenOptions } from "../../src/http/listen.ts";
import { memoryBlob } from "../../src/lib/blob.ts";
import type { Moment } from "../../src/lib/clock.ts";
import type { EventName, PxeEvent } from "../../src/events/types.ts";

/** The orchestrator's `boot.ipxe`, as short as it can be and still be rewritten. */
export const orchestratorScript = [
  "#!ipxe",
  "set arch x86_64",
  "set download-url https://orchestrator.example/tink-stack",
  "imgfetch ${download-url}/vmlinuz-${arch} || goto error",
  "initrd ${download-url}/initramfs-${arch} || goto error",
  "imgargs vmlinuz-${arch} console=tty0 worker_id=${mac}",
  "boot || goto error",
  ":error",
  "shell",
  "",
].join("\n");

export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A boot port with files in a folder of its own, a clock that stands still, and all events kept. */
export class BootPort {
  readonly folder = mkdtempSync(join(tmpdir(), "eim-pxe-http-"));
  readonly sessions = new BootSessions();
  readonly events: PxeEvent[] = [];
  readonly files: Files;
  /** Who may have a connection, and who was refused one. */
  readonly refused: [address: string, shortage: string][] = [];
  readonly connections: ListenOptions;
  readonly generations = new Map<string, ServedGeneration>();
  readonly app: FastifyInstance;
  currentGeneration: string | null = null;
  nodes: (machine: { mac: string; uuid: string | null }) => NodeEntry | null = () => null;
  /** How machines are sent on to their disk. */
  localBoot: LocalBootWay = "silent";
  nowMs = 1_000_000;
  url = "";
  #port: HttpPort | null = null;
  readonly #waiting: { readonly name: EventName; readonly resolve: (event: PxeEvent) => void }[] =
    [];

  constructor(
    given: Partial<BootAppOptions> = {},
    limits: AdmissionLimits = { connections: 1024, perClient: 1024 },
    queue: number | null = null,
  ) {
    this.files = new Files({
      memoryBytes: 64 * 1024 * 1024,
      maxBytesPerSecond: null,
      queue,
      clock: { now: () => this.nowMs },
    });
    const { app, quick } = createBootApp({
      generations: {
        current: () => this.generations.get(this.currentGeneration ?? "") ?? null,
        get: (id) => this.generations.get(id) ?? null,
      },
      files: this.files,
      loaders: {
        find: (name) => {
          const path = join(this.folder, "loaders", name);
          const found = statSync(path, { throwIfNoEntry: false });
          const loader = { name, path, blob: memoryBlob(new Uint8Array()) };
          return Promise.resolve(found === undefined ? null : loader);
        },
      },
      sessions: this.sessions,
      findNode: (machine) => this.nodes(machine),
      policy: {
        loaders: new Map(),
        userClasses: [],
        unknownNodes: "allow",
        localBoot: () => ({ way: this.localBoot, isAuto: false }),
      },
      script: { kind: "mirror" },
      kernelArgs: [],
      autoexec: true,
      syslog: false,
      baseUrls: new Map(),
      trustedProxies: [],
      smee: null,
      emit: (event) => this.#hear(event),
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
      ...given,
    });
    this.app = app;
    this.connections = {
      admission: new Admission(limits),
      refused: (...refusal) => this.refused.push(refusal),
      quick,
    };
  }

  async open(): Promise<void> {
    this.#port = await listen(this.app, { host: "127.0.0.1", port: 0 }, this.connections);
    this.url = `http://127.0.0.1:${this.#port.port}`;
  }

  async close(): Promise<void> {
    await (this.#port?.close(0) ?? this.app.close());
    this.files.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  write(path: string, content: string | Uint8Array): string {
    const whole = join(this.folder, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, content);
    return whole;
  }

  /** Puts a generation on disk and makes it the current one. */
  addGeneration(id: string, files: Readonly<Record<string, string | Uint8Array>>): void {
    const served = new Map<string, ServedFile>();
    for (const [name, content] of Object.entries(files)) {
      const path = this.write(join(id, name), content);
      served.set(name, { path, size: Buffer.byteLength(content), sha256: sha256(content) });
    }
    this.generations.set(id, { id, file: (name) => served.get(name) ?? null });
    this.currentGeneration = id;
  }

  get moment(): Moment {
    return { nowMs: this.nowMs, wallMs: this.nowMs };
  }

  /** A TCP connection to the port from an address of loopback, for what `fetch` cannot do. */
  connect(from = "127.0.0.1"): Socket {
    return connect({ port: this.#port?.port ?? 0, host: "127.0.0.1", localAddress: from });
  }

  named(name: EventName): PxeEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** The first event of that name, past or to come. */
  event(name: EventName): Promise<PxeEvent> {
    const [first] = this.named(name);
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve) => this.#waiting.push({ name, resolve }));
  }

  #hear(event: PxeEvent): void {
    this.events.push(event);
    if (isStage(event.event) && "mac" in event) {
      const generation = "generation" in event ? event.generation : null;
      const { mac, address } = event;
      this.sessions.record(event.event, { mac, address, generation }, {}, this.moment);
    }
    for (const { name, resolve } of this.#waiting) if (name === event.event) resolve(event);
  }
}
