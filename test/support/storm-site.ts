import { execFile, execFileSync, type ExecFileException } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openGenerationStore } from "../../src/artifacts/store/generation-store.ts";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { fromText } from "../../src/lib/bytes.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { SimulationResult } from "../../src/pxe-client/simulation/result.ts";
import type { Program } from "./command.ts";
import { complaintsInLog } from "./complaints.ts";
import { type CableEnd, createNetns, type Guest, nextEvent } from "./netns.ts";

/*
 * A site for boot storms: the server on one host, the simulated machines on another one, a cable between them,
 * and a generation that is there already. In mode proxy dnsmasq gives out the addresses.
 */

export interface StormFiles {
  readonly loaderBytes: number;
  readonly kernelBytes: number;
  readonly initramfsBytes: number;
}

export interface StormSiteOptions extends StormFiles {
  readonly mode: "full" | "proxy";
  /** Further keys of the configuration. */
  readonly configuration?: object;
  /** Writes what the server finds in the site's folder when it starts. */
  readonly prepare?: (folder: string) => void;
  /** Run server and simulation on a core each. */
  readonly coreEach?: boolean;
  /** A folder that gets a profile of the server's processor time (`*.cpuprofile`) when it ends. */
  readonly profileTo?: string | null;
}

export interface Simulated {
  readonly code: number;
  /** Null where it printed none. */
  readonly result: SimulationResult | null;
  readonly output: string;
}

export const stormTarget = "10.77.0.1";
const generator = "10.77.0.2";

export class StormSite {
  readonly #net = createNetns();
  /** In memory, so that no disk is measured. */
  readonly #folder = mkdtempSync("/dev/shm/eim-pxe-storm-");
  readonly #program: Program;
  readonly #options: StormSiteOptions;
  readonly serverHost: string;
  readonly clientHost: string;
  readonly folder = this.#folder;
  #siteHost = "";
  #server: Guest | null = null;

  private constructor(program: Program, options: StormSiteOptions) {
    this.#program = program;
    this.#options = options;
    this.serverHost = this.#net.host("server");
    this.clientHost = this.#net.host("machines");
    const server = { host: this.serverHost, device: "eth0", addresses: [`${stormTarget}/16`] };
    const machines = { host: this.clientHost, device: "eth0", addresses: [`${generator}/16`] };
    if (options.mode === "full") this.#net.cable(server, machines);
    else this.#layThreeCables(server, machines);
    this.#limitWindows();
  }

  /**
   * Of a TCP connection about as much is under way as iPXE takes (256 KiB, `TCP_MAX_WINDOW_SIZE`), where Linux may take 32 MiB:
   * hundreds of them must not fill the memory of the kernel as no machines would.
   */
  #limitWindows(): void {
    const own = ["netns", "exec", this.clientHost, "sysctl", "-q", "-w"];
    execFileSync("ip", [...own, "net.ipv4.tcp_rmem=4096 131072 524288"]);
  }

  /** Server, machines and the site's DHCP server at a switch. */
  #layThreeCables(...ends: readonly CableEnd[]): void {
    const net = this.#net;
    const site = { host: net.host("site"), device: "eth0", addresses: ["10.77.0.3/16"] };
    const host = net.host("switch");
    net.ip(host, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    net.ip(host, "link", "set", "br0", "up");
    for (const [index, end] of [...ends, site].entries()) {
      const device = `port${index}`;
      net.cable({ host, device, addresses: [] }, end);
      net.ip(host, "link", "set", device, "master", "br0");
    }
    this.#siteHost = site.host;
  }

  static async open(program: Program, options: StormSiteOptions): Promise<StormSite> {
    const site = new StormSite(program, options);
    try {
      await site.#publish();
      options.prepare?.(site.folder);
      await site.#serve();
      if (options.mode === "proxy") await site.#dnsmasq();
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  get serverPid(): number {
    return this.#server?.pid ?? 0;
  }

  /** What the server has logged so far. */
  get log(): string {
    return this.#server?.written() ?? "";
  }

  get configurationFile(): string {
    return join(this.#folder, "eim-pxe.yaml");
  }

  get net() {
    return this.#net;
  }

  /** Runs `eim-pxe simulate --json` with further words to its end. */
  simulate(...words: readonly string[]): Promise<Simulated> {
    const pid = ["--server-pid", String(this.serverPid)];
    return this.simulateOn(this.clientHost, [], ...pid, ...words);
  }

  /** The same on a host of choice, by a program that runs it in its own way. */
  simulateOn(host: string, by: readonly string[], ...words: readonly string[]): Promise<Simulated> {
    const [program = "", ...args] = this.#commandOn(host, by, ...words, "--json");
    return new Promise((resolve) => {
      const options = { maxBuffer: 256 * 1024 * 1024 };
      const ended = (error: ExecFileException | null, out: string, err: string): void => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        const result: SimulationResult | null = out.startsWith('{"target"')
          ? JSON.parse(out)
          : null;
        resolve({ code, result, output: `${out}${err}` });
      };
      execFile(program, args, options, ended);
    });
  }

  /** The command line of a simulation on the machines' host. */
  command(...words: readonly string[]): readonly string[] {
    return this.#commandOn(this.clientHost, [], ...words);
  }

  #commandOn(host: string, by: readonly string[], ...words: readonly string[]): readonly string[] {
    const core = this.#options.coreEach === true ? ["taskset", "-c", "1"] : [];
    const node = [process.execPath, this.#program.entry, "simulate", "--target", stormTarget];
    return ["ip", "netns", "exec", host, ...core, ...by, ...node, ...words];
  }

  /** Central, for all simulated boots: fails where one was said to fail, and came up. */
  async close(): Promise<void> {
    await this.#server?.stop();
    const output = (await this.#server?.ended())?.output ?? "";
    await this.#net.close();
    rmSync(this.#folder, { recursive: true, force: true });
    const complaints = complaintsInLog(output);
    if (complaints.length > 0) {
      throw new Error(`nothing is wrong with boots, and it is said: ${complaints.join("; ")}`);
    }
  }

  async #publish(): Promise<void> {
    const store = await openGenerationStore({
      directory: join(this.#folder, "data", "artifacts"),
      keepGenerations: 2,
      inUse: () => new Set(),
      emit: () => {},
      clock: systemClock,
    });
    const { kernel, initramfs } = makeMicroOs(this.#options);
    const script = fromText(orchestratorBootScript("https://orchestrator.example/tink-stack"));
    const files = Object.entries({
      "boot.ipxe": script,
      "vmlinuz-x86_64": kernel,
      "initramfs-x86_64": initramfs,
    }).map(([name, bytes]) => {
      const path = join(this.#folder, name);
      writeFileSync(path, bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { name, path, size: bytes.length, sha256, etag: null, lastModified: null };
    });
    const createdAt = new Date().toISOString();
    await store.publish(files, { origin: "https://storm.example", createdAt });
    await store.close();
    mkdirSync(join(this.#folder, "loaders"));
    for (const name of ["ipxe.efi", "undionly.kpxe"]) {
      const kernelBytes = this.#options.loaderBytes;
      const loader = makeMicroOs({ kernelBytes, initramfsBytes: 0, seed: name });
      writeFileSync(join(this.#folder, "loaders", name), loader.kernel);
    }
  }

  async #serve(): Promise<void> {
    const { mode, configuration = {}, coreEach = false, profileTo = null } = this.#options;
    const dhcp = mode === "proxy" ? { mode } : { mode, pools: ["10.77.4.0-10.77.63.255"] };
    const file = this.configurationFile;
    writeFileSync(
      file,
      JSON.stringify({
        dataDir: join(this.#folder, "data"),
        interfaces: [{ name: "eth0", dhcp }],
        // There is no other one on this cable: it need not search for seconds.
        dhcp: { allowOtherServers: true },
        artifacts: { loaderDirs: [join(this.#folder, "loaders")] },
        ...configuration,
      }),
    );
    const profile = profileTo === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profileTo];
    const node = [process.execPath, ...profile, this.#program.entry, "serve", "--config", file];
    const [program = "", ...args] = coreEach ? ["taskset", "-c", "0", ...node] : node;
    this.#server = this.#net.spawn(this.serverHost, program, ...args);
    await nextEvent(this.#server, "listening");
  }

  async #dnsmasq(): Promise<void> {
    const args = ["-k", "-C", "/dev/null", "--log-facility=-", "--user=root", "--port=0"];
    const range = ["--dhcp-range=10.77.4.0,10.77.63.255,255.255.0.0,1h", "--no-ping"];
    const most = ["--dhcp-lease-max=12000", `--dhcp-leasefile=${join(this.#folder, "leases")}`];
    const quiet = ["--quiet-dhcp", "--pid-file=", "--interface=eth0"];
    const guest = this.#net.spawn(this.#siteHost, "dnsmasq", ...args, ...range, ...most, ...quiet);
    await guest.said("DHCP, IP range");
  }
}
