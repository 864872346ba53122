import { dhcpFlags } from "./dhcp-flags.ts";
import { hookFlags, isoFlags } from "./hook-flags.ts";
import { absent, absentUnless, type FlagRow, ofLink, port } from "./flag-row.ts";
import { isTrue, listOf, note, nothing, type Outcome, set, type SmeeFlags } from "./outcome.ts";

/** Every flag of SMEE and what becomes of it. */
export const flagRows: readonly FlagRow[] = [
  ...dhcpFlags,
  ofLink(["http-port"], "`http.port`"),
  ofLink(["http-addr"], "`http.port`, where it names one"),
  absentUnless(
    ["bind-address"],
    ["", "0.0.0.0"],
    "HTTP is served at the addresses of the interfaces, in whose networks machines are",
  ),
  ofLink(["tls-cert-file", "tls-key-file", "https-port"], "`http.tls`"),
  absentUnless(
    ["disable-http-to-https-redirect"],
    ["", "false", "true"],
    "nothing is redirected; firmware follows no redirect to HTTPS",
  ),
  {
    flags: ["trusted-proxies"],
    where: "`http.trustedProxies`",
    read: (value) =>
      listOf(value).length === 0 ? nothing : set(["http", "trustedProxies"], listOf(value)),
  },
  absentUnless(
    ["ipxe-http-script-trusted-proxies"],
    [""],
    "SMEE does not use it; see trusted-proxies",
  ),
  {
    flags: ["http-ipxe-binary-enabled", "ipxe-http-binary-enabled"],
    where: "absent: loaders always come by HTTP, too",
    read: (value) => (isTrue(value) ? nothing : note("loaders always come by HTTP, too")),
  },
  {
    flags: ["http-ipxe-script-enabled", "ipxe-http-script-enabled"],
    where: "absent: the script is always served",
    read: (value) => (isTrue(value) ? nothing : note("the script is always served")),
  },
  ...["scheme", "host", "port", "path"].map((part) =>
    absentUnless(
      [`dhcp-ipxe-http-binary-${part}`, `dhcp-http-ipxe-binary-${part}`],
      ["", "http", "8080", "7080", "7171", "/ipxe/", "/ipxe", "/ipxe/binary/", "/ipxe/binary"],
      "loaders come from the boot port, at SMEE's paths with dhcp.compatibility",
    ),
  ),
  absentUnless(
    ["dhcp-http-ipxe-binary-url"],
    [""],
    "loaders come from the boot port, at SMEE's paths with dhcp.compatibility",
  ),
  ofLink(
    ["scheme", "host", "port", "path"].flatMap((part) => [
      `dhcp-ipxe-http-script-${part}`,
      `dhcp-http-ipxe-script-${part}`,
    ]),
    "`boot.scriptUrl`, where they name another server or port",
  ),
  {
    flags: ["dhcp-http-ipxe-script-url"],
    where: "`boot.scriptUrl`",
    read: (value) => (value === "" ? nothing : set(["boot", "scriptUrl"], value)),
  },
  {
    flags: ["dhcp-ipxe-http-script-prepend-mac", "dhcp-http-ipxe-script-prepend-mac"],
    where: "`boot.macInUrls`, its `script`: off where it is false",
    read: (value) => (isTrue(value) ? nothing : set(["boot", "macInUrls", "script"], "off")),
  },
  {
    flags: ["ipxe-binary-inject-mac-addr-format"],
    where: "`boot.macInUrls`, its `loader`",
    read: readMacFormat,
  },
  {
    flags: ["ipxe-override-arch-mapping"],
    where: "`boot.loaders`",
    read: readMapping,
  },
  {
    flags: ["ipxe-embedded-script-patch", "ipxe-script-patch"],
    where: "`boot.loaderPatch`",
    read: (value) => (value === "" ? nothing : set(["boot", "loaderPatch"], value)),
  },
  {
    flags: ["ipxe-http-script-extra-kernel-args", "extra-kernel-args"],
    where: "`boot.kernelArgs`",
    read: (value) => {
      const words = value.split(/\s+/).filter((word) => word !== "");
      return words.length === 0 ? nothing : set(["boot", "kernelArgs"], words);
    },
  },
  ...hookFlags,
  ...isoFlags,
  {
    flags: ["syslog-enabled"],
    where: "`syslog.port`",
    read: (value, all) =>
      isTrue(value) ? set(["syslog", "port"], port(syslogPort(all))) : nothing,
  },
  ofLink(["syslog-bind-port", "syslog-port"], "`syslog.port`, with syslog-enabled"),
  absentUnless(
    ["syslog-bind-addr", "syslog-addr"],
    ["", "0.0.0.0", "0.0.0.0:514"],
    "syslog is received at the addresses of the interfaces",
  ),
  {
    flags: ["otel-endpoint"],
    where: "`telemetry.otlp`",
    read: (value, all) => {
      if (value === "") return nothing;
      const scheme = isTrue(all.get("otel-insecure") ?? "false") ? "http" : "https";
      const url = value.includes("://") ? value : `${scheme}://${value}`;
      const remark =
        "--otel-endpoint: SMEE sends traces by gRPC (port 4317), eim-pxe by HTTP: have the collector listen for that (usually port 4318), and compare telemetry.otlp.url";
      return set(["telemetry", "otlp"], { url: url.replace(/:4317(?=\/|$)/, ":4318") }, remark);
    },
  },
  ofLink(
    ["otel-insecure"],
    "the scheme of `telemetry.otlp`'s URL: where nothing is said, `http` for the standalone program, `https` for the other",
  ),
  {
    flags: ["log-level", "smee-log-level"],
    where: "`log.level`",
    read: (value) => {
      const isDebug = value === "debug" || (/^-?\d+$/.test(value) && Number(value) !== 0);
      return isDebug ? set(["log", "level"], "debug") : nothing;
    },
  },
  ofLink(
    ["backend", "backend-kube-enabled", "backend-file-enabled", "backend-noop-enabled"],
    "`nodes.format`",
  ),
  ofLink(
    ["backend-file-path"],
    "`nodes.file`; that of the standalone program has a form of its own, so write its machines as entries of a nodes file",
  ),
  ofLink(["backend-kube-config"], "`nodes.kubernetes.kubeconfig`"),
  ofLink(["backend-kube-namespace"], "`nodes.kubernetes.namespace`"),
  absentUnless(["backend-kube-api"], [""], "the kubeconfig names the API server"),
  absentUnless(
    ["backend-kube-qps", "backend-kube-burst"],
    ["", "100"],
    "objects are watched, not asked for",
  ),
  absentUnless(
    [
      "enable-tootles",
      "enable-tink-server",
      "enable-tink-controller",
      "enable-rufio-controller",
      "enable-secondstar",
      "enable-ui",
      "enable-crd-migrations",
      "enable-hook",
      "tink-server-bind-addr",
      "tink-server-bind-port",
      "secondstar-bind-addr",
      "secondstar-port",
    ],
    ["", "true", "false"],
    "another program of Tinkerbell",
  ),
  {
    flags: ["enable-smee"],
    where: "absent: what is installed runs",
    read: (value) =>
      isTrue(value) ? nothing : note("SMEE was switched off: do not start eim-pxe either"),
  },
  absent(["version"], "eim-pxe --version"),
];

function syslogPort(all: SmeeFlags): string {
  const inAddress = /:(\d+)$/.exec(all.get("syslog-addr") ?? "")?.[1];
  return all.get("syslog-bind-port") ?? all.get("syslog-port") ?? inAddress ?? "514";
}

/** SMEE's word for each form; `empty` is in its help, though its parser refuses it. */
const macForms: ReadonlyMap<string, string> = new Map([
  ["dash", "dash"],
  ["dot", "dot"],
  ["no-delimiter", "none"],
  ["empty", "off"],
]);

function readMacFormat(value: string): Outcome {
  if (value === "" || value === "colon") return nothing;
  const form = macForms.get(value);
  return form === undefined
    ? note(`"${value}" is no form of a MAC that SMEE knows`)
    : set(["boot", "macInUrls", "loader"], form);
}

/** `7=snp.efi,11=arm.efi`. */
function readMapping(value: string): Outcome {
  const pairs = listOf(value).map((part) => part.split("="));
  if (pairs.length === 0) return nothing;
  if (!pairs.every((pair) => pair.length === 2 && /^(0x[\da-f]+|\d+)$/i.test(pair[0] ?? ""))) {
    return note(`"${value}" is no list of NUMBER=FILE`);
  }
  const settings = pairs.map(([code = "", file = ""]) => ({
    path: ["boot", "loaders", String(Number(code))],
    value: file,
  }));
  return { kind: "set", settings };
}
