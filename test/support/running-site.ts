import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { readCollector } from "../../src/daemon/settings/collector-files.ts";
import { loadInventory } from "../../src/daemon/settings/settings.ts";
import { wantedLinks, withAssumed } from "../../src/daemon/links/link-plan.ts";
import { startServices } from "../../src/daemon/daemon.ts";
import type { Services } from "../../src/daemon/services.ts";
import { readServerCertificate, type TlsFiles } from "../../src/daemon/settings/tls-files.ts";
import type { TraceContext } from "../../src/boot/trace-context.ts";
import { parseConfig } from "../../src/config/load.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { InternalError } from "../../src/lib/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { serverUdp } from "./transfer-socket.ts";
import type { UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";
import { createLog } from "../../src/observe/log.ts";
import type { ServedSite } from "./served-site.ts";
import { noProxies } from "../../src/artifacts/origin/proxy.ts";

export interface SiteSettings {
  readonly mode: "proxy" | "full";
  readonly compatibility: "standard" | "smee" | "smee-standalone";
  readonly boot: object;
  readonly nodes: readonly object[];
  readonly trace: TraceContext | null;
  readonly timeline?: object;
  readonly telemetry?: object;
  readonly syslog?: object;
  readonly tls?: TlsFiles;
  /** Of the admin port. */
  readonly tokens?: { readonly token: string; readonly readToken: string };
  /** Default: they may boot. */
  readonly unknown?: "allow" | "deny";
}

const address = "127.88.0.1";

/** All services on loopback and free ports, with the generation of an orchestrator, and a DHCP client. */
export class RunningSite {
  readonly #folder: string;
  readonly #services: Services;
  /** The server's sockets for DHCP, and for the boot server where there is one. */
  readonly #dhcp: readonly UdpEndpoint[];
  readonly #client: UdpSocket;
  readonly #waiting = new Map<number, () => void>();
  #heard: DhcpPacket[] = [];

  private constructor(
    folder: string,
    services: Services,
    dhcp: readonly UdpEndpoint[],
    client: UdpSocket,
  ) {
    this.#folder = folder;
    this.#services = services;
    this.#dhcp = dhcp;
    this.#client = client;
    client.onMessage((payload) => {
      const packet = decodePacket(payload);
      this.#heard.push(packet);
      this.#waiting.get(packet.xid)?.();
    });
  }

  static async open(files: ServedSite, settings: SiteSettings): Promise<RunningSite> {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-running-"));
    const nodes = join(folder, "nodes.yaml");
    writeFileSync(nodes, JSON.stringify(settings.nodes));
    const { mode, compatibility } = settings;
    const pools = mode === "full" && compatibility === "standard" ? ["127.88.1.1-127.88.1.99"] : [];
    const text = JSON.stringify({
      dataDir: join(folder, "data"),
      interfaces: [{ name: "lo", address, dhcp: { mode, subnet: "127.88.0.0/16", pools } }],
      dhcp: { compatibility },
      boot: settings.boot,
      tftp: { port: 0 },
      http: { port: 0 },
      admin: {
        listen: "127.0.0.1:0",
        allowedHosts: ["pxe.site.example"],
        tls: settings.tls ?? null,
      },
      artifacts: {
        origin: files.orchestrator.url(),
        ca: { file: files.path("ca.pem") },
        loaderDirs: [files.path("loaders")],
      },
      nodes: { file: nodes, unknown: settings.unknown ?? "allow" },
      timeline: settings.timeline ?? {},
      telemetry: settings.telemetry ?? {},
      syslog: settings.syslog ?? {},
    });
    writeFileSync(join(folder, "eim-pxe.yaml"), text);
    const config = parseConfig(text, join(folder, "eim-pxe.yaml"));
    const ca = readFileSync(files.path("ca.pem"), "utf8");
    // Loopback has every address of its network, whether or not it is listed.
    const interfaces = withAssumed(config, []);
    const dhcp: UdpEndpoint[] = [];
    const services = await startServices({
      settings: {
        config,
        inventory: loadInventory(config),
        ca,
        bootCertificate: null,
        adminCertificate:
          settings.tls === undefined ? null : readServerCertificate(settings.tls, "admin.tls"),
        configFile: null,
        adminToken: settings.tokens?.token ?? null,
        adminReadToken: settings.tokens?.readToken ?? null,
        webhooks: [],
        collector: readCollector(config),
      },
      links: wantedLinks(config, interfaces),
      interfaces: () => interfaces,
      lookEveryMs: 60_000,
      openDhcpSocket: async (link, port) => {
        const socket = await serverUdp.open({ address: link.address, port });
        dhcp.push(socket.local);
        return socket;
      },
      openOfferListener: null,
      openClientPort: null,
      preemptions: () => 0,
      udp: serverUdp,
      availableMemory: () => 512 * 1024 * 1024,
      conflictProbe: null,
      dhcpPorts: { server: 0, bootServer: 0 },
      proxyEnvironment: noProxies,
      trace: settings.trace,
      log: createLog({ level: "error", out: new PassThrough().resume() }),
      clock: systemClock,
      instance: "test",
    });
    await services.mirror?.sync();
    const client = await openDgram({ address: "127.88.0.2", port: 0 });
    return new RunningSite(folder, services, dhcp, client);
  }

  get address(): string {
    return address;
  }

  /** The configuration that it has, as a file. */
  get configFile(): string {
    return join(this.#folder, "eim-pxe.yaml");
  }

  /** Base URL of the admin port. */
  get adminUrl(): string {
    return this.#services.adminUrl;
  }

  /** Base URL of the boot port. */
  get httpUrl(): string {
    const socket = this.#services.sockets().find((one) => one.startsWith("http "));
    return `http://${socket?.replace("http ", "") ?? ""}`;
  }

  get events(): Services["events"] {
    return this.#services.events;
  }

  /** Reads renewed certificates. */
  reloadCertificate(): void {
    this.#services.reloadCertificate();
  }

  get artifactFolder(): string {
    return join(this.#folder, "data", "artifacts");
  }

  get tftpPort(): number {
    return this.#services.tftpPort ?? 0;
  }

  /**
   * What is answered to these requests. Who is not answered is waited for no longer than until the
   * last one is, which the server gets after all others.
   */
  async ask(
    role: "server" | "boot-server",
    requests: readonly DhcpPacket[],
    last: DhcpPacket,
  ): Promise<readonly DhcpPacket[]> {
    const to = this.#dhcp[role === "server" ? 0 : 1];
    if (to === undefined) throw new InternalError(`there is no ${role}`);
    this.#heard = [];
    const batch = 25;
    for (let at = 0; at < requests.length; at += batch) {
      const xid = 0x7f000000 + at;
      const answered = new Promise<void>((resolve) => this.#waiting.set(xid, resolve));
      for (const request of [...requests.slice(at, at + batch), { ...last, xid }]) {
        this.#client.send(encodePacket(request), to);
      }
      await answered;
    }
    return this.#heard;
  }

  /** Where DHCP requests go. */
  get dhcpServer(): UdpEndpoint {
    const [server] = this.#dhcp;
    if (server === undefined) throw new InternalError("there is no server");
    return server;
  }

  get hasBootServer(): boolean {
    return this.#dhcp.length > 1;
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#services.close(1000);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
