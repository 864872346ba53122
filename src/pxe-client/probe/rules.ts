import { machineDenied, noAddress, unbeatableServer } from "../../boot/causes.ts";
import { filledIn, type Finding, judge, type Rule } from "../../lib/finding.ts";
import { ANY_ADDRESS, type Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Firmware } from "../wire/dhcp-requests.ts";
import type { Nothing } from "./boot-choice.ts";
import type { DenialEvidence } from "./denial.ts";
import { diagnoseDownload, type DownloadFailure } from "./download-rules.ts";

/*
 * Why a boot would fail, as rows: from what was seen on the wire to the cause and to what to do.
 */

export type ProbeFailure =
  | { readonly kind: "nothing"; readonly reason: Nothing; readonly evidence: Circumstances }
  | ({ readonly kind: "boot-server" } & BootServerFailure)
  | ({ readonly kind: "download" } & DownloadFailure)
  | {
      readonly kind: "denied";
      readonly location: string;
      readonly mac: Mac;
      readonly reason: string;
    }
  /** Judged by the rows of a boot's timeline. */
  | { readonly kind: "found"; readonly finding: Finding }
  | { readonly kind: "script"; readonly location: string; readonly seen: string };

/** The machine, and what was found out about whether it is denied. */
export interface Circumstances extends DenialEvidence {
  readonly mac: Mac;
  readonly firmware: Firmware;
  readonly interface: string;
  /** The error with which this host refused to send the request; null: it left. */
  readonly unsent: string | null;
}

export interface BootServerFailure {
  readonly server: Ip4;
  /** It did answer, and named no boot file. */
  readonly answered: boolean;
  /** The server that keeps firmware from looking at any proxy, when that is why it asked. */
  readonly unbeatable: Ip4 | null;
  /** The proxies whose offers it did not look at. */
  readonly proxies: readonly Ip4[];
}

export function diagnoseProbe(failure: ProbeFailure): Finding {
  switch (failure.kind) {
    case "nothing": {
      const { reason, evidence } = failure;
      return judge(offerRules, { ...evidence, reason }) ?? unexplained(reason.why);
    }
    case "boot-server":
      return judge(bootServerRules, failure) ?? unexplained("boot-server");
    case "found":
      return failure.finding;
    case "download":
      return diagnoseDownload(failure);
    case "denied": {
      const { mac, location, reason } = failure;
      return filledIn(machineDenied, { mac, reason: `${location} says: ${reason}` });
    }
    case "script":
      return filledIn(scriptUnusable, { location: failure.location, seen: failure.seen });
  }
}

const unusableOffer = {
  code: "unusable-offer",
  cause: "{server} offers boot information that {firmware} passes over: {fault}",
  remedy:
    "correct the offer of {server}, or take it off the link; see with: tcpdump -vn udp port 67 or udp port 4011",
  who: "site",
} as const satisfies Finding;

/** Firmware was offered nothing that it can use. */
export const offerRules: readonly Rule<Circumstances & { readonly reason: Nothing }>[] = [
  {
    code: "request-not-sent",
    cause: "this host could not send its own DHCP request on {interface}: {error}",
    remedy:
      "where a firewall of this host drops what it sends (EPERM), let UDP to ports 67 and 68 out (nft list ruleset, iptables -S OUTPUT); where the network is down or unreachable, see ip addr show {interface}",
    who: "site",
    when: ({ reason, unsent, interface: name }) =>
      reason.why === "no-answer" && unsent !== null ? { interface: name, error: unsent } : null,
  },
  {
    code: "no-server",
    cause: "no DHCP server answered on {interface}",
    remedy:
      "check that a server runs and serves this link (its interface, its VLAN); that this host is on the machines' link; that the switch port forwards at once (PortFast); that no firewall or DHCP snooping drops UDP 67 and 68",
    who: "network",
    when: ({ reason, interface: name }) =>
      reason.why === "no-answer" ? { interface: name } : null,
  },
  {
    ...noAddress,
    when: ({ reason }) => (reason.why === "no-address" ? { server: list(reason.servers) } : null),
  },
  {
    ...unusableOffer,
    when: ({ reason, firmware }) =>
      reason.why === "unusable"
        ? { server: reason.server, firmware: `${firmware} firmware`, fault: reason.fault }
        : null,
  },
  {
    ...machineDenied,
    when: ({ reason, mac, refusal, bootsOthers }) => {
      if (reason.why !== "no-boot-information") return null;
      if (refusal !== null) return { mac, reason: `${refusal.server} says: ${refusal.text}` };
      return bootsOthers === null
        ? null
        : {
            mac,
            reason: `${bootsOthers} offers boot information to others on this link and none to it`,
          };
    },
  },
  {
    code: "no-boot-information",
    cause:
      "only an address server answered ({servers}), nobody with boot information: no boot server reaches this link, or there is one and this machine, {mac}, is denied (a proxy is silent then)",
    remedy:
      "check that eim-pxe runs and serves this link, and look in its log for event dhcp-refused with this MAC; with nodes.unknown: deny give --mac the MAC of a machine in the nodes file",
    who: "site",
    when: ({ reason, mac }) =>
      reason.why === "no-boot-information" ? { servers: list(reason.servers), mac } : null,
  },
];

/** The boot server on port 4011 that an offer names did not help. */
export const bootServerRules: readonly Rule<BootServerFailure>[] = [
  {
    ...unusableOffer,
    when: ({ server, answered }) =>
      answered
        ? { server, firmware: "firmware", fault: "its answer on port 4011 names no boot file" }
        : null,
  },
  {
    ...unbeatableServer,
    when: ({ unbeatable: server, proxies }) =>
      server === null ? null : { server, proxies: list(proxies) || "none was heard" },
  },
  {
    code: "boot-server-silent",
    cause:
      "the offer sends the machine to the boot server {server}, which does not answer on UDP 4011",
    remedy:
      "let UDP 4011 through to {server} and check that its PXE service runs; an eim-pxe answers there",
    who: "site",
    when: ({ server }) => ({ server }),
  },
];

export const scriptUnusable = {
  code: "script-unusable",
  cause: "what iPXE is told to run, {location}, is no boot script that fetches a kernel: {seen}",
  remedy:
    "a server that hands iPXE the loader once more makes it load itself again and again: have it answer user class iPXE (option 77) with the script's URL, http://ADDRESS:8080/boot.ipxe",
  who: "site",
} as const satisfies Finding;

/** Whatever no row has foreseen. */
export const noRule = {
  code: "unexplained",
  cause: "the boot ends here ({seen}), and eim-pxe has no rule that explains it",
  remedy: "send the output of eim-pxe probe --json to the makers of eim-pxe",
  who: "us",
} as const satisfies Finding;

function unexplained(seen: string): Finding {
  return filledIn(noRule, { seen });
}

function list(servers: readonly Ip4[]): string {
  return servers.filter((server) => server !== ANY_ADDRESS).join(", ");
}
