import { createLoaderStore, type LoaderStore } from "../artifacts/loaders.ts";
import type { Mirror } from "../artifacts/mirror.ts";
import { type GenerationStore, openGenerationStore } from "../artifacts/store.ts";
import { type BootPolicy, denialOf, planBoot } from "../boot/policy.ts";
import { BootSessions } from "../boot/session.ts";
import type { TraceContext } from "../boot/trace.ts";
import { WayTable } from "../boot/ways.ts";
import { type Config, splitListen } from "../config/schema.ts";
import { type Journal, openJournal } from "../dhcp/journal.ts";
import { isActive, LeaseTable } from "../dhcp/leases.ts";
import type { Link } from "../dhcp/link.ts";
import { type DhcpServer, startDhcpServer } from "../dhcp/server.ts";
import { createAdminApp } from "../http/admin-app.ts";
import { createBootApp } from "../http/boot-app.ts";
import { closeApp, type HttpEndpoint, listen } from "../http/server.ts";
import type { Clock } from "../lib/clock.ts";
import { ConfigError, InternalError, messageOf, SyncError } from "../lib/errors.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { DeviceSocket } from "../net/device-socket.ts";
import { openDgram } from "../net/dgram.ts";
import { openTransferUdp } from "../net/transfer-socket.ts";
import { formatEndpoint, type UdpSocket } from "../net/udp.ts";
import type { Inventory } from "../nodes/inventory.ts";
import type { Logger } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { Reporter } from "../observe/reporter.ts";
import { startTftpServer } from "../tftp/server.ts";
import { artifactFolder, findTftpFile, mirrorFor } from "./artifacts.ts";
import type { Settings } from "./configuration.ts";
import type { ServedLink } from "./links.ts";
import { policyOf, smeeOf } from "./policy.ts";
import type { ProxyEnvironment } from "./program.ts";
import { type Readiness, ReadinessWatch } from "./readiness.ts";
import { WayKeeper } from "./ways.ts";

/** What differs between a server on a site and the demo's on loopback. */
export interface ServiceOptions {
  readonly settings: Settings;
  readonly links: readonly ServedLink[];
  /** Opens the socket of a link's DHCP port. */
  readonly openDhcpSocket: (link: Link, port: number) => Promise<LinkSocket>;
  readonly dhcpPorts: { readonly server: number; readonly bootServer: number };
  readonly proxyEnvironment: ProxyEnvironment;
  /** What SMEE's reservations are traced by, in its compatibilities. */
  readonly trace: TraceContext | null;
  readonly log: Logger;
  readonly clock: Clock;
  /** Tells this run of the program from every other. */
  readonly instance: string;
}

/** A socket on one link; `means` tells how the link is told apart from others, where there could be any. */
export type LinkSocket = UdpSocket & Partial<Pick<DeviceSocket, "means">>;

export interface Services {
  readonly reporter: Reporter;
  readonly sessions: BootSessions;
  readonly mirror: Mirror | null;
  /** Base URL of the admin port. */
  readonly adminUrl: string;
  /** As it was really taken on the first link; null when TFTP is switched off. */
  readonly tftpPort: number | null;
  readonly readiness: () => Readiness;
  /** Takes another inventory of nodes into force. */
  useInventory(inventory: Inventory): void;
  /** Stops answering; running transfers have `graceMs` to end. */
  close(graceMs: number): Promise<void>;
}

/**
 * Builds the whole program from its configuration and binds every socket.
 *
 * @throws BindError when a socket cannot be had, ConfigError when a folder or the CA cannot be used;
 *   nothing stays open then
 */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const site = new Site(options);
  try {
    return await site.start();
  } catch (error) {
    await site.close(0);
    throw error;
  }
}

class Site {
  readonly #options: ServiceOptions;
  readonly #config: Config;
  readonly #sessions = new BootSessions();
  readonly #leases = new LeaseTable();
  readonly #ways = new WayTable();
  readonly #wayKeeper: WayKeeper;
  readonly #policy: BootPolicy;
  readonly #reporter: Reporter;
  readonly #metrics;
  /** What was opened, each with how it is closed. */
  readonly #opened: ((graceMs: number) => Promise<void>)[] = [];
  readonly #sockets: string[] = [];
  #inventory: Inventory;
  #readiness: ReadinessWatch | null = null;

  constructor(options: ServiceOptions) {
    const { settings, log, clock } = options;
    this.#options = options;
    this.#config = settings.config;
    this.#inventory = settings.inventory;
    this.#policy = policyOf(settings.config);
    this.#metrics = createMetrics(() => this.#readinessNow().ready);
    this.#reporter = new Reporter({ sessions: this.#sessions, metrics: this.#metrics, log, clock });
    const { emit } = this.#reporter;
    const { dataDir } = this.#config;
    this.#wayKeeper = new WayKeeper({ table: this.#ways, dataDir, emit, clock });
  }

  async start(): Promise<Services> {
    const { emit } = this.#reporter;
    const { settings, proxyEnvironment, clock } = this.#options;
    const { keepGenerations, loaderDirs, origin } = this.#config.artifacts;
    const store = await openGenerationStore({
      directory: artifactFolder(this.#config),
      keepGenerations,
      inUse: () => this.#sessions.generationsInUse(clock.now()),
      emit,
      clock,
    });
    const mirror = mirrorFor(settings, store, proxyEnvironment, { emit, clock });
    if (mirror !== null) this.#opened.push(() => mirror.close());
    const named = new Set(Object.values(this.#config.boot.loaders));
    const isHandedOut = (name: string) => named.has(name) || this.#inventory.namesLoader(name);
    const loaders = createLoaderStore({
      directories: loaderDirs,
      store,
      alsoAllowed: isHandedOut,
    });
    const reporter = this.#reporter;
    const shown = { origin, loaderDirs };
    const readiness = new ReadinessWatch({ store, loaders, isHandedOut, reporter, ...shown });
    this.#readiness = readiness;
    this.#opened.push(() => Promise.resolve(readiness.stop()));

    await this.#wayKeeper.start();
    this.#opened.push(() => this.#wayKeeper.close());
    this.#reporter.subscribe((event) => this.#wayKeeper.observe(event));

    // HTTP comes first: what DHCP and TFTP hand out names its port.
    const httpPort = await this.#openBootPorts(store, loaders);
    const baseUrl = (address: Ip4) => `http://${address}:${httpPort}`;
    const admin = await this.#openAdminPort(store, mirror);
    const tftpPort = await this.#openTftp(loaders, baseUrl);
    await this.#openDhcp(baseUrl, { tftpPort: tftpPort ?? this.#config.tftp.port, httpPort });
    emit({ event: "listening", sockets: this.#sockets });
    await readiness.start();
    mirror?.start();

    return {
      reporter: this.#reporter,
      sessions: this.#sessions,
      mirror,
      adminUrl: `http://${admin.host}:${admin.port}`,
      tftpPort,
      readiness: () => this.#readinessNow(),
      useInventory: (inventory) => {
        this.#inventory = inventory;
        emit({ event: "reloaded", nodes: inventory.entries.length });
      },
      close: (graceMs) => this.close(graceMs),
    };
  }

  async close(graceMs: number): Promise<void> {
    // All at once: nothing takes on more, and each has the whole time for what is under way.
    await Promise.all(this.#opened.splice(0).map((close) => close(graceMs)));
  }

  #readinessNow(): Readiness {
    return this.#readiness?.now() ?? { ready: false, reasons: ["the server is starting"] };
  }

  get #addresses(): readonly Ip4[] {
    return [...new Set(this.#options.links.map((link) => link.address))];
  }

  async #openBootPorts(store: GenerationStore, loaders: LoaderStore): Promise<number> {
    let { port } = this.#config.http;
    const { compatibility } = this.#config.dhcp;
    for (const host of this.#addresses) {
      const app = createBootApp({
        generations: store,
        loaders,
        sessions: this.#sessions,
        findNode: (machine) => this.#inventory.find(machine),
        policy: this.#policy,
        kernelArgs: this.#config.boot.kernelArgs,
        autoexec: true,
        baseUrls: new Map(),
        smee: compatibility === "standard" ? null : compatibility,
        emit: this.#reporter.emit,
        clock: this.#options.clock,
      });
      this.#opened.push((graceMs) => closeApp(app, graceMs));
      const bound = await listen(app, { host, port });
      this.#sockets.push(`http ${bound.host}:${bound.port}`);
      ({ port } = bound);
    }
    return port;
  }

  async #openAdminPort(store: GenerationStore, mirror: Mirror | null): Promise<HttpEndpoint> {
    const { listen: at } = this.#config.admin;
    const endpoint = splitListen(at);
    if (endpoint === null) throw new InternalError(`admin.listen ${at} was not checked`);
    const { clock, settings, instance } = this.#options;
    const app = createAdminApp({
      instance,
      sessions: this.#sessions,
      clock,
      readiness: () => this.#readinessNow(),
      metrics: this.#metrics.registry,
      generations: store,
      sync: async () => {
        if (mirror === null)
          throw new SyncError("artifacts.origin is not set: nothing to fetch from");
        return mirror.sync();
      },
      nodes: {
        entries: () => this.#inventory.entries,
        find: (machine) => this.#inventory.find(machine),
        denialOf: (entry) => denialOf(entry, this.#policy),
        ways: () => this.#ways.proven(),
        forgetWay: (mac) => void this.#wayKeeper.forget(mac),
      },
      leases: () => this.#leases.all().filter((lease) => isActive(lease, clock.wall())),
      subscribe: (listener) => this.#reporter.subscribe(listener),
      token: settings.adminToken,
    });
    this.#opened.push((graceMs) => closeApp(app, graceMs));
    const bound = await listen(app, endpoint);
    this.#sockets.push(`admin ${bound.host}:${bound.port}`);
    return bound;
  }

  async #openTftp(loaders: LoaderStore, baseUrl: (address: Ip4) => string): Promise<number | null> {
    const { enabled, port, dataPorts, ...limits } = this.#config.tftp;
    if (!enabled) return null;
    const server = await startTftpServer({
      addresses: this.#addresses,
      port,
      limits: { ...limits, dataPorts: portRange(dataPorts) },
      find: (name, asked) => findTftpFile(name, loaders, `${baseUrl(asked)}/boot.ipxe`),
      emit: this.#reporter.emit,
      clock: this.#options.clock,
      openUdp: openDgram,
      openTransferUdp,
    });
    this.#opened.push((graceMs) => server.close(graceMs));
    this.#sockets.push(...server.endpoints.map((endpoint) => `tftp ${formatEndpoint(endpoint)}`));
    return server.endpoints[0]?.port ?? null;
  }

  async #openDhcp(
    baseUrl: (address: Ip4) => string,
    ports: { readonly tftpPort: number; readonly httpPort: number },
  ): Promise<void> {
    const { openDhcpSocket, dhcpPorts, clock } = this.#options;
    const links = this.#options.links.flatMap(({ dhcp }) => (dhcp === null ? [] : [dhcp]));
    if (links.length === 0) return;
    const journal = links.some((link) => link.mode === "full") ? await this.#openJournal() : null;
    let server: DhcpServer | null = null;
    this.#opened.push(async () => {
      await server?.close();
      await journal?.close();
    });
    server = await startDhcpServer({
      links,
      openSocket: async (link, port) => {
        const socket = await openDhcpSocket(link, port);
        if (socket.means === "shared") {
          this.#reporter.emit({ event: "shared-socket", interface: link.interface });
        }
        return socket;
      },
      plan: (client, node, link) => planBoot(client, node, this.#policy, baseUrl(link.address)),
      findNode: (machine) => this.#inventory.find(machine),
      reservedFor: (address) => this.#inventory.reservedFor(address),
      leases: this.#leases,
      ways: this.#ways,
      smee: smeeOf(this.#config, { ...ports, trace: this.#options.trace }),
      journal,
      emit: this.#reporter.emit,
      clock,
      ports: dhcpPorts,
    });
    this.#sockets.push(...server.sockets);
  }

  async #openJournal(): Promise<Journal> {
    const { dataDir } = this.#config;
    const { journal, replay } = await openJournal({ dataDir, leases: this.#leases }).catch(
      (error: unknown) => {
        throw new ConfigError([
          `dataDir: the lease journal in ${dataDir} cannot be used: ${messageOf(error)}`,
        ]);
      },
    );
    const [first] = replay.damaged;
    if (first !== undefined) {
      const records = replay.damaged.length;
      this.#reporter.emit({ event: "journal-damaged", records, reason: first.reason });
    }
    return journal;
  }
}

function portRange(text: string | null): { first: number; last: number } | null {
  const [first, last] = text?.split("-").map(Number) ?? [];
  return first === undefined || last === undefined ? null : { first, last };
}
