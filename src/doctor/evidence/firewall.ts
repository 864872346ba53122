import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { errnoOf, messageOf } from "../../lib/errors.ts";
import { type FilterChain, filterVerdict, type IncomingPacket } from "../firewall/chains.ts";
import { readIptables } from "../firewall/iptables.ts";
import { readNft } from "../firewall/nft.ts";
import { openingFor } from "../firewall/opening.ts";
import type { FirewallState } from "../rules/host.ts";
import type { DoctorSite } from "../site.ts";

const run = promisify(execFile);
/** A host of containers has rules by the thousand. */
const HOW = { timeout: 10_000, maxBuffer: 64 * 1024 * 1024, encoding: "utf8" } as const;

interface Rules {
  readonly chains: readonly FilterChain[];
  /** The names of those that iptables-save shows. */
  readonly ofIptables: ReadonlySet<string>;
  /** Why they could not be read, or why there are none; null: they were. */
  readonly note: string | null;
  readonly isRead: boolean;
  /** The kernel's packet filter, where no program is here to read its rules. */
  readonly filter: string | null;
}

const MODULES = "/proc/modules";

/** The kernel's packet filter, as far as it is loaded; null: none is seen. A container sees the modules of its host. */
export async function loadedFilter(path = MODULES): Promise<string | null> {
  const text = await readFile(path, "utf8").catch(() => "");
  const names = new Set(text.split("\n").map((line) => line.split(" ")[0]));
  return ["nf_tables", "iptable_filter"].find((name) => names.has(name)) ?? null;
}

/** What the packet filter of this host does with what machines send. */
export async function lookAtFirewall(site: DoctorSite): Promise<readonly FirewallState[]> {
  const served = site.links.filter(({ ours }) => ours !== null);
  if (served.length === 0) return [];
  const rules = await readRules();
  if (!rules.isRead) {
    const [{ name } = { name: "" }] = served;
    const reason = rules.note ?? "";
    return [
      { interface: name, what: "", verdict: null, reason, filter: rules.filter, command: "" },
    ];
  }
  if (rules.note !== null) {
    const [{ name } = { name: "" }] = served;
    const verdict = { kind: "accept" } as const;
    return [{ interface: name, what: "", verdict, reason: rules.note, filter: null, command: "" }];
  }
  return served.flatMap((link) =>
    packetsFor(site, link.name, link.mode).map((packet) => {
      const verdict = filterVerdict(rules.chains, packet);
      return {
        interface: packet.interface,
        what: `${packet.transport.toUpperCase()} ${packet.port}`,
        verdict,
        reason: null,
        filter: null,
        command: openingFor(rules.chains, rules.ofIptables, packet, verdict),
      };
    }),
  );
}

function packetsFor(
  { settings }: DoctorSite,
  name: string,
  mode: "proxy" | "full" | "off",
): readonly IncomingPacket[] {
  const { tftp, http, syslog } = settings.config;
  const packet = (transport: "udp" | "tcp", port: number, broadcast = false): IncomingPacket => ({
    interface: name,
    transport,
    port,
    broadcast,
  });
  return [
    // By 68 other DHCP servers are heard: a second one in mode full, one that says what to boot in mode proxy.
    ...(mode === "off"
      ? []
      : [packet("udp", 67, true), packet("udp", 4011), packet("udp", 68, true)]),
    ...(tftp.enabled ? [packet("udp", tftp.port)] : []),
    ...(syslog.port === null ? [] : [packet("udp", syslog.port)]),
    packet("tcp", http.port),
    ...(http.tls === null ? [] : [packet("tcp", http.tls.port)]),
  ];
}

const NO_CHAINS = { chains: [], ofIptables: new Set<string>(), filter: null } as const;

async function readRules(): Promise<Rules> {
  const nft = await output("nft", ["-j", "list", "ruleset"]);
  const iptables = await output("iptables-save", []);
  if ("failed" in nft && "failed" in iptables) {
    return { ...NO_CHAINS, note: nft.failed, isRead: false };
  }
  if ("absent" in nft && "absent" in iptables) {
    const filter = await loadedFilter();
    const note = "neither nft nor iptables is installed here, so nothing is likely to be dropped";
    return { ...NO_CHAINS, note, isRead: filter === null, filter };
  }
  const read = "text" in nft ? readNft(nft.text) : null;
  const legacy = "text" in iptables ? readIptables(iptables.text) : [];
  const ofIptables = new Set(legacy.map(({ name }) => name));
  if (read === null) {
    return "text" in iptables
      ? { chains: legacy, ofIptables, note: null, isRead: true, filter: null }
      : { ...NO_CHAINS, note: whyNot(nft) ?? whyNot(iptables), isRead: false };
  }
  // Where iptables wrote into nftables, only iptables-save shows its rules whole.
  const isShownBetter = (name: string): boolean =>
    legacy.length > 0 && read.legacyTables.some((table) => name.startsWith(`${table} `));
  const own = read.chains.filter(({ name }) => !isShownBetter(name));
  const names = new Set(own.map(({ name }) => name));
  return {
    chains: [...own, ...legacy.filter(({ name }) => !names.has(name))],
    ofIptables,
    note: null,
    isRead: true,
    filter: null,
  };
}

type Output = { readonly text: string } | { readonly absent: true } | { readonly failed: string };

function whyNot(result: Output): string | null {
  return "failed" in result ? result.failed : null;
}

async function output(program: string, words: readonly string[]): Promise<Output> {
  const folders = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin";
  try {
    const { stdout } = await run(program, words, { ...HOW, env: { PATH: folders, LC_ALL: "C" } });
    return { text: stdout };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { absent: true };
    // The first line is the command.
    const [command = "", said = command] = messageOf(error).split("\n");
    return { failed: said.slice(0, 200) };
  }
}
