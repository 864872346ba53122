import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { ConfigError } from "../../lib/errors.ts";
import { canonicalName, readFlags, readVariables, type SmeeInput } from "./read.ts";

/*
 * Helm values: of the chart `tinkerbell` (monorepo, whose keys are the flags in camel case), and of the charts
 * `smee` and `stack` (standalone).
 */

type Tree = Readonly<Record<string, unknown>>;
const tree = z.record(z.string(), z.unknown());
const words = z.array(z.string());
const variables = z.array(z.object({ name: z.string(), value: z.unknown() }));

/** Keys of the chart `tinkerbell` that are not the flag in camel case. */
const otherNames: Readonly<Record<string, string>> = {
  "globals.bindAddr": "bind-address",
  "globals.httpPort": "http-port",
  "smee.ipxeHttpScriptBindPort": "http-port",
  "smee.ipxeHttpScriptBindAddr": "bind-address",
  "smee.httpsBindPort": "https-port",
  "smee.logLevel": "smee-log-level",
};

/** Where the chart `smee` has what. */
const standaloneNames: Readonly<Record<string, string>> = {
  logLevel: "log-level",
  "dhcp.enabled": "dhcp-enabled",
  "dhcp.mode": "dhcp-mode",
  "dhcp.bindInterface": "dhcp-iface",
  "dhcp.ipForPacket": "dhcp-ip-for-packet",
  "dhcp.syslogIp": "dhcp-syslog-ip",
  "dhcp.tftpIp": "dhcp-tftp-ip",
  "dhcp.tftpPort": "dhcp-tftp-port",
  "dhcp.httpIPXE.binaryUrl.scheme": "dhcp-http-ipxe-binary-scheme",
  "dhcp.httpIPXE.binaryUrl.host": "dhcp-http-ipxe-binary-host",
  "dhcp.httpIPXE.binaryUrl.port": "dhcp-http-ipxe-binary-port",
  "dhcp.httpIPXE.binaryUrl.path": "dhcp-http-ipxe-binary-path",
  "dhcp.httpIPXE.scriptUrl.scheme": "dhcp-http-ipxe-script-scheme",
  "dhcp.httpIPXE.scriptUrl.host": "dhcp-http-ipxe-script-host",
  "dhcp.httpIPXE.scriptUrl.port": "dhcp-http-ipxe-script-port",
  "dhcp.httpIPXE.scriptUrl.path": "dhcp-http-ipxe-script-path",
  "tftp.enabled": "tftp-enabled",
  "tftp.port": "tftp-port",
  "tftp.timeout": "tftp-timeout",
  "tftp.blockSize": "tftp-block-size",
  "http.port": "http-port",
  "http.additionlKernelArgs": "extra-kernel-args",
  "http.additionalKernelArgs": "extra-kernel-args",
  additionalKernelArgs: "extra-kernel-args",
  "http.ipxeBinaryEnabled": "http-ipxe-binary-enabled",
  "http.ipxeScriptEnabled": "http-ipxe-script-enabled",
  "http.tinkServer.tls": "tink-server-tls",
  "http.tinkServer.insecureTLS": "tink-server-insecure-tls",
  "http.trustedProxies": "trusted-proxies",
  trustedProxies: "trusted-proxies",
  "syslog.enabled": "syslog-enabled",
  "syslog.port": "syslog-port",
  ipxeScriptPatch: "ipxe-script-patch",
  "iso.enabled": "iso-enabled",
  "iso.url": "iso-url",
  "iso.magicString": "iso-magic-string",
  "iso.staticIPAMEnabled": "iso-static-ipam-enabled",
};

/** Of the chart `tinkerbell`. */
const AGENT_IMAGE = "ghcr.io/tinkerbell/tink-agent";
/** Of the chart `smee`; the program's own is another one. */
const CHART_HTTP_PORT = "7171";

/** @throws ConfigError when the text is no YAML, or not SMEE's values */
export function readValues(text: string, file: string): SmeeInput {
  let parsed: unknown;
  try {
    parsed = parse(text, { resolveKnownTags: false, logLevel: "error" });
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new ConfigError([`${file}: is no YAML: ${error.message.split("\n")[0] ?? ""}`]);
  }
  const values = tree.safeParse(parsed).data;
  if (values === undefined) throw new ConfigError([`${file}: holds no Helm values`]);
  const envs = branch(branch(values, "deployment"), "envs");
  // All three charts have a public address, each at its own place.
  const isStack = "smee" in values;
  const isStandalone = isStack || "dhcp" in values || "http" in values || "tftp" in values;
  const isCurrent =
    "smee" in envs ||
    "globals" in envs ||
    (!isStandalone && ("publicIP" in values || "artifactsFileServer" in values));
  if (!isCurrent && !isStandalone) {
    throw new ConfigError([
      `${file}: holds no values of the charts tinkerbell, stack or smee (deployment.envs.smee, smee, dhcp)`,
    ]);
  }
  return isCurrent
    ? ofCurrent(values, envs)
    : ofStandalone(isStack ? branch(values, "smee") : values, values);
}

function ofCurrent(values: Tree, envs: Tree): SmeeInput {
  const flags = new Map<string, string>();
  const put = (name: string, value: unknown) => {
    const text = textOf(value, name);
    if (text !== "") flags.set(canonicalName(name), text);
  };
  for (const part of ["globals", "smee"]) {
    for (const [key, value] of Object.entries(branch(envs, part))) {
      put(otherNames[`${part}.${key}`] ?? kebab(key), value);
    }
  }
  put("public-ip", values["publicIP"]);
  put("trusted-proxies", values["trustedProxies"]);
  put("ipxe-http-script-osie-url", values["artifactsFileServer"]);
  const deployment = branch(values, "deployment");
  const tag = textOf(deployment["agentImageTag"], "");
  const image = textOf(deployment["agentImage"], "") || AGENT_IMAGE;
  if (tag !== "") addWorkerImage(`${image}:${tag}`, "ipxe-http-script-extra-kernel-args", flags);
  addExtras(deployment, "additionalEnvs", flags);
  const isUntold = tag === "" && (flags.get("ipxe-http-script-osie-url") ?? "") !== "";
  const untold = `deployment.agentImageTag: the chart has HookOS start ${image} in its own version; say which in boot.kernelArgs: tink_worker_image=${image}:VERSION`;
  return { flags, line: "smee", notes: isUntold ? [untold] : [] };
}

function ofStandalone(values: Tree, outer: Tree): SmeeInput {
  const flags = new Map<string, string>();
  for (const [path, flag] of Object.entries(standaloneNames)) {
    const value = path
      .split(".")
      .reduce<unknown>((at, key) => tree.safeParse(at).data?.[key], values);
    const text = textOf(value, flag);
    if (text !== "") flags.set(flag, text);
  }
  const shared = branch(outer, "global");
  const address =
    [values["oneIP"], values["publicIP"], outer["publicIP"], shared["publicIP"]]
      .map((value) => textOf(value, ""))
      .find((text) => text !== "") ?? "";
  const http = branch(values, "http");
  const others: readonly (readonly [string, string])[] = [
    ["dhcp-ip-for-packet", address],
    ["http-port", CHART_HTTP_PORT],
    ["trusted-proxies", textOf(shared["trustedProxies"], "")],
    ["osie-url", urlOf(branch(http, "osieUrl"), address)],
    ["tink-server", authorityOf(branch(http, "tinkServer"), address)],
  ];
  for (const [flag, text] of others) if (text !== "" && !flags.has(flag)) flags.set(flag, text);
  const worker = textOf(values["tinkWorkerImage"], "");
  if (worker !== "") addWorkerImage(worker, "extra-kernel-args", flags);
  addExtras(values, "additionalEnv", flags);
  return { flags, line: "smee-standalone" };
}

/** Where HookOS is, of the chart's parts of a URL; they are `http` and 8080 where nothing is said. */
function urlOf(parts: Tree, address: string): string {
  const [scheme = "http", host = address, path = ""] = ["scheme", "host", "path"].map(
    (key) => textOf(parts[key], "") || undefined,
  );
  // An empty one is the scheme's.
  const port = "port" in parts ? textOf(parts["port"], "") : "8080";
  return host === "" ? "" : `${scheme}://${host}${port === "" ? "" : `:${port}`}${path}`;
}

function authorityOf(parts: Tree, address: string): string {
  const host = textOf(parts["ip"], "") || address;
  return host === "" ? "" : `${host}:${textOf(parts["port"], "") || "42113"}`;
}

/** The chart tells HookOS which worker to start. */
function addWorkerImage(image: string, flag: string, flags: Map<string, string>): void {
  flags.set(flag, `${flags.get(flag) ?? ""} tink_worker_image=${image}`.trim());
}

/** Arguments and variables that the chart hands on as they are. */
function addExtras(values: Tree, environmentKey: string, flags: Map<string, string>): void {
  const extra = words.safeParse(values["additionalArgs"]).data ?? [];
  const environment = variables.safeParse(values[environmentKey]).data ?? [];
  const named = Object.fromEntries(environment.map(({ name, value }) => [name, textOf(value, "")]));
  for (const [name, value] of [...readVariables(named).flags, ...readFlags(extra).flags]) {
    flags.set(name, value);
  }
}

function branch(values: Tree, key: string): Tree {
  return tree.safeParse(values[key]).data ?? {};
}

/** A value as the chart writes it into a flag. */
function textOf(value: unknown, flag: string): string {
  if (Array.isArray(value)) {
    return value.map((one) => textOf(one, flag)).join(flag.includes("kernel-args") ? " " : ",");
  }
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** `dhcpIPForPacket` → `dhcp-ip-for-packet`. */
function kebab(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}
