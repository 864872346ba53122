import { type BlobSource, memoryBlob } from "../../src/lib/blob.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { EventName, PxeEvent } from "../../src/events/types.ts";
import {
  startTftpServer,
  type TftpFile,
  type TftpLimits,
  type TftpServer,
  type TftpServerOptions,
} from "../../src/tftp/server/tftp-server.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";

export const limits: TftpLimits = {
  maxBlockSize: 1468,
  maxWindowSize: 64,
  maxTransfers: 1000,
  dataPorts: null,
  singlePort: false,
};

/** A TFTP server with files in memory that remembers what it was asked and what it reported. */
export class TestServer {
  readonly server: TftpServer;
  readonly #watch: Watch;

  private constructor(server: TftpServer, watch: Watch) {
    this.server = server;
    this.#watch = watch;
  }

  static async start(
    files: Readonly<Record<string, Uint8Array | BlobSource>>,
    options: Partial<Omit<TftpServerOptions, "limits">> & {
      readonly openUdp: TftpServerOptions["openUdp"];
      readonly limits?: Partial<TftpLimits>;
    },
  ): Promise<TestServer> {
    const watch = new Watch(files);
    const server = await startTftpServer({
      addresses: ["127.0.0.1"],
      port: 0,
      find: (name) => Promise.resolve(watch.find(name)),
      emit: (event) => watch.emit(event),
      clock: systemClock,
      ...options,
      limits: { ...limits, ...options.limits },
    });
    return new TestServer(server, watch);
  }

  get endpoint(): UdpEndpoint {
    const [endpoint] = this.server.endpoints;
    if (endpoint === undefined) throw new Error("the server listens nowhere");
    return endpoint;
  }

  get events(): readonly PxeEvent[] {
    return this.#watch.events;
  }

  get eventNames(): readonly string[] {
    return this.#watch.events.map(({ event }) => event);
  }

  /** The names that were looked up. */
  get asked(): readonly string[] {
    return this.#watch.asked;
  }

  /** Blobs that were handed out and not closed again. */
  get openBlobs(): number {
    return this.#watch.openBlobs;
  }

  /** Resolves with the first event of this name, past or future. */
  event(name: EventName): Promise<PxeEvent> {
    return this.#watch.event(name);
  }

  close(graceMs = 0): Promise<void> {
    return this.server.close(graceMs);
  }
}

class Watch {
  readonly events: PxeEvent[] = [];
  readonly asked: string[] = [];
  openBlobs = 0;
  readonly #files: Readonly<Record<string, Uint8Array | BlobSource>>;
  readonly #waiting = new Map<EventName, ((event: PxeEvent) => void)[]>();

  constructor(files: Readonly<Record<string, Uint8Array | BlobSource>>) {
    this.#files = files;
  }

  find(name: string): TftpFile | null {
    this.asked.push(name);
    const content = this.#files[name];
    if (content === undefined) return null;
    const blob = content instanceof Uint8Array ? memoryBlob(content) : content;
    this.openBlobs += 1;
    const close = (): Promise<void> => {
      this.openBlobs -= 1;
      return blob.close();
    };
    const kind = name.endsWith(".ipxe") ? "script" : "loader";
    const { size } = blob;
    const read: BlobSource["read"] = (offset, length) => blob.read(offset, length);
    return { name, kind, blob: { size, read, close } };
  }

  emit(event: PxeEvent): void {
    this.events.push(event);
    for (const resolve of this.#waiting.get(event.event) ?? []) resolve(event);
    this.#waiting.delete(event.event);
  }

  event(name: EventName): Promise<PxeEvent> {
    const past = this.events.find(({ event }) => event === name);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }
}
