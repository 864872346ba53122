import type { LoaderStore } from "../artifacts/loaders/loader-store.ts";
import type { GenerationStore } from "../artifacts/store/generation-store.ts";
import type { Mirror } from "../artifacts/sync/mirror.ts";
import type { SiteLink, SiteReply } from "../api/site.ts";
import { splitListen } from "../config/schema.ts";
import type { LeaseAdmin } from "../dhcp/leases/lease-admin.ts";
import type { EventBus } from "../events/bus.ts";
import type { Emit } from "../events/types.ts";
import { createAdminApp, type Readiness } from "../http/admin/app.ts";
import type { BootsElsewhere } from "../http/admin/context.ts";
import { listen } from "../http/listen.ts";
import { loadAcceptWaiting } from "../net/batches/waiting-connections.ts";
import type { Clock } from "../lib/clock.ts";
import { InternalError, SyncError } from "../lib/errors.ts";
import { isOwnAddress, type NetworkInterface } from "../net/interfaces.ts";
import type { Metrics } from "../observe/metrics.ts";
import { addSiteMetrics } from "../observe/site-metrics.ts";
import type { BootSessions } from "../timeline/boots.ts";
import { leaderLeases } from "./leader/leader-leases.ts";
import type { Leadership } from "./leader/leadership.ts";
import type { SiteCaptures } from "./captures.ts";
import { managedArtifacts } from "./content/mirror.ts";
import { diskOf, siteFigures } from "./site-figures.ts";
import { SiteNotes } from "./site-notes.ts";
import { BootCertificate } from "./links/boot-certificate.ts";
import { HttpConnections } from "./links/http-connections.ts";
import { wake, type WakerParts } from "./links/wake.ts";
import type { LinkListeners } from "./links/listeners.ts";
import { dashboardFolder, packageVersion } from "./settings/package.ts";
import { textForOtherServer } from "./settings/other-server.ts";
import { listedNodes } from "./nodes/listed-nodes.ts";
import type { NodesInForce } from "./nodes/nodes-in-force.ts";
import type { Settings } from "./settings/settings.ts";
import type { FirmwareMemory } from "./state/firmware-memory.ts";

export interface AdminPortParts extends Pick<WakerParts, "leased"> {
  readonly links: () => readonly SiteLink[];
  readonly listeners: Pick<LinkListeners, "http" | "tftp">;
  /** The host's, as they are now. */
  readonly interfaces: () => readonly NetworkInterface[];
  readonly settings: Settings;
  /** Tells this run of the program from every other. */
  readonly instance: string;
  readonly clock: Clock;
  readonly sessions: BootSessions;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics;
  readonly store: GenerationStore;
  readonly loaders: LoaderStore;
  readonly mirror: Mirror | null;
  readonly nodes: NodesInForce;
  readonly firmware: FirmwareMemory;
  /** Null where no link is in mode full. */
  readonly leases: LeaseAdmin | null;
  /** Null: this server is the only one. */
  readonly leadership: Pick<Leadership, "state"> | null;
  /** The boots that other servers of the database saw; null: there is none. */
  readonly elsewhere: BootsElsewhere | null;
  readonly events: EventBus;
  /** Null where they are switched off. */
  readonly captures: SiteCaptures | null;
}

export interface AdminPort {
  readonly url: string;
  /** For people: `admin 127.0.0.1:8081`. */
  readonly socket: string;
  /** Reads the files of `admin.tls` again. */
  reloadCertificate(): void;
  close(graceMs: number): Promise<void>;
}

/** People, their programs, and a supervisor; a browser opens six for the dashboard. */
const maxConnections = 256;

/** Opens the port that people see. Throws `BindError`; nothing stays open then. */
export async function openAdminPort(parts: AdminPortParts): Promise<AdminPort> {
  const { settings, instance, clock, sessions, readiness, metrics, store, loaders } = parts;
  const { captures, mirror, nodes, firmware, leases, events } = parts;
  const endpoint = splitListen(settings.config.admin.listen);
  if (endpoint === null) throw new InternalError("admin.listen was not checked");
  const notes = new SiteNotes(settings.config.artifacts.origin?.[0] ?? null);
  const stopNotes = events.subscribe((event) => notes.hear(event, clock.wall()));
  addSiteMetrics(
    metrics.registry,
    siteFigures({ ...parts, dataDir: settings.config.dataDir }, notes),
  );
  const app = createAdminApp({
    site: async () => ({
      links: parts.links(),
      leader: parts.leadership?.state() ?? null,
      otherServers: notes.otherServers(),
      origin: notes.origin(),
      generation: generationNow(store),
      disk: await diskOf(settings.config.dataDir),
    }),
    otherServerText: (server, link) =>
      textForOtherServer(settings.config, parts.interfaces(), {
        server,
        interface: link,
        mode: null,
      }),
    version: packageVersion(),
    dashboardFolder: dashboardFolder(),
    instance,
    configFile: settings.configFile,
    sessions,
    elsewhere: parts.elsewhere,
    clock,
    readiness,
    metrics: metrics.registry,
    generations: store,
    artifacts: managedArtifacts(settings.config, store, loaders, mirror, events.emit),
    sync: async () => {
      if (mirror === null)
        throw new SyncError("artifacts.origin is not set: nothing to fetch from");
      return mirror.sync();
    },
    wake: (mac, by) =>
      wake({ ...parts, config: settings.config, findNode: nodes.find, emit: events.emit }, mac, by),
    nodes: listedNodes(nodes, firmware, (mac) => captures?.forget(mac)),
    leases: leaderLeases(leases, parts.leadership),
    captures: {
      packetsOf: (boot) => captures?.packetsOf(boot) ?? null,
      fileOf: async (boot, isRedacted) => captures?.fileOf(boot, isRedacted) ?? null,
    },
    changed: (what) => events.emit({ event: "admin-changed", ...what }),
    subscribe: (listener) => events.subscribe(listener),
    allowedHosts: settings.config.admin.allowedHosts,
    isOwnAddress: (address) => address === endpoint.host || isOwnAddress(address),
    token: settings.adminToken,
    readToken: settings.adminReadToken,
    secure: settings.adminCertificate !== null,
  });
  app.addHook("onClose", (_app, done) => {
    stopNotes();
    done();
  });
  const { emit } = events;
  const limits = new HttpConnections({ port: "admin", connections: maxConnections, emit, clock });
  const certificate = certificateOf(settings, emit, clock);
  app.addHook("onClose", (_app, done) => {
    certificate?.close();
    done();
  });
  // Browsers try and break off; who may not come in is no matter for the log.
  const tls = certificate === null ? null : { identity: certificate, failed: () => {} };
  const acceptWaiting = await loadAcceptWaiting();
  const open = await listen(app, endpoint, { ...limits.listenOptions, acceptWaiting, tls });
  const at = `${open.host}:${open.port}`;
  return {
    url: `${certificate === null ? "http" : "https"}://${at}`,
    socket: `admin ${at}`,
    reloadCertificate: () => certificate?.reload(),
    close: (graceMs) => open.close(graceMs),
  };
}

/** The certificate of `admin.tls`, which is renewed while the server runs; null: no TLS. */
function certificateOf(
  { config, adminCertificate }: Settings,
  emit: Emit,
  clock: Clock,
): BootCertificate | null {
  const files = config.admin.tls;
  if (files === null || adminCertificate === null) return null;
  const renamed: Emit = (event) => {
    switch (event.event) {
      case "boot-certificate":
        return emit({ ...event, event: "admin-certificate" });
      case "boot-certificate-expiring":
        return emit({ ...event, event: "admin-certificate-expiring" });
      case "boot-certificate-rejected":
        return emit({ ...event, event: "admin-certificate-rejected" });
      default:
        return emit(event);
    }
  };
  return new BootCertificate({
    files,
    setting: "admin.tls",
    certificate: adminCertificate,
    emit: renamed,
    clock,
  });
}

function generationNow(store: GenerationStore): SiteReply["generation"] {
  const current = store.current();
  return current === null ? null : { id: current.id, createdAt: current.manifest.createdAt };
}
