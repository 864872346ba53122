import { stringify } from "yaml";
import { parseConfig } from "../../config/load.ts";
import { ConfigError } from "../../lib/errors.ts";
import { addressOf } from "./flag-row.ts";
import { flagRows } from "./flags.ts";
import {
  isTrue,
  note,
  nothing,
  type Outcome,
  set,
  type Setting,
  type SmeeFlags,
  type SmeeLine,
} from "./outcome.ts";
import type { SmeeInput } from "./read.ts";

type Node = { [key: string]: unknown };

/** What SMEE does where nothing is said, and we do not. */
const usual: Readonly<Record<SmeeLine, ReadonlyMap<string, string>>> = {
  smee: new Map([["tftp-single-port", "true"]]),
  "smee-standalone": new Map([
    ["tftp-single-port", "true"],
    ["otel-insecure", "true"],
  ]),
};

const modes: readonly string[] = ["reservation", "proxy", "auto-proxy"];

/**
 * SMEE's settings as a configuration of ours, which `check` accepts; what has no counterpart stands in comments
 * above it. It answers DHCP as SMEE did (`dhcp.compatibility`).
 */
export function importSmee({ flags: given, line: known, notes: said = [] }: SmeeInput): string {
  const line = known ?? "smee";
  const flags = new Map([...usual[line], ...[...given].filter(([, value]) => value !== "")]);
  const notes = [...said];
  if (known === null) {
    notes.push(
      "SMEE's line is not known by these settings: answered as the one of Tinkerbell's monorepo (smee)",
    );
  }
  const config: Node = {};
  const base = [...linkOutcomes(flags, line), ...nodesOutcomes(flags, line)];
  for (const [name, outcome] of base) apply(config, name, outcome, notes);
  for (const { flags: names, read } of flagRows) {
    for (const name of names) {
      const value = flags.get(name);
      if (value !== undefined) apply(config, name, read(value, flags), notes);
    }
  }
  const rows = new Set(flagRows.flatMap((row) => row.flags));
  for (const [name, value] of flags) {
    if (rows.has(name)) continue;
    const why = /-v6$|^dhcpv6-|-ipv6$/.test(name)
      ? "IPv6 is not served"
      : "no setting of SMEE that eim-pxe knows";
    notes.push(`--${name}=${value}: ${why}`);
  }
  const comments = [...new Set(notes)].map((text) => `# ${text.replaceAll(/\s+/g, " ")}\n`);
  const head =
    "# Made by eim-pxe import smee. Say what SMEE did not have: artifacts.origin, and the CA (eim-pxe init asks for them).\n";
  const without =
    comments.length === 0 ? "" : `#\n# Without a counterpart here:\n${comments.join("")}`;
  return `${head}${without}${stringify(config)}`;
}

/** Adds an outcome's settings, all of them or none: keys that this version does not take become a comment. */
function apply(config: Node, name: string, outcome: Outcome, notes: string[]): void {
  if (outcome.kind === "note") notes.push(`--${name}: ${outcome.note}`);
  if (outcome.kind !== "set") return;
  const trial: Node = structuredClone(config);
  for (const setting of outcome.settings) put(trial, setting);
  const problem = problemOf(trial);
  if (problem !== null) {
    const keys = outcome.settings.map(
      ({ path, value }) => `${path.join(".")}: ${JSON.stringify(value)}`,
    );
    const otherwise = outcome.otherwise === undefined ? "" : `; ${outcome.otherwise}`;
    notes.push(
      `--${name}: would be ${keys.join(", ")}, which this version does not take (${problem})${otherwise}`,
    );
    return;
  }
  for (const setting of outcome.settings) put(config, setting);
  if (outcome.note !== undefined) notes.push(outcome.note);
}

function put(config: Node, { path, value }: Setting): void {
  let at: Node = config;
  for (const [index, key] of path.entries()) {
    if (index === path.length - 1) {
      at[key] = value;
      return;
    }
    const next: unknown = at[key];
    const made: Node = isNode(next) ? next : {};
    at[key] = made;
    at = made;
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}

function problemOf(config: Node): string | null {
  try {
    parseConfig(stringify(config), null, {});
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return (error.problems[0] ?? "").replace(/^.*?:\d+:\d+: /, "");
  }
}

/** Mode, interface, address, ports: what several flags say together. */
function linkOutcomes(flags: SmeeFlags, line: SmeeLine): readonly (readonly [string, Outcome])[] {
  const get = (...names: readonly string[]): string =>
    names.map((name) => flags.get(name) ?? "").find((text) => text !== "") ?? "";
  const name = get("dhcp-bind-interface", "dhcp-iface", "public-ip-interface");
  const named = get("dhcp-mode").toLowerCase();
  const isKnown = named === "" || modes.includes(named);
  const mode = isKnown && named !== "" ? named : "reservation";
  const isOff = get("dhcp-enabled") !== "" && !isTrue(get("dhcp-enabled"));
  const ours = isOff ? "off" : mode === "reservation" ? "full" : "proxy";
  const address = addressOf(flags);
  const unnamed =
    "SMEE listens on every interface where none is named: put the machines' one in the place of eth0";
  return [
    ["dhcp-mode", set(["interfaces"], [{ name: "eth0", dhcp: { mode: ours } }])],
    ["dhcp-bind-interface", name === "" ? note(unnamed) : set(["interfaces", 0, "name"], name)],
    ["dhcp-ip-for-packet", address === null ? nothing : set(["interfaces", 0, "address"], address)],
    [
      "dhcp-mode",
      isKnown ? nothing : note(`"${named}" is no mode of SMEE for IPv4; reservation is taken`),
    ],
    ["dhcp-mode", set(["dhcp", "compatibility"], line)],
    // SMEE's reservation starts beside another DHCP server.
    ["dhcp-mode", ours === "full" ? set(["dhcp", "allowOtherServers"], true) : nothing],
    ["dhcp-mode", set(["nodes", "unknown"], mode === "proxy" ? "deny" : "allow")],
    ["http-port", set(["http", "port"], httpPort(flags, line))],
    ["tls-cert-file", tlsOf(flags)],
    ["dhcp-ipxe-http-script-host", scriptUrlOf(flags, line)],
  ];
}

function httpPort(flags: SmeeFlags, line: SmeeLine): number {
  // An address alone names no port.
  const named = flags.get("http-port") ?? /:(\d+)$/.exec(flags.get("http-addr") ?? "")?.[1];
  return named === undefined ? (line === "smee" ? 7080 : 8080) : Number(named);
}

function tlsOf(flags: SmeeFlags): Outcome {
  const [certFile = "", keyFile = "", text = ""] = [
    "tls-cert-file",
    "tls-key-file",
    "https-port",
  ].map((name) => flags.get(name) ?? "");
  if (certFile === "" || keyFile === "") return nothing;
  return set(["http", "tls"], { certFile, keyFile, port: text === "" ? 7443 : Number(text) });
}

/** A script elsewhere, or behind another port: SMEE names the parts of its URL. */
function scriptUrlOf(flags: SmeeFlags, line: SmeeLine): Outcome {
  const part = (name: string) =>
    flags.get(`dhcp-ipxe-http-script-${name}`) || flags.get(`dhcp-http-ipxe-script-${name}`) || "";
  const usualPath = line === "smee" ? "/ipxe/script/auto.ipxe" : "/auto.ipxe";
  const ownPort = String(httpPort(flags, line));
  const [scheme, port, path] = [part("scheme") || "http", part("port") || ownPort, part("path")];
  const address = addressOf(flags) ?? "";
  const host = part("host") || address;
  if (host === address && port === ownPort && scheme === "http") return nothing;
  if (host === "") {
    return note(
      `machines were told the script at ${scheme} and port ${port}, and no address is named: set boot.scriptUrl`,
    );
  }
  const where = `${scheme}://${host}:${port}`;
  const named = path || usualPath;
  const prepend =
    flags.get("dhcp-ipxe-http-script-prepend-mac") ??
    flags.get("dhcp-http-ipxe-script-prepend-mac");
  const withMac = prepend !== undefined && !isTrue(prepend);
  const at = named.lastIndexOf("/");
  const full = withMac ? named : `${named.slice(0, at)}/{mac}${named.slice(at)}`;
  return set(["boot", "scriptUrl"], `${where}${full}`);
}

/** Where SMEE's records of machines come from. */
function nodesOutcomes(flags: SmeeFlags, line: SmeeLine): readonly (readonly [string, Outcome])[] {
  const file = flags.get("backend-file-path") ?? "";
  const isFile = flags.get("backend") === "file" || isTrue(flags.get("backend-file-enabled") ?? "");
  const isNone = flags.get("backend") === "none" || isTrue(flags.get("backend-noop-enabled") ?? "");
  if (isNone) return [];
  if (isFile && line === "smee-standalone") {
    const why =
      "the standalone SMEE's file has a form of its own, which is not read here: write its machines as entries of a nodes file, and name that in nodes.file";
    return [["backend-file-path", note(why)]];
  }
  if (isFile) {
    const settings: readonly Setting[] = [
      { path: ["nodes", "file"], value: file },
      { path: ["nodes", "format"], value: "tinkerbell" },
    ];
    const otherwise = "write its machines as entries of a nodes file";
    return [["backend-file-path", file === "" ? nothing : { kind: "set", settings, otherwise }]];
  }
  const kubeconfig = flags.get("backend-kube-config") ?? "";
  const namespace = flags.get("backend-kube-namespace") ?? "";
  const access = {
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    ...(namespace === "" ? {} : { namespace }),
  };
  const settings: readonly Setting[] = [
    { path: ["nodes", "format"], value: "kubernetes" },
    ...(Object.keys(access).length === 0 ? [] : [{ path: ["nodes", "kubernetes"], value: access }]),
  ];
  const otherwise = "write the machines of your Hardware objects into a nodes file";
  return [["backend", { kind: "set", settings, otherwise }]];
}
