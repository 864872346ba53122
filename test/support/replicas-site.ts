import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGenerationStore } from "../../src/artifacts/store/generation-store.ts";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromText } from "../../src/lib/bytes.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Program } from "./command.ts";
import { createNetns, type Guest } from "./netns.ts";

/*
 * A site with two replicas of the server in mode full, on hosts of their own at one switch, machines at the same
 * switch, and an API server on the switch's own address.
 */

export const apiAddress = "10.77.0.9";
export const replicaNames = ["pod-a", "pod-b"] as const;
export type Name = (typeof replicaNames)[number];

export interface ReplicasOptions {
  /** As a kubeconfig has it: where the API server is, and how it is trusted. */
  readonly cluster: object;
  readonly user: object;
  readonly namespace: string;
  readonly leaseSeconds: number;
  /** One journal for all, or one for each. */
  readonly journal: "shared" | "own";
  /** Further keys of the configuration. */
  readonly configuration?: object;
  /** Default: no search for other DHCP servers, which takes seconds. */
  readonly allowOtherServers?: boolean;
}

/** Two servers that need no leader. */
export interface ServersOptions extends Pick<
  ReplicasOptions,
  "configuration" | "allowOtherServers"
> {
  readonly mode: "full" | "proxy";
}

/** Which of the replicas answered, in the order of the answers on the wire. */
export interface Answer {
  readonly server: string;
  readonly type: number;
  readonly mac: string;
}

export class ReplicasSite {
  readonly net = createNetns();
  readonly folder = mkdtempSync("/dev/shm/eim-pxe-replicas-");
  readonly #program: Program;
  readonly #hosts = new Map<Name, string>();
  readonly #servers = new Map<Name, Guest>();
  readonly apiHost: string;
  #machinesHost = "";
  readonly #capture: Guest;
  #options: ReplicasOptions | ServersOptions | null = null;

  private constructor(program: Program) {
    this.#program = program;
    const { net } = this;
    this.apiHost = net.host("switch");
    net.ip(this.apiHost, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    net.ip(this.apiHost, "addr", "add", `${apiAddress}/16`, "dev", "br0");
    net.ip(this.apiHost, "link", "set", "br0", "up");
    const ends = [...replicaNames, "machines"] as const;
    for (const [number, name] of ends.entries()) {
      const host = net.host(name);
      if (name === "machines") this.#machinesHost = host;
      else this.#hosts.set(name, host);
      const end = { host, device: "eth0", addresses: [`10.77.0.${number + 1}/16`] };
      net.cable({ host: this.apiHost, device: `port${number}`, addresses: [] }, end);
      net.ip(this.apiHost, "link", "set", `port${number}`, "master", "br0");
    }
    this.#capture = net.spawn(
      this.apiHost,
      "tcpdump",
      "-i",
      "br0",
      "-U",
      "--immediate-mode",
      "-Z",
      "root",
      "-w",
      join(this.folder, "dhcp.pcap"),
      "udp port 68",
    );
  }

  static async open(program: Program): Promise<ReplicasSite> {
    const site = new ReplicasSite(program);
    try {
      for (const name of replicaNames) await site.#publish(name);
      await site.#capture.said("listening on br0");
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  /** Begins both replicas; resolves when they listen. */
  async serve(options: ReplicasOptions | ServersOptions): Promise<void> {
    this.#options = options;
    for (const name of replicaNames) this.start(name);
    await Promise.all(replicaNames.map((name) => this.server(name).said('"event":"listening"')));
  }

  start(name: Name): Guest {
    const options = this.#options;
    if (options === null) throw new Error("serve was not called");
    const own = join(this.folder, name);
    const { configuration = {} } = options;
    const pools = ["10.77.4.0-10.77.63.255"];
    const isProxy = "mode" in options && options.mode === "proxy";
    const file = join(own, "eim-pxe.yaml");
    writeFileSync(
      file,
      JSON.stringify({
        dataDir: join(own, "data"),
        interfaces: [{ name: "eth0", dhcp: isProxy ? { mode: "proxy" } : { mode: "full", pools } }],
        dhcp: { allowOtherServers: options.allowOtherServers ?? true },
        artifacts: { loaderDirs: [join(own, "loaders")] },
        ...("cluster" in options ? { leader: this.#leaderOf(options) } : {}),
        ...configuration,
      }),
    );
    const node = [process.execPath, this.#program.entry, "serve", "--config", file];
    const host = this.#hosts.get(name) ?? "";
    const server = this.net.spawn(host, "env", `POD_NAME=${name}`, ...node);
    this.#servers.set(name, server);
    return server;
  }

  /** Writes the kubeconfig. */
  #leaderOf(options: ReplicasOptions): object {
    const kubeconfig = join(this.folder, "kubeconfig");
    const { cluster, user, namespace, leaseSeconds, journal } = options;
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace } }],
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user }],
      }),
    );
    const shared = journal === "shared" ? { journalDir: join(this.folder, "leases") } : {};
    return { kubernetesLease: "eim-pxe", kubeconfig, leaseSeconds, ...shared };
  }

  server(name: Name): Guest {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`${name} was not started`);
    return server;
  }

  /** The first of them that says that it leads. */
  async leader(): Promise<{ readonly leader: Name; readonly other: Name }> {
    const leads = replicaNames.map(async (name) => {
      await this.server(name).said('"event":"leader-acquired"');
      return name;
    });
    const leader = await Promise.any(leads);
    return { leader, other: leader === "pod-a" ? "pod-b" : "pod-a" };
  }

  machines(...words: readonly string[]): Guest {
    const file = new URL("../interop/guests/storm-machines.ts", import.meta.url);
    return this.net.run(this.#machinesHost, file, ...words);
  }

  /** A copy of a folder of the project, beside which stands a kustomization that uses it; returns where. */
  write(name: string, from: string, kustomization: (folder: string) => object): string {
    const folder = join(this.folder, name);
    cpSync(from, join(folder, "all"), { recursive: true });
    writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(kustomization("all")));
    return folder;
  }

  addressOf(name: Name): string {
    return `10.77.0.${replicaNames.indexOf(name) + 1}`;
  }

  /** What was heard on the wire up to now. */
  answers(): readonly Answer[] {
    const file = readFileSync(join(this.folder, "dhcp.pcap"));
    return [...datagramsOf(file)].flatMap(({ source, payload }) => {
      if (source.port !== 67) return [];
      const packet = decodePacket(payload);
      const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0] ?? 0;
      const mac = Buffer.from(packet.chaddr).toString("hex");
      return type === MessageType.DISCOVER ? [] : [{ server: source.address, type, mac }];
    });
  }

  async close(): Promise<void> {
    await this.net.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #publish(name: Name): Promise<void> {
    const own = join(this.folder, name);
    mkdirSync(join(own, "loaders"), { recursive: true });
    const store = await openGenerationStore({
      directory: join(own, "data", "artifacts"),
      keepGenerations: 2,
      inUse: () => new Set(),
      emit: () => {},
      clock: systemClock,
    });
    const { kernel, initramfs } = makeMicroOs({
      kernelBytes: 1024 * 1024,
      initramfsBytes: 8 * 1024 * 1024,
      seed: "replicas",
    });
    const script = fromText(orchestratorBootScript("https://orchestrator.example/tink-stack"));
    const contents = {
      "boot.ipxe": script,
      "vmlinuz-x86_64": kernel,
      "initramfs-x86_64": initramfs,
    };
    const files = Object.entries(contents).map(([file, bytes]) => {
      const path = join(own, file);
      writeFileSync(path, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { name: file, path, size: bytes.length, sha256, etag: null, lastModified: null };
    });
    const createdAt = new Date().toISOString();
    await store.publish(files, { origin: "https://replicas.example", createdAt });
    await store.close();
    const loader = makeMicroOs({ kernelBytes: 262_144, initramfsBytes: 0, seed: "loader" });
    writeFileSync(join(own, "loaders", "ipxe.efi"), loader.kernel);
  }
}
