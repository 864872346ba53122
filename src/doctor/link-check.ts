import type { Finding } from "../lib/finding.ts";
import type { Ip4, Subnet } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { ProbeResult } from "../pxe-client/probe/probe.ts";
import type { Firmware } from "../pxe-client/wire/dhcp-requests.ts";
import type { CheckLine } from "./check.ts";
import { configurationText } from "../setup/configuration-text.ts";

/*
 * What the PXE servers of a link would do for machines, whoever made these servers: four kinds of firmware
 * played against them, other machines' attempts, and one sentence at the end.
 */

export interface PlayedFirmware {
  readonly firmware: Firmware;
  readonly result: ProbeResult;
}

/** A machine that asked how to boot while it was listened. */
export interface OtherMachine {
  readonly mac: Mac;
  /** `x86-64 UEFI`. */
  readonly machine: string;
  /** Its DHCPDISCOVERs; firmware asks at 0, 4, 12 and 28 s. */
  readonly asked: number;
  /** It took an offer. */
  readonly wentOn: boolean;
}

export interface LinkEvidence {
  readonly interface: string;
  readonly address: Ip4;
  readonly subnet: Subnet;
  readonly played: readonly PlayedFirmware[];
  readonly others: readonly OtherMachine[];
  /** Why other machines could not be overheard; null: they could. */
  readonly unheard: string | null;
  readonly listenedMs: number;
}

/** One sentence on the link, and what to paste where; null where nothing is to be set. */
export interface LinkVerdict {
  readonly sentence: string;
  readonly setting: string | null;
}

const inWords: Readonly<Record<Firmware, string>> = {
  bios: "BIOS firmware",
  uefi: "UEFI firmware",
  "uefi-http": "UEFI firmware set to HTTP boot",
  ipxe: "iPXE in the network card",
};

const none = { remedy: null, code: null, who: null } as const;

/** Firmware that is set to HTTP boot, finds nothing of the kind, and boots by PXE next. */
function goesOnToPxe({ firmware, result }: PlayedFirmware, uefiBoots: boolean): boolean {
  const code = result.failure?.code;
  const notOffered = code === "no-boot-information" || code === "no-server";
  return firmware === "uefi-http" && uefiBoots && notOffered;
}

export function firmwareLine(one: PlayedFirmware, uefiBoots: boolean): CheckLine {
  const { firmware, result } = one;
  const id = `firmware-${firmware}`;
  const { failure, steps } = result;
  if (failure === null) {
    const loader = steps.find(({ step }) => step === "loader" || step === "script");
    const bytes = steps.reduce((sum, step) => sum + (step.bytes ?? 0), 0);
    const found = `${inWords[firmware]} would boot: ${loader?.detail ?? ""}, ${bytes} bytes in all`;
    return { id, status: "ok", found, ...none };
  }
  const { code, cause, remedy, who } = failure;
  if (goesOnToPxe(one, uefiBoots)) {
    return {
      id,
      status: "warn",
      found: `${inWords[firmware]} is offered nothing here, and goes on to PXE`,
      remedy: "leave the machines' firmware at PXE over IPv4, or have a server answer HTTPClient",
      code: "http-boot-not-offered",
      who: "site",
    };
  }
  return { id, status: "fail", found: `${inWords[firmware]}: ${cause}`, remedy, code, who };
}

export function otherMachineLines(evidence: LinkEvidence): readonly CheckLine[] {
  const { others, unheard, listenedMs } = evidence;
  const id = "other-machines";
  const seconds = Math.round(listenedMs / 1000);
  if (unheard !== null) {
    return [
      {
        id,
        status: "warn",
        found: `other machines could not be overheard: ${unheard}`,
        remedy: "run eim-pxe doctor as root on a host without a DHCP server",
        code: "machines-not-heard",
        who: "site",
      },
    ];
  }
  if (others.length === 0) {
    return [{ id, status: "ok", found: `no other machine asked in ${seconds} s`, ...none }];
  }
  return others.map(({ mac, machine, asked, wentOn }) => {
    const tried = `${mac} (${machine}) asked ${asked} ${asked === 1 ? "time" : "times"} in ${seconds} s`;
    if (wentOn) return { id, status: "ok", found: `${tried} and took an offer`, ...none };
    if (asked < 2) return { id, status: "ok", found: `${tried}; it may still go on`, ...none };
    return {
      id,
      status: "warn",
      found: `${tried} and took no offer`,
      remedy: `see what it is answered with: eim-pxe probe --interface ${evidence.interface} --mac ${mac}`,
      code: "machine-takes-no-offer",
      who: "site",
    };
  });
}

/** The sentence at the end. */
export function linkVerdict(evidence: LinkEvidence): LinkVerdict {
  const { played, interface: name, address, subnet } = evidence;
  const uefiBoots = played.some(({ firmware, result }) => firmware === "uefi" && result.wouldBoot);
  const byPxeInstead = played.filter((one) => goesOnToPxe(one, uefiBoots));
  const failures = played.flatMap((one) => {
    const { firmware, result } = one;
    if (result.failure === null || byPxeInstead.includes(one)) return [];
    return [{ firmware, finding: result.failure }];
  });
  const servers = new Set(played.flatMap(({ result }) => result.servers.map((one) => one.server)));
  const heard = [...servers].join(", ");
  if (failures.length === 0) {
    const how =
      byPxeInstead.length === 0 ? "" : "; those set to HTTP boot by PXE, which comes next";
    return {
      sentence: `Machines of every kind would boot on ${name}, from ${heard}${how}.`,
      setting: null,
    };
  }
  const all = (code: string) =>
    failures.length === played.length && failures.every(({ finding }) => finding.code === code);
  if (all("no-server")) {
    return {
      sentence: `Nobody answers DHCP on ${name}: if this link has no DHCP server, let this host be it, with eim-pxe in mode full.`,
      setting: configurationText({ interface: name, address, subnet, mode: "full" }),
    };
  }
  if (all("no-boot-information")) {
    return {
      sentence: `${heard} gives out addresses on ${name}, and nobody says what to boot: let eim-pxe do that beside it, in mode proxy.`,
      setting: configurationText({ interface: name, address, subnet, mode: "proxy" }),
    };
  }
  const [worst] = failures;
  if (worst !== undefined && all("request-not-sent")) {
    return {
      sentence: `What machines find on ${name} cannot be told from here: ${worst.finding.cause}.`,
      setting: settingFor(worst.finding),
    };
  }
  const who = failures.length === played.length ? "no machine" : kindsOf(failures);
  return {
    sentence: `On ${name} ${who} would boot: ${worst?.finding.cause ?? ""}.`,
    setting: worst === undefined ? null : settingFor(worst.finding),
  };
}

function kindsOf(failures: readonly { readonly firmware: Firmware }[]): string {
  return `not all machines (not ${failures.map(({ firmware }) => inWords[firmware]).join(", not ")})`;
}

function settingFor({ code, remedy }: Finding): string {
  if (code !== "unbeatable-server") return `# ${remedy}`;
  return [
    `# ${remedy}. For example:`,
    "# dnsmasq:    remove dhcp-option=60,PXEClient and dhcp-option=vendor:PXEClient,… lines",
    '# ISC dhcpd:  remove  option vendor-class-identifier "PXEClient";',
    "# Windows:    netsh dhcp server delete optionvalue 60",
    "# all others: eim-pxe explain --other-server PRODUCT",
  ].join("\n");
}
