import type { LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import { flavourOf } from "../../boot/smee-layout.ts";
import type { Config } from "../../config/schema.ts";
import type { Emit } from "../../events/types.ts";
import { createBootApp } from "../../http/boot/app.ts";
import type { RemoteImages } from "../../http/boot/content.ts";
import type { Files } from "../../http/files/files.ts";
import { type HttpEndpoint, type HttpPort, listen } from "../../http/listen.ts";
import { loadAcceptWaiting } from "../../net/batches/waiting-connections.ts";
import { printable } from "../../lib/bytes.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Ip4, parseIp4 } from "../../lib/ip4.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { openHttpFiles } from "../content/http-files.ts";
import { httpAssets } from "../content/http-assets.ts";
import type { SiteAssets } from "../content/site-assets.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import { isoOf, scriptOf, takesUsualSyslog } from "../settings/boot-settings.ts";
import type { ServerCertificate } from "../settings/tls-files.ts";
import { BootCertificate } from "./boot-certificate.ts";
import { HttpConnections } from "./http-connections.ts";
import type { Opened } from "./link-supervisor.ts";

export interface BootPortParts {
  readonly config: Config;
  readonly store: GenerationStore;
  readonly loaders: LoaderStore;
  /** Null: there is no folder of assets. */
  readonly assets: SiteAssets | null;
  readonly sessions: BootSessions;
  readonly nodes: NodesInForce;
  /** At the same time, at all addresses. */
  readonly maxConnections: number;
  /** Bytes of memory that this process could still take. */
  readonly availableMemory: () => number;
  /** How images of other servers are fetched. */
  readonly remoteImages: RemoteImages;
  /** As it was read at the start; null: no TLS. */
  readonly certificate: ServerCertificate | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The HTTP port that machines see, at each address of ours. */
export class BootPort {
  readonly connections: HttpConnections;
  readonly #parts: BootPortParts;
  readonly #files: Files;
  /** By an address of ours, the base URL that machines are told where they reach it by another one. */
  readonly #baseUrls = new Map<Ip4, string>();
  /** Null: no TLS. */
  readonly #tls: { readonly port: number; readonly identity: BootCertificate } | null;
  #port: number;

  constructor(parts: BootPortParts) {
    const { config, certificate, maxConnections, availableMemory, emit, clock } = parts;
    const { tls } = config.http;
    this.#parts = parts;
    this.#port = config.http.port;
    this.#tls =
      tls === null || certificate === null
        ? null
        : {
            port: tls.port,
            identity: new BootCertificate({ files: tls, certificate, emit, clock }),
          };
    this.connections = new HttpConnections({
      port: "boot",
      connections: maxConnections,
      proxies: config.http.trustedProxies,
      emit,
      clock,
    });
    const admission = this.connections.limits;
    this.#files = openHttpFiles({ config, availableMemory, admission, emit, clock });
  }

  /** As configured, or as it was really taken on the first address. */
  get port(): number {
    return this.#port;
  }

  /** Ours as machines are told it that reach this address of ours. */
  baseUrl(address: Ip4): string {
    return this.#baseUrls.get(address) ?? `http://${address}:${this.#port}`;
  }

  /**
   * Plain HTTP, and TLS beside it where it is configured. Throws `BindError`; nothing stays open then.
   *
   * @param advertised what machines are told instead of the address; null: the address itself
   */
  async open(address: Ip4, advertised: Ip4 | null): Promise<Opened> {
    const plain = await this.#listen({ host: address, port: this.#port }, null);
    // Where any free port will do, the first one is it for all addresses.
    this.#port = plain.port;
    if (advertised === null) this.#baseUrls.delete(address);
    else this.#baseUrls.set(address, `http://${advertised}:${this.#port}`);
    const sockets = [`http ${plain.host}:${plain.port}`];
    if (this.#tls === null) return { sockets, close: (graceMs) => plain.close(graceMs) };
    const { port, identity } = this.#tls;
    try {
      const secure = await this.#listen({ host: address, port }, identity);
      identity.served(address);
      return {
        sockets: [...sockets, `https ${secure.host}:${secure.port}`],
        close: async (graceMs) => {
          await Promise.all([plain.close(graceMs), secure.close(graceMs)]);
        },
      };
    } catch (error) {
      await plain.close(0);
      throw error;
    }
  }

  /** Reads the certificate's files again. */
  reloadCertificate(): void {
    this.#tls?.identity.reload();
  }

  async #listen(at: HttpEndpoint, identity: BootCertificate | null): Promise<HttpPort> {
    const { config, store, loaders, assets, sessions, nodes, remoteImages, emit, clock } =
      this.#parts;
    const { compatibility } = config.dhcp;
    const { app, quick } = createBootApp({
      generations: store,
      loaders,
      assets: httpAssets(config, { store, sessions, nodes, assets, clock }),
      files: this.#files,
      sessions,
      findNode: nodes.find,
      policy: nodes.policy,
      kernelArgs: config.boot.kernelArgs,
      script: scriptOf(config),
      imgverify: config.boot.imgverify,
      autoexec: config.boot.path === "mirror",
      syslog: takesUsualSyslog(config),
      baseUrls: this.#baseUrls,
      trustedProxies: config.http.trustedProxies,
      iso: isoOf(config, remoteImages),
      smee: compatibility === "standard" ? null : flavourOf(compatibility),
      emit,
      clock,
    });
    const failed = (client: string, reason: string): void => {
      emit({
        event: "tls-failed",
        mac: null,
        address: parseIp4(client),
        reason: printable(reason, 256),
      });
    };
    const tls = identity === null ? null : { identity, failed };
    const acceptWaiting = await loadAcceptWaiting();
    return listen(app, at, { ...this.connections.listenOptions, quick, acceptWaiting, tls });
  }

  /** To be called when all addresses are closed. */
  close(): void {
    this.#tls?.identity.close();
    this.#files.close();
  }
}
