import { readdirSync, readFileSync } from "node:fs";
import { sync } from "../../src/commands/sync.ts";
import { InternalError } from "../../src/lib/errors.ts";
import { Program } from "./command.ts";
import { eventually } from "./eventually.ts";
import { createNetns, type Guest, type Netns } from "./netns.ts";
import { FakeProgram } from "./program.ts";
import { ServedSite } from "./served-site.ts";

/**
 * Far above what it takes on a quiet machine, and far below the minutes for which attacks once silenced everything.
 */
const boundMs = 30_000;
const boundMegabytes = 200;
/** Of what is used during an attack: files, transfers, the administrator's connection. */
const ownDescriptors = 60;

export interface Attack {
  /** On whose host: a neighbour's with forty addresses, or the server's own, where a browser or the orchestrator is. */
  readonly from?: "neighbour" | "own host";
  readonly guest?: URL;
  /** By the server's address and the first of the attacker's forty. */
  readonly arguments: (server: string, first: string) => readonly string[];
  /** What it may have open at the most. */
  readonly descriptors: number;
  /** What else happens while it is at its height. */
  readonly meanwhile?: () => void;
}

/** What an attack did. */
export interface Outcome {
  /** What the attacker told at its height. */
  readonly told: unknown;
  /** What stayed of it. */
  readonly left: "nothing";
  /** In words. */
  readonly figures: string;
  /** Whether the bounds on the answer time of all services, on descriptors and on memory held. */
  readonly within: {
    readonly answers: boolean;
    readonly descriptors: boolean;
    readonly memory: boolean;
  };
}

/** The outcome of an attack that was withstood. */
export const withstood = {
  left: "nothing",
  within: { answers: true, descriptors: true, memory: true },
} as const;

/**
 * The running server on two links: on one a neighbour attacks, with forty addresses (10.8.2.1 and on), on the other a
 * machine boots.
 */
export class HostileSite {
  readonly #net: Netns;
  readonly #program: Program;
  readonly #hosts: { readonly server: string; readonly neighbour: string };
  readonly #serving: Guest;
  readonly #machine: Guest;
  readonly files: ServedSite;

  private constructor(parts: {
    readonly net: Netns;
    readonly files: ServedSite;
    readonly program: Program;
    readonly hosts: { readonly server: string; readonly neighbour: string };
    readonly serving: Guest;
    readonly machine: Guest;
  }) {
    this.#net = parts.net;
    this.#program = parts.program;
    this.#hosts = parts.hosts;
    this.#serving = parts.serving;
    this.#machine = parts.machine;
    this.files = parts.files;
  }

  /**
   * @param how.mode what DHCP does on the neighbour's link
   * @param how.more YAML of further keys
   * @param how.prepare writes what the server finds when it starts
   */
  static async open(how: {
    readonly mode: "full" | "proxy";
    readonly script?: string;
    readonly initramfsBytes: number;
    readonly more?: string;
    readonly prepare?: (files: ServedSite) => void;
  }): Promise<HostileSite> {
    const { mode, more = "", prepare = () => {}, ...content } = how;
    const net = createNetns();
    const [files, program] = await Promise.all([ServedSite.open(content), Program.build()]);
    await sync(new FakeProgram(), { config: files.configuration(), json: true });
    prepare(files);
    const [server, neighbour, other] = [
      net.host("server"),
      net.host("neighbour"),
      net.host("machine"),
    ];
    const many = Array.from({ length: 40 }, (_, n) => `10.8.2.${n + 1}/16`);
    net.cable(
      { host: server, device: "eth1", addresses: ["10.8.0.1/16"] },
      { host: neighbour, device: "eth0", addresses: many },
    );
    net.cable(
      { host: server, device: "eth2", addresses: ["10.9.0.1/16"] },
      { host: other, device: "eth0", addresses: ["10.9.0.11/16"] },
    );
    const attacked = mode === "full" ? "mode: full, pools: [10.8.1.0-10.8.1.99]" : "mode: proxy";
    const config = files.write(
      "hostile.yaml",
      `
dataDir: data
interfaces:
  - { name: eth1, dhcp: { ${attacked} } }
  - { name: eth2, dhcp: { mode: full, pools: [10.9.1.0-10.9.1.99] } }
dhcp: { allowOtherServers: true }
artifacts:
  origin: https://127.0.0.1:8443/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
${more}`,
    );
    const serving = net.spawn(server, process.execPath, program.entry, "serve", "--config", config);
    await serving.said('"event":"ready"');
    const machine = net.run(other, new URL("../interop/guests/boot-client.ts", import.meta.url));
    await machine.next();
    const hosts = { server, neighbour };
    return new HostileSite({ net, files, program, hosts, serving, machine });
  }

  async close(): Promise<void> {
    await this.#net.close();
    await Promise.all([this.files.close(), this.#program.remove()]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#serving.signal(signal);
  }

  /** What the admin port answers to curl with these arguments. */
  async ask(path: string, ...parts: readonly string[]): Promise<string> {
    const url = `http://127.0.0.1:8081${path}`;
    const asked = this.#net.spawn(this.#hosts.server, "curl", "-s", ...parts, url);
    return (await asked.ended()).output;
  }

  /** A machine boots by DHCP, TFTP and HTTP, and the admin port answers; resolves with the milliseconds of both. */
  async used(): Promise<number> {
    const beganMs = performance.now();
    this.#machine.write("boot 10.9.0.11 52:54:00:00:00:0a");
    const booted: Readonly<Record<string, unknown>> = Object(await this.#machine.next());
    const { server, loaderBytes, scriptBytes } = booted;
    const works = server === "10.9.0.1" && loaderBytes === 20_480 && Number(scriptBytes) > 0;
    if (!works) throw new InternalError(`the machine did not boot: ${JSON.stringify(booted)}`);
    const health = await this.ask("/healthz");
    if (!health.includes("alive")) throw new InternalError(`the admin port answers "${health}"`);
    return performance.now() - beganMs;
  }

  /** Uses all services before, while and after the attack comes, and has a look at what it costs. */
  async under(attack: Attack): Promise<Outcome> {
    await this.used();
    const before = { descriptors: this.#descriptors(), megabytes: this.#megabytes() };
    const { server, neighbour } = this.#hosts;
    const isOwn = attack.from === "own host";
    const [own, first] = isOwn ? ["127.0.0.1", "127.9.0.1"] : ["10.8.0.1", "10.8.2.1"];
    const attacker = this.#net.run(
      isOwn ? server : neighbour,
      attack.guest ?? new URL("../interop/guests/attacker.ts", import.meta.url),
      ...attack.arguments(own, first),
    );
    const waits: number[] = [];
    const height = attacker.next();
    for (let time = 0; time < 2; time++) waits.push(await this.used());
    const told = await height;
    attack.meanwhile?.();
    for (let time = 0; time < 3; time++) waits.push(await this.used());
    const descriptors = this.#descriptors();
    const megabytes = this.#megabytes();
    await attacker.stop("SIGKILL");
    const left = await eventually(() => {
      const open = this.#descriptors();
      if (open < before.descriptors + ownDescriptors) return "nothing" as const;
      throw new InternalError(`${open} descriptors, ${before.descriptors} before`);
    });
    waits.push(await this.used());
    const slowestMs = Math.max(...waits);
    const more = {
      descriptors: descriptors - before.descriptors,
      megabytes: megabytes - before.megabytes,
    };
    const figures = `slowest ${slowestMs.toFixed(0)} ms, ${more.descriptors} descriptors and ${more.megabytes.toFixed(0)} MB more`;
    process.stderr.write(`${attack.arguments("", "").join(" ")}: ${figures}\n`);
    const bounds = {
      answers: slowestMs < boundMs,
      descriptors: more.descriptors < attack.descriptors + ownDescriptors,
      memory: more.megabytes < boundMegabytes,
    };
    return { told, left, figures, within: bounds };
  }

  #descriptors(): number {
    return readdirSync(`/proc/${this.#serving.pid}/fd`).length;
  }

  #megabytes(): number {
    const status = readFileSync(`/proc/${this.#serving.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }
}
