import { unbeatableInWords } from "../../dhcp/message/pxe-hijack.ts";
import { ANY_ADDRESS, type Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Nothing } from "./boot-choice.ts";
import type { BootSource } from "../wire/boot-source.ts";
import type { DenialEvidence } from "./denial.ts";
import type { Firmware } from "../wire/dhcp-requests.ts";
import { type Diagnosis, diagnoseHttp, diagnoseTftp, type FileRole } from "./download-rules.ts";
import type { Fault } from "../wire/failure.ts";

/*
 * Why a boot would fail, in words for the person who has to mend it: a table from what was seen on the
 * wire to the likely cause and to what to do.
 */

export type ProbeFailure =
  | { readonly kind: "nothing"; readonly reason: Nothing; readonly evidence: Circumstances }
  | {
      readonly kind: "boot-server";
      readonly server: Ip4;
      /** The server that keeps firmware from looking at any proxy, when that is why it asked. */
      readonly unbeatable: Ip4 | null;
      /** The proxies whose offers it did not look at. */
      readonly proxies: readonly Ip4[];
    }
  | { readonly kind: "boot-server-empty"; readonly server: Ip4 }
  | {
      readonly kind: "download";
      readonly role: FileRole;
      readonly source: BootSource;
      readonly fault: Fault;
      /** A closed UDP port was reported by ICMP. */
      readonly portClosed: boolean;
    }
  | { readonly kind: "script"; readonly location: string; readonly seen: string };

/** The machine, and what was found out about whether it is denied. */
export interface Circumstances extends DenialEvidence {
  readonly mac: Mac;
  readonly firmware: Firmware;
  readonly interface: string;
}

export function diagnoseProbe(failure: ProbeFailure): Diagnosis {
  switch (failure.kind) {
    case "nothing":
      return diagnoseNothing(failure.reason, failure.evidence);
    case "boot-server":
      return failure.unbeatable === null
        ? bootServerSilent(failure.server)
        : unbeatable(failure.unbeatable, failure.proxies);
    case "boot-server-empty":
      return {
        code: "unusable-offer",
        cause: `the boot server ${failure.server} answered on port 4011 and named no boot file`,
        remedy: `give it a boot file for this architecture, or stop it: systems that answer there are dnsmasq, WDS and eim-pxe`,
      };
    case "download":
      return failure.source.kind === "tftp"
        ? diagnoseTftp(failure.role, failure.source, failure.fault, failure.portClosed)
        : diagnoseHttp(failure.role, failure.source.url, failure.fault);
    case "script":
      return {
        code: "script-unusable",
        cause: `what iPXE is told to run, ${failure.location}, is no boot script that fetches a kernel: ${failure.seen}`,
        remedy:
          `a server that hands iPXE the loader once more makes it load itself for ever: ` +
          `have it answer user class iPXE (option 77) with the script's URL, http://ADDRESS:8080/boot.ipxe`,
      };
  }
}

function diagnoseNothing(reason: Nothing, evidence: Circumstances): Diagnosis {
  const { mac } = evidence;
  switch (reason.why) {
    case "no-answer":
      return {
        code: "no-server",
        cause: `no DHCP server answered on ${evidence.interface}`,
        remedy:
          `check that a server runs and serves this link (its interface, its VLAN); that this host is on the ` +
          `machines' link; that the switch port forwards at once (PortFast); that no firewall or DHCP snooping ` +
          `drops UDP 67 and 68`,
      };
    case "no-address":
      return {
        code: "no-address",
        cause: `${list(reason.servers)} offers boot information, and no server offers an address`,
        remedy:
          `start the site's DHCP server, or check that it has free addresses and answers unknown machines; ` +
          `where there is none, give eim-pxe dhcp.mode: full`,
      };
    case "unusable":
      return {
        code: "unusable-offer",
        cause: `${reason.server} offers boot information that ${evidence.firmware} firmware passes over: ${reason.fault}`,
        remedy: `mend the offer of ${reason.server}, or take it off the link; see with: tcpdump -vni ${evidence.interface} udp port 67`,
      };
    case "no-boot-information":
      return denied(evidence) ?? addressesOnly(reason.servers, mac);
  }
}

function denied(evidence: Circumstances): Diagnosis | null {
  const { mac, refusal, bootsOthers } = evidence;
  if (refusal !== null) {
    return {
      code: "machine-denied",
      cause: `${refusal.server} denies this machine, ${mac}: ${refusal.text}`,
      remedy: allow(mac),
    };
  }
  if (bootsOthers === null) return null;
  return {
    code: "machine-denied",
    cause: `this machine, ${mac}, is denied: ${bootsOthers} offers boot information to others on this link and none to it`,
    remedy: allow(mac),
  };
}

function addressesOnly(servers: readonly Ip4[], mac: Mac): Diagnosis {
  return {
    code: "no-boot-information",
    cause:
      `only an address server answered (${list(servers)}), nobody with boot information: no boot server ` +
      `reaches this link, or there is one and this machine, ${mac}, is denied (a proxy is silent then)`,
    remedy:
      `check that eim-pxe runs and serves this link, and look in its log for event dhcp-refused with this MAC; ` +
      `with nodes.unknown: deny give --mac the MAC of a machine in the nodes file`,
  };
}

function allow(mac: Mac): string {
  return (
    `in the nodes file: an entry for ${mac} with netboot: allow, or nodes.unknown: allow for all; ` +
    `event dhcp-refused in the server's log has the reason. Probe as another machine with --mac`
  );
}

function unbeatable(server: Ip4, proxies: readonly Ip4[]): Diagnosis {
  const passedOver = proxies.length === 0 ? "" : ` (passed over: ${list(proxies)})`;
  const { cause, remedy } = unbeatableInWords(server);
  return {
    code: "unbeatable-server",
    cause: `${cause}${passedOver}; nothing answers there`,
    remedy,
  };
}

function bootServerSilent(server: Ip4): Diagnosis {
  return {
    code: "boot-server-silent",
    cause: `the offer sends the machine to the boot server ${server}, which does not answer on UDP 4011`,
    remedy: `let UDP 4011 through to ${server} and check that its PXE service runs; an eim-pxe answers there`,
  };
}

function list(servers: readonly Ip4[]): string {
  return servers.filter((server) => server !== ANY_ADDRESS).join(", ");
}
