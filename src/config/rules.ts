import { ip4ToNumber, parseSubnet, subnetContains, subnetsOverlap } from "../lib/ip4.ts";
import {
  type Config,
  type LinkConfig,
  mirroredFiles,
  ORCHESTRATOR_LOADER,
  splitListen,
} from "./schema.ts";
import { assetFaults } from "./asset-rules.ts";
import type { Fault } from "./faults.ts";
import { hookFaults, imgverifyFaults, isoFaults, tftpFaults } from "./hook-rules.ts";

/** What a configuration must hold beyond the form of its values. */
export function ruleFaults(config: Config): Fault[] {
  return [
    ...config.interfaces.flatMap((link, index) => linkFaults(link, index, config)),
    ...adminFaults(config),
    ...tlsFaults(config),
    ...proxyFaults(config),
    ...artifactFaults(config),
    ...bootFaults(config),
    ...assetFaults(config),
    ...hookFaults(config),
    ...imgverifyFaults(config),
    ...tftpFaults(config),
    ...isoFaults(config),
    ...smeeFaults(config),
    ...nodesFaults(config),
    ...orchestratorFaults(config),
    ...leaderFaults(config),
  ];
}

function linkFaults(link: LinkConfig, index: number, config: Config): Fault[] {
  const faults: Fault[] = [];
  const path = ["interfaces", index];
  if (config.interfaces.findIndex((other) => other.name === link.name) !== index) {
    faults.push({ path: [...path, "name"], message: `interface ${link.name} is listed twice` });
  }
  const { dhcp, address, advertise } = link;
  const shared = config.interfaces.find((other) => address !== null && other.address === address);
  if (shared !== undefined && shared.advertise !== advertise) {
    const message = `interface ${shared.name} has the same address and another advertise; HTTP and TFTP of an address can name only one`;
    faults.push({ path: [...path, "advertise"], message });
  }
  const subnet = dhcp.subnet === null ? null : parseSubnet(dhcp.subnet);
  if (subnet !== null && address !== null && !subnetContains(subnet, address)) {
    faults.push({ path: [...path, "address"], message: `is not in the subnet ${dhcp.subnet}` });
  }
  const inDhcp = [...path, "dhcp"];
  faults.push(...poolFaults(dhcp, dhcp.subnet, inDhcp), ...relayedFaults(dhcp, inDhcp));
  for (const key of ["pools", "relayed"] as const) {
    if (dhcp[key].length === 0) continue;
    const where = [...inDhcp, key];
    if (config.dhcp.compatibility !== "standard") {
      const message = `has no effect with dhcp.compatibility ${config.dhcp.compatibility}: SMEE knows reservations only`;
      faults.push({ path: where, message });
    }
    if (dhcp.mode !== "full") {
      const message = `has no effect in mode ${dhcp.mode}; set mode: full or remove ${key}`;
      faults.push({ path: where, message });
    }
  }
  return faults;
}

function poolFaults(
  { pools, exclude }: Pick<LinkConfig["dhcp"], "pools" | "exclude">,
  within: string | null,
  path: Fault["path"],
): Fault[] {
  const faults: Fault[] = [];
  const subnet = within === null ? null : parseSubnet(within);
  for (const [at, pool] of pools.entries()) {
    const where = [...path, "pools", at];
    if (
      subnet !== null &&
      !(subnetContains(subnet, pool.first) && subnetContains(subnet, pool.last))
    ) {
      faults.push({ path: where, message: `is not in the subnet ${within}` });
    }
    const overlap = pools.findIndex(
      (other, before) =>
        before < at &&
        ip4ToNumber(other.first) <= ip4ToNumber(pool.last) &&
        ip4ToNumber(pool.first) <= ip4ToNumber(other.last),
    );
    if (overlap !== -1) faults.push({ path: where, message: `overlaps pool ${overlap + 1}` });
  }
  if (exclude.length > 0 && pools.length === 0) {
    const message = "has no effect without pools; reservations are never affected by it";
    faults.push({ path: [...path, "exclude"], message });
  }
  return faults;
}

/** A request must lie in one network only: which one it is decides what is handed out. */
function relayedFaults(dhcp: LinkConfig["dhcp"], path: Fault["path"]): Fault[] {
  const before: string[] = dhcp.subnet === null ? [] : [dhcp.subnet];
  return dhcp.relayed.flatMap((network, at) => {
    const { subnet } = network;
    const where = [...path, "relayed", at];
    const overlapped = before.find((other) => overlapping(other, subnet));
    before.push(subnet);
    return [
      ...poolFaults(network, subnet, where),
      ...(overlapped === undefined
        ? []
        : [{ path: [...where, "subnet"], message: `overlaps the subnet ${overlapped}` }]),
    ];
  });
}

function overlapping(one: string, other: string): boolean {
  const [a, b] = [parseSubnet(one), parseSubnet(other)];
  return a !== null && b !== null && subnetsOverlap(a, b);
}

function adminFaults(config: Config): Fault[] {
  const listen = splitListen(config.admin.listen);
  const { tokenFile, readTokenFile } = config.admin;
  if (tokenFile !== null) return [];
  if (readTokenFile !== null) {
    const message =
      "has no effect without admin.tokenFile: whoever reaches the port may change everything; set that, too";
    return [{ path: ["admin", "readTokenFile"], message }];
  }
  if (listen === null || listen.host.startsWith("127.")) return [];
  return [
    {
      path: ["admin", "listen"],
      message: `${listen.host} can be reached from the network and needs a token: set admin.tokenFile, or listen on 127.0.0.1`,
    },
  ];
}

function proxyFaults({ http: { trustedProxies } }: Config): Fault[] {
  return trustedProxies.flatMap((subnet, at): Fault[] => {
    if (subnet.prefixLength > 0) return [];
    const message =
      "is every address there is: any machine could then say that it is another one; name the proxies";
    return [{ path: ["http", "trustedProxies", at], message }];
  });
}

function tlsFaults({ http: { port, tls }, dhcp }: Config): Fault[] {
  if (tls === null) return [];
  const faults: Fault[] = [];
  if (tls.port === port) {
    faults.push({
      path: ["http", "tls", "port"],
      message: `${port} is http.port already; TLS needs a port of its own, such as 8443`,
    });
  }
  if (tls.offer.length > 0 && dhcp.compatibility !== "standard") {
    const message = `has no effect with dhcp.compatibility ${dhcp.compatibility}: SMEE names http URLs only`;
    faults.push({ path: ["http", "tls", "offer"], message });
  }
  return faults;
}

function artifactFaults(config: Config): Fault[] {
  const { sha256, origin, ca } = config.artifacts;
  const files = mirroredFiles(config);
  const faults: Fault[] = [];
  const needed = neededFile(config);
  if (needed !== null && !files.includes(needed)) {
    faults.push({ path: ["artifacts", "files"], message: `must list ${needed}` });
  }
  for (const name of Object.keys(sha256)) {
    if (!files.includes(name)) {
      faults.push({
        path: ["artifacts", "sha256"],
        key: name,
        message: `expects a SHA-256 of ${name}, which is not in artifacts.files`,
      });
    }
  }
  const unused = (key: "file" | "url" | "sha256", message: string) =>
    faults.push({ path: ["artifacts", "ca", key], message });
  const secure = origin === null || origin.some((url) => url.startsWith("https:"));
  for (const key of ["file", "url"] as const) {
    if (!secure && ca[key] !== null) unused(key, "has no effect: artifacts.origin is not https");
  }
  if (ca.file !== null && ca.url !== null) {
    unused("url", "has no effect beside artifacts.ca.file; remove one of them");
  }
  if (ca.sha256 !== null && ca.url === null) {
    unused(
      "sha256",
      "has no effect: it is the fingerprint of what artifacts.ca.url fetches, which is not set",
    );
  }
  return faults;
}

/** The file without which no machine boots. */
function neededFile({ boot: { path, script }, artifacts: { origin } }: Config): string | null {
  if (path === "orchestrator") return origin === null ? null : ORCHESTRATOR_LOADER;
  return script === "mirror" ? "boot.ipxe" : null;
}

/** SMEE knows the classes that it knows. */
function smeeFaults({ boot, dhcp }: Config): Fault[] {
  if (dhcp.compatibility === "standard" || boot.vendorClasses.length === 0) return [];
  const message = `has no effect with dhcp.compatibility ${dhcp.compatibility}: SMEE serves PXEClient and HTTPClient only`;
  return [{ path: ["boot", "vendorClasses"], message }];
}

/** What the orchestrator's own loader does cannot be changed from here. */
function bootFaults({ boot, dhcp }: Config): Fault[] {
  const faults: Fault[] = [];
  const refuse = (path: Fault["path"]) =>
    faults.push({ path, message: `has no effect with ${why}` });
  const why =
    boot.path === "orchestrator"
      ? "boot.path orchestrator, whose loader fetches its script from the cloud"
      : "boot.scriptUrl: machines get the script that is there";
  if (boot.path !== "orchestrator" && boot.scriptUrl === null) return [];
  if (boot.path === "orchestrator" && boot.scriptUrl !== null) refuse(["boot", "scriptUrl"]);
  if (boot.script !== "mirror") refuse(["boot", "script"]);
  if (boot.kernelArgs.length > 0) refuse(["boot", "kernelArgs"]);
  if (boot.path === "orchestrator" && dhcp.compatibility !== "standard") {
    faults.push({
      path: ["dhcp", "compatibility"],
      message: "must be standard with boot.path orchestrator: SMEE hands out loaders of its own",
    });
  }
  return faults;
}

/** The others say how the Lease is used. */
function leaderFaults({ leader, leases }: Config): Fault[] {
  if (leader.kubernetesLease !== null) {
    const message =
      "lets one replica at a time answer, and with leases.store: postgres all of them do: remove one of the two";
    return leases.store === "journal" ? [] : [{ path: ["leader", "kubernetesLease"], message }];
  }
  return (["namespace", "kubeconfig", "journalDir"] as const).flatMap((key) => {
    if (leader[key] === null) return [];
    return [{ path: ["leader", key], message: "has no effect without leader.kubernetesLease" }];
  });
}

/** Which keys a source of nodes needs, and which mean nothing beside it. */
function nodesFaults({ nodes: { file, format, kubernetes } }: Config): Fault[] {
  const faults: Fault[] = [];
  if (format === "kubernetes" && file !== null) {
    const message = "is not read with nodes.format kubernetes, whose nodes come from the cluster";
    faults.push({ path: ["nodes", "file"], message });
  }
  if (format !== "kubernetes" && kubernetes !== null) {
    const message = "is for nodes.format kubernetes";
    faults.push({ path: ["nodes", "kubernetes"], message });
  }
  if (format !== "eim" && format !== "kubernetes" && file === null) {
    const message = `${format} needs nodes.file`;
    faults.push({ path: ["nodes", "format"], message });
  }
  return faults;
}

/** Who asks the orchestrator, and that nobody on the way reads the password. */
function orchestratorFaults({ nodes: { orchestrator } }: Config): Fault[] {
  if (orchestrator === null) return [];
  const path = ["nodes", "orchestrator"];
  const faults: Fault[] = [];
  for (const key of ["apiUrl", "issuerUrl"] as const) {
    const { protocol, hostname } = new URL(orchestrator[key]);
    const isHere = hostname === "localhost" || hostname.startsWith("127.");
    if (protocol === "https:" || isHere) continue;
    const message = "must be https: the password and the token go there";
    faults.push({ path: [...path, key], message });
  }
  const { usernameFile, passwordFile, clientSecretFile } = orchestrator;
  if ((usernameFile === null) !== (passwordFile === null)) {
    const missing = usernameFile === null ? "usernameFile" : "passwordFile";
    faults.push({ path, message: `needs ${missing}, too: a user has a name and a password` });
  } else if (usernameFile === null && clientSecretFile === null) {
    const message =
      "needs usernameFile and passwordFile of a user who may read hosts, or clientSecretFile of a client that may";
    faults.push({ path, message });
  }
  return faults;
}
