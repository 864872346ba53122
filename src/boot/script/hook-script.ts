import type { Mac } from "../../lib/mac.ts";
import type { NodeHook } from "../node.ts";
import type { SmeeFlavour } from "../smee-layout.ts";

/**
 * The script for HookOS, the operating system in which Tinkerbell's workflows run on a machine, as SMEE renders it:
 * the kernel's arguments word by word and in SMEE's order, as many attempts, and back to the firmware where they fail.
 */

/** `boot.hook`: what HookOS is told. */
export interface HookSettings {
  /** The line of SMEE whose script it is. */
  readonly flavour: SmeeFlavour;
  /** Where kernel and initramfs are, without a slash at the end; null: in our mirror. */
  readonly url: string | null;
  /** `HOST:PORT` of the Tink server, or a part of it; null: ours, at SMEE's usual port. */
  readonly tinkServer: string | null;
  readonly tls: boolean;
  readonly insecureTls: boolean;
  /** An address or a name; null: ours. */
  readonly syslogHost: string | null;
  /** What the names begin with; `-` and the architecture follow. */
  readonly kernel: string;
  readonly initrd: string;
  /** After the first attempt. */
  readonly retries: number;
  readonly retryDelaySeconds: number;
}

/** What the script is made for. */
export interface HookBoot {
  /** Null: nothing says anything of the machine; iPXE fills in what it knows of itself. */
  readonly machine: { readonly mac: Mac | null; readonly hook: NodeHook | null } | null;
  /** Ours, as the machine reaches it, without a slash at the end. */
  readonly baseUrl: string;
  /** In the order of the configuration, then of the machine's entry. */
  readonly kernelArgs: readonly string[];
  /** In hex; null: the boot is not traced. */
  readonly traceId: string | null;
}

/** Where HookOS's workers and its log lines go. */
export function hookHosts(
  { tinkServer, syslogHost }: Pick<HookSettings, "tinkServer" | "syslogHost">,
  baseUrl: string,
): { readonly tinkServer: string; readonly syslogHost: string } {
  const { hostname } = new URL(baseUrl);
  const [host = "", port = ""] = (tinkServer ?? "").split(":");
  const authority = `${host || hostname}:${port || usualTinkPort}`;
  return { tinkServer: authority, syslogHost: syslogHost ?? hostname };
}

const usualTinkPort = "42113";

/** The folder of kernel and initramfs for a machine; null: our mirror. */
export function hookUrl(settings: Pick<HookSettings, "url">, hook: NodeHook | null): string | null {
  return hook?.url ?? settings.url;
}

/** Whether HookOS comes from our mirror, at least in part. */
export function isMirrored(settings: Pick<HookSettings, "url">, hook: NodeHook | null): boolean {
  return hookUrl(settings, hook) === null && !(isUrl(hook?.kernel) && isUrl(hook?.initrd));
}

function isUrl(named: string | null | undefined): boolean {
  return /^https?:\/\//.test(named ?? "");
}

export function hookScript(settings: HookSettings, boot: HookBoot): string {
  const { machine, baseUrl, traceId } = boot;
  const hook = machine?.hook ?? null;
  const hosts = hookHosts(settings, baseUrl);
  const retries = machine === null && settings.flavour === "smee-standalone" ? 0 : settings.retries;
  const delay =
    machine === null && settings.flavour === "smee-standalone" ? 0 : settings.retryDelaySeconds;
  return [
    "#!ipxe",
    "",
    ...(settings.flavour === "smee" ? syslogSetting(hosts.syslogHost) : []),
    "echo Loading HookOS for this machine",
    ...(traceId === null ? [] : [`echo Debug TraceID: ${traceId}`]),
    "",
    ...architecture(hook),
    `set download-url ${hookUrl(settings, hook) ?? `${baseUrl}/artifacts`}`,
    `set kernel ${hook?.kernel ?? `${settings.kernel}-\${arch}`}`,
    `set initrd ${hook?.initrd ?? `${settings.initrd}-\${arch}`}`,
    `set retries:int32 ${retries}`,
    `set retry_delay:int32 ${delay}`,
    ...(machine === null ? ["echo HookOS comes from ${download-url}, for ${arch} and ${mac}"] : []),
    "",
    "set idx:int32 0",
    ":retry_kernel",
    `${kernelLine(settings, boot, hosts)} && goto download_initrd || ${again("kernel")}`,
    "",
    ":download_initrd",
    "set idx:int32 0",
    ":retry_initrd",
    `initrd ${inFolder("initrd", hook?.initrd)} && goto boot || ${again("initrd")}`,
    "",
    ":boot",
    "set idx:int32 0",
    ":retry_boot",
    `boot || ${again("boot")}`,
    ...failed("kernel", "the kernel of HookOS could not be loaded"),
    ...failed("initrd", "the initramfs of HookOS could not be loaded"),
    ...failed("boot", "HookOS could not be started"),
    "",
  ].join("\n");
}

/** iPXE takes a log server by its address only. */
function syslogSetting(host: string): readonly string[] {
  return [
    `set address:ipv4 ${host} && set syslog:ipv4 \${address} || nslookup syslog ${host} || echo The log server ${host} could not be resolved`,
    "clear address ||",
  ];
}

/** What the entry says, or what iPXE was built for, in the words of Linux. */
function architecture(hook: NodeHook | null): readonly string[] {
  if (hook?.arch != null) return [`set arch ${hook.arch}`];
  const linux = [
    ["i386", "x86_64"],
    ["arm32", "aarch64"],
    ["arm64", "aarch64"],
  ];
  return [
    "set arch ${buildarch}",
    ...linux.map(([built, arch]) => `iseq \${arch} ${built} && set arch ${arch} ||`),
  ];
}

/** A name in the folder, or the URL that stands in its place. */
function inFolder(setting: "kernel" | "initrd", named: string | null | undefined): string {
  return isUrl(named) ? `\${${setting}}` : `\${download-url}/\${${setting}}`;
}

function kernelLine(
  settings: HookSettings,
  { machine, kernelArgs }: HookBoot,
  hosts: { readonly tinkServer: string; readonly syslogHost: string },
): string {
  const { flavour, tls, insecureTls } = settings;
  const hook = machine?.hook ?? null;
  const extra = kernelArgs.map((word) => ` ${word}`).join("");
  const worker = `syslog_host=${hosts.syslogHost} grpc_authority=${hosts.tinkServer} tinkerbell_tls=${tls}`;
  const start = `kernel ${inFolder("kernel", hook?.kernel)}`;
  if (machine === null) {
    const consoles = ["tty1", "tty2"].map((name) => `console=${name}`);
    const serial = ["ttyAMA0", "ttyAMA1", "ttyS0", "ttyS1"].map((name) => `console=${name},115200`);
    const all = [...consoles, ...serial].join(" ");
    const twice = flavour === "smee-standalone" ? extra : "";
    return continued(
      start,
      `${worker} worker_id=\${mac} hw_addr=\${mac}`,
      `${all}${twice}`,
      `intel_iommu=on iommu=pt${extra} initrd=\${initrd}`,
    );
  }
  const mac = machine.mac ?? "${mac}";
  // The standalone SMEE names every worker by its MAC.
  const id = flavour === "smee" ? (hook?.workerId ?? mac) : mac;
  const vlan = hook?.vlanId == null ? "" : ` vlan_id=${hook.vlanId}`;
  const facility = `facility=${hook?.facility ?? ""}`;
  const early = flavour === "smee-standalone" ? extra || " " : "";
  const late = flavour === "smee-standalone" ? "" : extra;
  const initrd = flavour === "smee-standalone" ? "initramfs-${arch}" : initrdName(hook);
  return continued(
    `${start}${vlan}${early}`,
    `${facility} ${worker} tinkerbell_insecure_tls=${insecureTls} worker_id=${id} hw_addr=${mac}`,
    `modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=${initrd} console=tty0 console=ttyS1,115200${late}`,
  );
}

/** By which UEFI kernels find it: iPXE calls an image as the last part of its URL. */
function initrdName(hook: NodeHook | null): string {
  const name = hook?.initrd ?? "";
  if (!name.includes("/")) return "${initrd}";
  const path = URL.canParse(name) ? new URL(name).pathname : name;
  return path.replace(/^.*\//, "");
}

function continued(...parts: readonly string[]): string {
  return parts.join(" \\\n");
}

/** The index counts from 0, so that there is one attempt more than retries. */
function again(what: string): string {
  return (
    `iseq \${idx} \${retries} && goto ${what}_error || ` +
    `inc idx && echo retry in \${retry_delay} seconds ; sleep \${retry_delay} ; goto retry_${what}`
  );
}

/** Back to the firmware, which goes on with its next boot device. */
function failed(what: string, words: string): readonly string[] {
  return ["", `:${what}_error`, `echo eim-pxe: ${words}`, "imgfree", "exit"];
}
