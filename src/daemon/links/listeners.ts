import type { LoaderStore } from "../../artifacts/loaders/loader-store.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import { planBoot } from "../../boot/policy.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { TraceContext } from "../../boot/trace-context.ts";
import type { LeaseStore } from "../../dhcp/leases/lease-store.ts";
import type { LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Link } from "../../dhcp/link.ts";
import { type DhcpServer, startDhcpServer } from "../../dhcp/server/dhcp-server.ts";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { DeviceSocket } from "../../net/device-socket.ts";
import { type NetworkInterface, readMtu } from "../../net/interfaces.ts";
import type { ConflictProbe } from "../../net/conflict-probe.ts";
import { transferSocketOpener } from "../../net/transfer-socket.ts";
import { eventLoopPoll } from "../../net/busy-poll.ts";
import { formatEndpoint, type UdpSocket, type UdpSockets } from "../../net/udp.ts";
import type { SyslogServer } from "../../syslog/server/syslog-server.ts";
import { startTftpServer, type TftpServer } from "../../tftp/server/tftp-server.ts";
import type { SiteAssets } from "../content/site-assets.ts";
import { findTftpFile, tftpContent } from "../content/tftp-files.ts";
import { traceOfRequest } from "../elsewhere/boot-traces.ts";
import type { SiteCaptures } from "../captures.ts";
import type { Leadership } from "../leader/leadership.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import type { FirmwareMemory } from "../state/firmware-memory.ts";
import type { Settings } from "../settings/settings.ts";
import { BootPort, type BootPortParts } from "./boot-port.ts";
import type { HttpConnections } from "./http-connections.ts";
import { dhcpSocketOpener } from "./dhcp-sockets.ts";
import type { Opened } from "./link-supervisor.ts";
import type { ServedLink } from "./link-plan.ts";
import { smeeOf } from "../settings/boot-settings.ts";
import { syslogServer } from "./syslog.ts";
import { TftpClients } from "./tftp-clients.ts";
import { readDescriptorLimit, shareDescriptors } from "../settings/descriptors.ts";
import { RogueServerWatch } from "./rogue-server-watch.ts";

export interface ListenerOptions {
  readonly settings: Settings;
  /** The host's interfaces as they are now. */
  readonly interfaces: () => readonly NetworkInterface[];
  /** Opens the socket of a link's DHCP port. */
  readonly openDhcpSocket: (link: Link, port: number) => Promise<LinkSocket>;
  /** Opens the socket that receives the offers of a link's other servers; null: none does. */
  readonly openOfferListener: ((link: Link) => Promise<UdpSocket>) | null;
  /** Opens the socket of a link's client port, for the search for other servers; null: there is no search. */
  readonly openClientPort: ((link: Link) => Promise<UdpSocket>) | null;
  /** Checks whether an address is in use, and is closed with the rest; null: there is no check. */
  readonly conflictProbe: Pick<ConflictProbe, "usedBy" | "close"> | null;
  /** What SMEE's reservations are traced by, in its compatibilities. */
  readonly trace: TraceContext | null;
  readonly dhcpPorts: { readonly server: number; readonly bootServer: number };
  readonly clock: Clock;
  /** How often the kernel took the core away from this process because another one needed it. */
  readonly preemptions: () => number;
  readonly udp: UdpSockets;
  /** Bytes of memory that this process could still take. */
  readonly availableMemory: () => number;
  /** Ends a start that is under way, which takes seconds where others are waited for; default: nothing does. */
  readonly stopping?: AbortSignal | undefined;
}

/** A socket on one link; `means` says how its packets are told from those of other links, where there could be any. */
export type LinkSocket = UdpSocket & Partial<Pick<DeviceSocket, "means">>;

/** What the servers of all links share. */
export interface ListenerParts extends Pick<BootPortParts, "remoteImages"> {
  readonly options: ListenerOptions;
  readonly store: GenerationStore;
  readonly loaders: LoaderStore;
  /** Null: there is no folder of assets. */
  readonly assets: SiteAssets | null;
  readonly sessions: BootSessions;
  readonly nodes: NodesInForce;
  readonly leases: LeaseTable;
  /** By which leases and offer styles have their times. */
  readonly steadyClock: Clock;
  readonly firmware: Pick<FirmwareMemory, "offerStyles" | "loaders">;
  /** Null where no link is in mode full. */
  readonly journal: LeaseStore | null;
  readonly isPeer: (server: Ip4) => boolean;
  /** Whether this replica answers in mode full; null: it is the only one. */
  readonly leadership: Pick<Leadership, "isLeading" | "mayLackLeases"> | null;
  readonly emit: Emit;
  /** Null: packets are not recorded. */
  readonly captures: SiteCaptures | null;
}

/**
 * HTTP connections at all addresses. Two thousand machines that boot at once have one or two each; an idle one costs
 * some 30 KB, one that does not read its download at most 64 KiB or a share of 64 MiB besides.
 */
const maxConnections = 4096;
/** With fewer a site of a few hundred machines gets into difficulties. */
const enoughConnections = 1024;

/** What machines talk to: HTTP and TFTP at each address of ours, DHCP on each link. */
export class LinkListeners {
  readonly #parts: ListenerParts;
  readonly #config;
  readonly #bootPort: BootPort;
  #tftp: TftpServer | null = null;
  /** One for all links, also for those that open at the same time. */
  #dhcp: Promise<DhcpServer> | null = null;
  readonly #watch: RogueServerWatch | null;
  /** Served now. */
  readonly #dhcpLinks = new Set<Link>();
  /** The interface of each address that was served. */
  readonly #interfaces = new Map<Ip4, string>();
  readonly #tftpClients: TftpClients;
  /** Null: machines' logs are not taken. */
  readonly #syslog: SyslogServer | null;
  readonly #shares;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#config = parts.options.settings.config;
    const { openClientPort, availableMemory, interfaces, clock, stopping } = parts.options;
    this.#tftpClients = new TftpClients(this.#config, interfaces, clock);
    this.#shares = this.#shareDescriptors();
    const { allowOtherServers: allowOthers } = this.#config.dhcp;
    this.#bootPort = new BootPort({
      ...parts,
      config: this.#config,
      certificate: parts.options.settings.bootCertificate,
      maxConnections: this.#shares.connections,
      availableMemory,
      clock,
    });
    this.#syslog = syslogServer(this.#config, { ...parts, clock, udp: parts.options.udp });
    const watch =
      openClientPort === null ? null : { ...parts, openClientPort, allowOthers, stopping };
    this.#watch = watch === null ? null : new RogueServerWatch(watch);
  }

  /** Null when TFTP is switched off or nothing is served. */
  get tftp(): TftpServer | null {
    return this.#tftp;
  }

  /** Connections to the boot port, at all addresses. */
  get http(): Pick<HttpConnections, "counts" | "limits" | "usedUp"> {
    return this.#bootPort.connections;
  }

  /** Reads the files of `http.tls` again. */
  reloadCertificate(): void {
    this.#bootPort.reloadCertificate();
  }

  /** HTTP comes first: what TFTP and DHCP hand out names its port. Throws `BindError`. */
  async openAddress({ address, advertised }: ServedLink): Promise<Opened> {
    const opened = [await this.#bootPort.open(address, advertised)];
    const close = async (graceMs: number): Promise<void> => {
      await Promise.all(opened.map((one) => one.close(graceMs)));
    };
    try {
      opened.push(await this.#openTftp(address));
      if (this.#syslog !== null) opened.push(await this.#syslog.open(address));
    } catch (error) {
      await close(0);
      throw error;
    }
    return { sockets: opened.flatMap(({ sockets }) => sockets), close };
  }

  /** Addresses that are or were served. */
  ownAddresses(): readonly Ip4[] {
    return [...this.#interfaces.keys()];
  }

  /** The links on which DHCP is served now. */
  dhcpLinks(): readonly Link[] {
    return [...this.#dhcpLinks];
  }

  /** To be called when its address is open. Throws `BindError`, or `OtherServerError` in mode full. */
  async openLink({ dhcp, interface: name, address }: ServedLink): Promise<Opened> {
    this.#interfaces.set(address, name);
    if (dhcp === null) return { sockets: [], close: () => Promise.resolve() };
    this.#dhcp ??= this.#startDhcp();
    const opened = await (await this.#dhcp).listen(dhcp);
    this.#dhcpLinks.add(dhcp);
    return {
      sockets: opened.sockets,
      close: () => {
        this.#dhcpLinks.delete(dhcp);
        return opened.close();
      },
    };
  }

  /** Closes what is left of all addresses and links. */
  async close(graceMs: number): Promise<void> {
    const dhcp = await this.#dhcp;
    await Promise.all([this.#tftp?.close(graceMs), this.#watch?.close(), dhcp?.close()]);
    await this.#parts.options.conflictProbe?.close();
    this.#bootPort.close();
    this.#syslog?.close();
  }

  async #openTftp(address: Ip4): Promise<Opened> {
    if (!this.#config.tftp.enabled) return { sockets: [], close: () => Promise.resolve() };
    this.#tftp ??= await this.#startTftp();
    const tftp = this.#tftp;
    const endpoint = await tftp.listen(address);
    return {
      sockets: [`tftp ${formatEndpoint(endpoint)}`],
      close: (graceMs) => tftp.leave(address, graceMs),
    };
  }

  #shareDescriptors() {
    const { emit } = this.#parts;
    const { maxTransfers, singlePort } = this.#config.tftp;
    const wanted = { transfers: maxTransfers, connections: maxConnections };
    const descriptors = readDescriptorLimit();
    const links = Math.max(1, this.#config.interfaces.length);
    const shares = shareDescriptors(descriptors, { ...wanted, links, singlePort });
    const { transfers, connections } = shares;
    if (transfers < wanted.transfers || connections < enoughConnections) {
      const allowed = { tftpTransfers: transfers, httpConnections: connections };
      emit({ event: "few-descriptors", descriptors, ...allowed });
    }
    return shares;
  }

  #startTftp(): Promise<TftpServer> {
    const { nodes, emit, options, sessions, captures } = this.#parts;
    const openTransfer = transferSocketOpener(eventLoopPoll(options.preemptions), options.udp);
    const recorded = (socket: UdpSocket) => captures?.tftp(socket) ?? socket;
    const { boot } = this.#config;
    const { port, dataPorts, maxBlockSize, maxWindowSize, singlePort } = this.#config.tftp;
    const content = tftpContent(this.#config, { ...this.#parts, clock: options.clock });
    const maxTransfers = this.#shares.transfers;
    const limits = { maxBlockSize, maxWindowSize, maxTransfers, singlePort };
    return startTftpServer({
      addresses: [],
      port,
      limits: { ...limits, dataPorts: portRange(dataPorts) },
      allows: (client) => this.#tftpClients.allows(client),
      denies: (machine) => nodes.withheld(machine),
      find: (name, asked, machine) => {
        const baseUrl = this.#bootPort.baseUrl(asked);
        // The orchestrator's own loader asks for it, and has to get the answer at once that there is none.
        const scriptUrl = boot.path === "mirror" ? baseUrl : null;
        return findTftpFile(name, content, scriptUrl, machine);
      },
      mtuAt: (asked) => {
        const name = this.#interfaces.get(asked);
        return name === undefined ? null : readMtu(name);
      },
      moved: (machine, bytes) => sessions.progress(machine, options.clock.now(), bytes),
      emit,
      clock: options.clock,
      openUdp: async (local) => recorded(await options.udp.open(local)),
      openTransferUdp: async (local, peer) => recorded(await openTransfer(local, peer)),
    });
  }

  #startDhcp(): Promise<DhcpServer> {
    const { options, nodes, leases, leadership, firmware, journal, emit, captures } = this.#parts;
    const { steadyClock, sessions } = this.#parts;
    const tftpPort = this.#tftp?.endpoints[0]?.port ?? this.#config.tftp.port;
    return startDhcpServer({
      links: [],
      openSocket: dhcpSocketOpener(this.#parts, this.#tftpClients),
      openListener: captures?.offers(options.openOfferListener) ?? options.openOfferListener,
      vendorClasses: this.#config.boot.vendorClasses,
      plan: (client, node, link) => {
        const plan = planBoot(client, node, nodes.policy, this.#bootPort.baseUrl(link.address));
        // SMEE gives every machine of an architecture the same loader.
        if (this.#config.dhcp.compatibility !== "standard") return plan;
        return firmware.loaders.table.applied(plan, client.mac, node, steadyClock.wall());
      },
      findNode: nodes.find,
      reservedFor: nodes.register.reservedFor,
      entriesWithoutAddress: () => nodes.register.withoutAddress,
      leases,
      mayLackLeases: () => (leadership ?? journal)?.mayLackLeases?.() ?? false,
      offerStyles: firmware.offerStyles,
      smee: smeeOf(this.#config, { tftpPort, httpPort: this.#bootPort.port, trace: options.trace }),
      traceOf: traceOfRequest(sessions, options.clock),
      journal,
      usedBy: options.conflictProbe?.usedBy ?? null,
      guard: this.#watch,
      emit,
      clock: steadyClock,
      ports: options.dhcpPorts,
    });
  }
}

function portRange(text: string | null): { first: number; last: number } | null {
  const [first, last] = text?.split("-").map(Number) ?? [];
  return first === undefined || last === undefined ? null : { first, last };
}
