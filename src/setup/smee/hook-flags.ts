import { parseIp4 } from "../../lib/ip4.ts";
import { addressOf, asDefault, type FlagRow, ofLink } from "./flag-row.ts";
import { isTrue, nothing, type Outcome, type Setting, type SmeeFlags } from "./outcome.ts";

/* SMEE's flags about HookOS: the script that starts it, and images for BMCs. */

type HookKey =
  | "url"
  | "kernel"
  | "initrd"
  | "tinkServer"
  | "tls"
  | "insecureTls"
  | "syslogHost"
  | "retries"
  | "retryDelaySeconds";

const remark =
  "boot.script: hook goes on with Tinkerbell's HookOS, as SMEE did; take it and boot.hook out for the orchestrator's own boot.ipxe";

/** A key of `boot.hook`, and that machines run it. */
function hookSet(key: HookKey, value: unknown, ...more: readonly Setting[]): Outcome {
  const settings: readonly Setting[] = [
    { path: ["boot", "script"], value: "hook" },
    { path: ["boot", "hook", key], value },
    ...more,
  ];
  return { kind: "set", settings, note: remark };
}

function row(
  flags: readonly string[],
  key: HookKey,
  usual: readonly string[],
  read: (text: string) => unknown = (text) => text,
): FlagRow {
  return {
    flags,
    where: `\`boot.hook.${key}\``,
    read: (value) => (asDefault(value, "", ...usual) ? nothing : hookSet(key, read(value))),
  };
}

export const hookFlags: readonly FlagRow[] = [
  {
    flags: ["ipxe-http-script-osie-url", "osie-url"],
    where: "`boot.hook.url`, with `boot.script`: hook",
    read: (value, all) =>
      value === "" ? nothing : hookSet("url", value, ...syslogHost(all), ...ownTls(all)),
  },
  row(["ipxe-http-script-kernel-name"], "kernel", ["vmlinuz"]),
  row(["ipxe-http-script-initrd-name"], "initrd", ["initramfs"]),
  row(["ipxe-script-tink-server-addr-port", "tink-server"], "tinkServer", []),
  row(["ipxe-script-tink-server-use-tls", "tink-server-tls"], "tls", ["false"], isTrue),
  row(
    ["ipxe-script-tink-server-insecure-tls", "tink-server-insecure-tls"],
    "insecureTls",
    ["false"],
    isTrue,
  ),
  row(["ipxe-http-script-retries"], "retries", ["1"], Number),
  row(["ipxe-script-retries"], "retries", ["0"], Number),
  row(["ipxe-http-script-retry-delay"], "retryDelaySeconds", ["1"], seconds),
  row(["ipxe-script-retry-delay"], "retryDelaySeconds", ["2"], seconds),
  row(["ipxe-script-syslog-fqdn"], "syslogHost", []),
];

/** SMEE's kernel line names the log server that DHCP names. */
function syslogHost(all: SmeeFlags): readonly Setting[] {
  const named = all.get("dhcp-syslog-ip") ?? "";
  const isTold = (all.get("ipxe-script-syslog-fqdn") ?? "") !== "";
  if (isTold || parseIp4(named) === null) return [];
  if (asDefault(named, "0.0.0.0", addressOf(all) ?? "")) return [];
  return [{ path: ["boot", "hook", "syslogHost"], value: named }];
}

/** Where SMEE has a certificate, workers ask by TLS unless told otherwise. */
function ownTls(all: SmeeFlags): readonly Setting[] {
  const hasOwn = ["tls-cert-file", "tls-key-file"].every((name) => (all.get(name) ?? "") !== "");
  return hasOwn ? [{ path: ["boot", "hook", "tls"], value: true }] : [];
}

function seconds(text: string): number {
  return Number(text.replace(/s$/, ""));
}

export const isoFlags: readonly FlagRow[] = [
  {
    flags: ["iso-enabled"],
    where: "`iso`",
    read: (value, all) => {
      if (!isTrue(value)) return nothing;
      const said = (...names: readonly string[]): string =>
        names.map((name) => all.get(name) ?? "").find((text) => text !== "") ?? "";
      const source = said("iso-upstream-url", "iso-url");
      const placeholder = said("iso-patch-magic-string", "iso-magic-string");
      const image = {
        ...(source === "" ? {} : { source }),
        ...(placeholder === "" ? {} : { placeholder }),
        ...(isTrue(said("iso-static-ipam-enabled")) ? { staticAddresses: true } : {}),
      };
      return { kind: "set", settings: [{ path: ["iso"], value: image }] };
    },
  },
  ofLink(["iso-upstream-url", "iso-url"], "`iso.source`"),
  ofLink(["iso-patch-magic-string", "iso-magic-string"], "`iso.placeholder`"),
  ofLink(["iso-static-ipam-enabled"], "`iso.staticAddresses`"),
];
