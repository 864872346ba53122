import { siblingsOf } from "../artifacts/loaders/siblings.ts";
import { startReverification } from "../artifacts/store/scrub.ts";
import { openGenerationStore } from "../artifacts/store/generation-store.ts";
import { BootSessions } from "../timeline/boots.ts";
import { type Config, ORCHESTRATOR_LOADER } from "../config/schema.ts";
import { SteadyClock } from "../lib/clock.ts";
import { LeaseAdmin } from "../dhcp/leases/lease-admin.ts";
import { LeaseTable } from "../dhcp/leases/lease-table.ts";
import type { Readiness } from "../http/admin/app.ts";
import { EventBus } from "../events/bus.ts";
import { lookedThrough } from "../lib/lists/looked-through.ts";
import { createMetrics } from "../observe/metrics.ts";
import { capturesOf, type SiteCaptures } from "./captures.ts";
import { tracesOf } from "./elsewhere/boot-traces.ts";
import { ToldElsewhere } from "./elsewhere/told-elsewhere.ts";
import { type Close, closeInTime } from "./closing.ts";
import { openAdminPort } from "./admin-port.ts";
import { openDatabase, type SharedDatabase } from "./database/open-database.ts";
import { knownMachines } from "./known-machines.ts";
import { artifactFolder, mirrorFor } from "./content/mirror.ts";
import { openLoaders } from "./content/loaders.ts";
import { SiteAssets } from "./content/site-assets.ts";
import { knownNeighbours } from "./links/neighbours.ts";
import { type Leading, openLeadership } from "./leader/open-leadership.ts";
import { remoteImages } from "./content/remote-images.ts";
import { LinkSupervisor } from "./links/link-supervisor.ts";
import { type ListenerParts, LinkListeners } from "./links/listeners.ts";
import { givesSigned, servesMicroOs } from "./settings/boot-settings.ts";
import { NodesInForce } from "./nodes/nodes-in-force.ts";
import { ReadinessWatch, starting } from "./content/readiness.ts";
import { readHostStart, watchClock } from "./state/clock-watch.ts";
import { openLeaseJournal } from "./state/lease-journal.ts";
import { FirmwareMemory } from "./state/firmware-memory.ts";
import { senders } from "./state/sender.ts";
import { TimelineKeeper } from "./state/timeline-file.ts";
import { namingHolder } from "./state/port-holder.ts";
import type { Services, ServiceOptions } from "./services.ts";
import { startStallWatch } from "./stall-watch.ts";
import { attachSubscribers } from "./subscribers.ts";

/**
 * Builds the whole program from its configuration and binds every socket.
 *
 * @throws BindError when a socket cannot be had, ConfigError when a folder or the CA cannot be used;
 *   nothing stays open then, nor when `stopping` ends the start, with whose reason it rejects
 */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const site = new Site(options, new SteadyClock(options.clock, await readHostStart()));
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
  /** For leases, and for what is compared with the moments of requests for them. */
  readonly #steadyClock: SteadyClock;
  readonly #sessions: BootSessions;
  readonly #timelineKeeper: TimelineKeeper;
  readonly #leases = new LeaseTable();
  readonly #firmware: FirmwareMemory;
  readonly #nodes: NodesInForce;
  /** Null where this server is the only one, or no link is in mode full. */
  readonly #leading: Leading | null;
  readonly #events: EventBus;
  readonly #metrics;
  readonly #elsewhere: ToldElsewhere;
  /** Null before the start, and where the leases are in the journal. */
  #shared: SharedDatabase | null = null;
  /** What was opened, each with how it is closed. */
  readonly #opened: Close[] = [];
  /** Null where they are switched off. */
  readonly #captures: SiteCaptures | null;
  /** Null while the journal is not open, and where no link is in mode full. */
  #leaseAdmin: LeaseAdmin | null = null;
  #readiness: ReadinessWatch | null = null;
  /** Null before the start. */
  #listeners: LinkListeners | null = null;

  constructor(options: ServiceOptions, steadyClock: SteadyClock) {
    const { settings, log, clock } = options;
    this.#options = options;
    this.#steadyClock = steadyClock;
    this.#config = settings.config;
    const { keepBoots } = settings.config.timeline;
    this.#sessions = new BootSessions({ keepBoots }, tracesOf(options));
    this.#captures = capturesOf(this.#config, {
      sessions: this.#sessions,
      inventory: () => this.#nodes.register,
      leases: this.#leases,
      ownAddresses: () => this.#listeners?.ownAddresses() ?? [],
      clock,
    });
    this.#metrics = createMetrics(
      () => this.#readinessNow().ready,
      () => (this.#leaseAdmin === null ? [] : lookedThrough(this.#leaseAdmin.pools())),
      () => this.#listeners?.http.counts() ?? { busy: 0, idle: 0 },
      () => this.#leading?.leadership.isLeading() ?? null,
    );
    this.#events = new EventBus(clock);
    const { emit } = this.#events;
    const { dataDir } = this.#config;
    const senderAt = senders(this.#sessions, knownNeighbours(clock));
    const kept = { sessions: this.#sessions, emit, clock };
    this.#firmware = new FirmwareMemory({ senderAt, emit, dataDir, clock: steadyClock });
    this.#timelineKeeper = new TimelineKeeper({ ...kept, dataDir, keepBoots });
    this.#nodes = new NodesInForce({ ...settings, ...kept, senderAt });
    this.#elsewhere = new ToldElsewhere({ ...options, ...kept, metrics: this.#metrics });
    this.#leading = openLeadership({
      leader: null,
      ...options,
      config: this.#config,
      leases: this.#leases,
      inventory: () => this.#nodes.register,
      clock: steadyClock,
      emit,
    });
    attachSubscribers(this.#events, {
      sessions: this.#sessions,
      nodes: (event) => this.#nodes.hear(event),
      firmware: this.#firmware.hear,
      metrics: this.#metrics,
      log,
      isKnown: knownMachines(this.#leases, this.#firmware, this.#nodes),
      readiness: (event) => this.#readiness?.hear(event),
      elsewhere: this.#elsewhere.subscribers,
      clock,
    });
  }

  async start(): Promise<Services> {
    const { emit } = this.#events;
    const { settings, proxyEnvironment, clock, stopping } = this.#options;
    await this.#elsewhere.start();
    // Before the generations: a boot that goes on holds its own.
    await this.#timelineKeeper.start();
    const { keepGenerations, loaderDirs, origin } = this.#config.artifacts;
    await this.#nodes.start();
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
    const isHandedOut = (name: string) => named.has(name) || this.#nodes.register.namesLoader(name);
    const forLoaders = { settings, store, isHandedOut, environment: proxyEnvironment, emit };
    const { loaders, stop: stopLoaders } = await openLoaders(forLoaders);
    this.#opened.push(stopLoaders);
    const { directory } = this.#config.assets;
    const known = { sessions: this.#sessions, nodes: this.#nodes, isHandedOut };
    const assets = directory === null ? null : new SiteAssets({ directory, ...known });
    const [leading, at] = [this.#leading, this.#steadyClock];
    const [config, leases, nodes] = [this.#config, this.#leases, this.#nodes];
    const addresses = () => this.#listeners?.ownAddresses() ?? [];
    const timelines = { sessions: this.#sessions, clock };
    const forDatabase = { config, leases, nodes, timelines, clock: at, emit, addresses, stopping };
    this.#shared = await openDatabase(forDatabase);
    const journal =
      leading?.journal ??
      (this.#options.links.some(({ mode }) => mode === "full")
        ? (this.#shared?.leases ?? (await openLeaseJournal(config.dataDir, leases, at, emit)))
        : null);
    const { services, keeper } = this.#serveLinks({ store, loaders, assets, journal });
    this.#listeners = services;
    if (journal !== null) {
      const links = () => services.dhcpLinks();
      this.#leaseAdmin = new LeaseAdmin({ leases, journal, links, emit, clock: at });
    }
    this.#opened.push(watchClock({ clock: this.#steadyClock, journal, emit }));
    const readiness = new ReadinessWatch({
      store,
      loaders,
      isHandedOut,
      links: () => keeper.state(),
      emit,
      origin: origin?.join(", ") ?? null,
      servesMicroOs: servesMicroOs(this.#config),
      needsSignatures: this.#config.boot.imgverify === "required",
      loadersAreElsewhere: this.#config.tftp.advertise !== null,
      onlyLoader: this.#config.boot.path === "orchestrator" ? ORCHESTRATOR_LOADER : null,
      loaderDirs,
      usedUpConnections: () => services.http.usedUp(),
      leaderProblem: () => leading?.leadership.problem() ?? this.#shared?.problem() ?? null,
    });
    this.#readiness = readiness;
    this.#opened.push(() => readiness.stop());
    const elsewhere = () => this.#shared?.timelines?.servers() ?? [];
    const signed = givesSigned(this.#config);
    await this.#firmware.start(async () => siblingsOf(await loaders.identify(), signed));
    stopping?.throwIfAborted();
    this.#opened.push(startStallWatch({ boots: this.#sessions, emit, clock, elsewhere }));

    const adminParts = {
      captures: this.#captures,
      ...this.#options,
      links: () => keeper.links(),
      listeners: services,
      sessions: this.#sessions,
      readiness: () => this.#readinessNow(),
      metrics: this.#metrics,
      store,
      loaders,
      mirror,
      nodes: this.#nodes,
      firmware: this.#firmware,
      leases: this.#leaseAdmin,
      leased: this.#leases.addressesOf,
      leadership: leading?.leadership ?? null,
      elsewhere: this.#shared?.timelines ?? null,
      events: this.#events,
    };
    const admin = await namingHolder(() => openAdminPort(adminParts));
    this.#opened.push((graceMs) => admin.close(graceMs));
    await keeper.open();
    const sockets = () => [...keeper.sockets(), admin.socket];
    emit({ event: "listening", sockets: sockets() });
    keeper.follow();
    leading?.leadership.start(() => keeper.lookNow());
    await readiness.start();
    mirror?.start();
    this.#opened.push(startReverification(store, () => void mirror?.sync().catch(() => {})));

    return {
      events: this.#events,
      sessions: this.#sessions,
      mirror,
      adminUrl: admin.url,
      sockets,
      tftpPort: services.tftp?.endpoints[0]?.port ?? null,
      readiness: () => this.#readinessNow(),
      useInventory: (inventory) => {
        this.#nodes.use(inventory);
        emit({ event: "reloaded", nodes: inventory.entries.length });
      },
      reloadCertificate: () => {
        services.reloadCertificate();
        admin.reloadCertificate();
      },
      close: (graceMs) => this.close(graceMs),
    };
  }

  async close(graceMs: number): Promise<void> {
    const opened = this.#opened.splice(0);
    const database = async () => this.#shared?.database.close();
    const last = [(leftMs: number) => this.#elsewhere.close(leftMs), database];
    await closeInTime({ opened, last }, graceMs, this.#options.clock);
  }

  #readinessNow(): Readiness {
    return this.#readiness?.now() ?? starting;
  }

  #serveLinks(parts: Pick<ListenerParts, "store" | "loaders" | "assets" | "journal">): {
    readonly services: LinkListeners;
    readonly keeper: LinkSupervisor;
  } {
    const { interfaces, lookEveryMs } = this.#options;
    const links = this.#leading?.links ?? this.#options.links;
    const services = new LinkListeners({
      ...parts,
      leadership: this.#leading?.leadership ?? null,
      options: this.#options,
      sessions: this.#sessions,
      nodes: this.#nodes,
      leases: this.#leases,
      steadyClock: this.#steadyClock,
      firmware: this.#firmware,
      emit: this.#shared?.emit ?? this.#events.emit,
      isPeer: (server) => this.#shared?.isPeer(server) ?? false,
      captures: this.#captures,
      remoteImages: remoteImages(this.#options),
    });
    const keeper = new LinkSupervisor({
      links,
      interfaces,
      lookEveryMs,
      openAddress: (link) => namingHolder(() => services.openAddress(link)),
      openLink: (link) => namingHolder(() => services.openLink(link)),
      emit: this.#events.emit,
    });
    this.#opened.push(async (graceMs) => {
      const others = [keeper.close(graceMs), services.close(graceMs)];
      await Promise.all([this.#leading?.leadership.stop(), ...others]);
      // Transfers that end in this time still teach something.
      await Promise.all([this.#firmware.close(), this.#nodes.close()]);
      await this.#timelineKeeper.close();
      await parts.journal?.close();
    });
    return { services, keeper };
  }
}
