import type { BootRule } from "./diagnosis.ts";
import { noAddress, unbeatableServer } from "../../boot/causes.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import {
  type BootEvidence,
  fellSilent,
  firmwareOf,
  hostOf,
  isLastWord,
  stepOf,
  stopsAt,
  textOf,
  tookAddress,
} from "./evidence.ts";

/*
 * Why firmware does not come to its loader: the first row that holds is the cause, so what is proved comes
 * before what is inferred.
 */

/** PXE firmware takes its pick of offers within a second where one of them suits it. */
const lateMs = 1000;

export const offerRules: readonly BootRule[] = [
  {
    code: "other-server-taken",
    cause:
      "the machine took the address that another DHCP server, {server}, offered it, and not ours: what it boots is what that server says",
    remedy:
      "stop the DHCP service on {server}; where both are meant to be there, keep that one from answering the machines that are to boot from here, or set dhcp.mode: proxy on this interface and leave the addresses to it",
    who: "site",
    certainty: "proved",
    onScreen: { bios: ["PXE-E53"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { boot } = evidence;
      const { taken } = boot.seen;
      const waits = stopsAt(evidence, "discover", "offer", "ipxe-discover", "ipxe-offer");
      return waits && isLastWord(boot, taken) ? { server: taken.server } : null;
    },
  },
  {
    ...unbeatableServer,
    certainty: "proved",
    onScreen: { bios: ["PXE-E55"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const server = stopsAt(evidence, "offer") ? unbeatableOf(evidence) : null;
      return server === null ? null : { server, proxies: "eim-pxe" };
    },
  },
  {
    code: "broken-boot-menu",
    cause:
      "{server} offers this machine a boot menu in option 43 that lacks {missing}, which its own discovery control (43.6) needs",
    remedy: "remove option 43 from {server}, or complete it",
    who: "network",
    certainty: "proved",
    onScreen: { bios: ["PXE-E77", "PXE-E74"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { competing } = evidence.boot.seen;
      const broken = competing.find(({ pxe, lacks }) => pxe && lacks.length > 0);
      return stopsAt(evidence, "offer") && broken !== undefined
        ? { server: broken.server, missing: broken.lacks.join(", ") }
        : null;
    },
  },
  {
    code: "preferred-boot-server",
    cause:
      "the DHCP server {server} sends options 60 PXEClient and 43 with the machine's address: firmware boots by them and prefers them to every proxy",
    remedy:
      "remove options 60 and 43 from {server}, if its machines are to boot from here; no setting of a proxy helps",
    who: "network",
    certainty: "proved",
    onScreen: { bios: ["PXE-E55"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { boot } = evidence;
      const firmware = firmwareOf(boot);
      const preferred = boot.seen.competing.find(
        ({ offered, pxe, discovery }) => offered !== null && pxe && discovery,
      );
      return stopsAt(evidence, "offer") && firmware !== "uefi-http" && preferred !== undefined
        ? { server: preferred.server }
        : null;
    },
  },
  {
    code: "competing-proxy",
    cause:
      "another proxy, {server}, answers this machine with option 60 PXEClient and no boot file: firmware then asks port 4011 of {server}",
    remedy:
      "stop the PXE service on {server}, or let UDP 4011 through to it if it is the one wanted",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E55"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { competing } = evidence.boot.seen;
      const proxy = competing.find(
        ({ offered, pxe, bootFile, discovery }) =>
          offered === null && pxe && !bootFile && !discovery,
      );
      return stopsAt(evidence, "offer") && proxy !== undefined ? { server: proxy.server } : null;
    },
  },
  {
    code: "answers-forbidden",
    cause: "this host's own firewall forbids sending {file} to the machine by TFTP: {reason}",
    remedy:
      "let UDP out of this host from the ports of tftp.dataPorts (nft list ruleset, or iptables -S OUTPUT, shows what forbids it); or set tftp.singlePort: true, which needs port 69 only",
    who: "site",
    certainty: "proved",
    onScreen: { bios: ["PXE-E32"], uefi: ["PXE-E18"] },
    when: (evidence) => {
      const { tftpFailed } = evidence.boot.seen;
      return stopsAt(evidence, "offer", "loader-start") && tftpFailed?.reason.includes("EPERM")
        ? { file: tftpFailed.file, reason: tftpFailed.reason }
        : null;
    },
  },
  {
    code: "tftp-answers-blocked",
    cause:
      "the machine asks for {file} by TFTP, and our answers do not reach it: a firewall lets UDP 69 through but not the ports that we answer from",
    remedy:
      "either set tftp.singlePort: true here, which needs port 69 only; or set tftp.dataPorts to a range here, and let that range through the firewall between the machines and this server",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E32"], uefi: ["PXE-E18"] },
    when: (evidence) => {
      const { tftpFailed } = evidence.boot.seen;
      return stopsAt(evidence, "offer") && tftpFailed !== null && fellSilent(tftpFailed)
        ? { file: tftpFailed.file }
        : null;
    },
  },
  {
    code: "offer-late",
    cause:
      "our offer left {seconds} s after the machine asked, when it had taken an address without a boot file from another server",
    remedy: "look for what keeps this host busy, or set the site's DHCP server to answer later",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E53"], uefi: ["PXE-E53"] },
    when: (evidence) => {
      const { boot } = evidence;
      const asked = stepOf(boot, "discover")?.firstAtMs;
      const told = stepOf(boot, "offer")?.firstAtMs;
      if (asked === undefined || told === undefined || told - asked <= lateMs) return null;
      return stopsAt(evidence, "offer") && tookOthersAddress(evidence)
        ? { seconds: ((told - asked) / 1000).toFixed(1) }
        : null;
    },
  },
  {
    ...noAddress,
    certainty: "inferred",
    onScreen: { bios: ["PXE-E52"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { seen } = evidence.boot;
      const offered = seen.competing.some(({ offered: address }) => address !== null);
      return stopsAt(evidence, "offer") &&
        isProxied(evidence) &&
        seen.addressAtMs === null &&
        !offered &&
        overhears(evidence)
        ? { server: "eim-pxe" }
        : null;
    },
  },
  {
    code: "server-out-of-reach",
    cause:
      "{server} gives this machine an address of {network} and no router: the boot server is in another network, and cannot be reached from there",
    remedy:
      "set the router (option 3) of {network} in {server}, or have it give these machines addresses of this server's network",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E11"], uefi: ["PXE-E53", "PXE-E18"] },
    when: (evidence) => {
      const addresses = evidence.boot.seen.competing.filter(({ offered }) => offered !== null);
      const [first] = addresses;
      return ignoresTftp(evidence) &&
        first?.network != null &&
        addresses.every(({ reachesUs }) => !reachesUs)
        ? { server: first.server, network: first.network }
        : null;
    },
  },
  {
    code: "second-proxy",
    cause:
      "another proxy, {server}, offers this machine boot information too, and the machine took an address and asked for nothing here: its firmware took that offer",
    remedy:
      "stop the PXE service on {server}, or have it leave out the machines that are to boot from here; of two proxies on one link firmware takes the one that is quicker",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E32", "PXE-E53"], uefi: ["PXE-E18", "PXE-E23"] },
    when: (evidence) => {
      const proxy = evidence.boot.seen.competing.find(
        ({ offered, pxe, bootFile, discovery }) =>
          offered === null && pxe && (bootFile || discovery),
      );
      return ignoresTftp(evidence) && proxy !== undefined ? { server: proxy.server } : null;
    },
  },
  {
    code: "offers-dropped",
    cause:
      "this machine and others took addresses of the site's DHCP server and asked for nothing here: a switch drops our offers (DHCP snooping), or UDP 69 is blocked on the way to this server",
    remedy:
      "have the switch trust this server's port for DHCP, and let UDP 69 to this server through; eim-pxe probe on another host of the link shows whether our offers arrive",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E53"], uefi: ["PXE-E16"] },
    when: (evidence) => {
      const { othersPassUs, othersUseTftp } = evidence.site;
      const passes = ignoresTftp(evidence) && isProxied(evidence);
      return passes && othersPassUs && !othersUseTftp ? {} : null;
    },
  },
  {
    code: "tftp-blocked",
    cause:
      "the machine has an address and knows its loader, and no TFTP request arrived from it or from any other machine: UDP 69 is blocked on the way to this server",
    remedy: "let UDP 69 to this server through the firewalls, and through the one of this host",
    who: "network",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E32"], uefi: ["PXE-E18"] },
    when: (evidence) => (ignoresTftp(evidence) && !evidence.site.othersUseTftp ? {} : null),
  },
  {
    code: "offer-passed-over",
    cause:
      "the firmware has an address and did not ask for its loader, although other machines here do: it does not accept what it was offered",
    remedy:
      "look at what the site's DHCP server sends it (a missing router option, a URL where a file name is expected), and for newer firmware",
    who: "site",
    certainty: "inferred",
    onScreen: { bios: ["PXE-E53"], uefi: ["PXE-E99", "PXE-E18"] },
    when: (evidence) => (ignoresTftp(evidence) && evidence.site.othersUseTftp ? {} : null),
  },
];

/** Whether the offers of addresses that the machine had all send its firmware to their own server. */
function unbeatableOf({ boot }: BootEvidence): Ip4 | null {
  const { unbeatable, competing } = boot.seen;
  if (unbeatable !== null) return unbeatable;
  const firmware = firmwareOf(boot);
  if (firmware !== "bios" && firmware !== "uefi") return null;
  const addresses = competing.filter(({ offered }) => offered !== null);
  const all = addresses.every(({ pxe, discovery }) => pxe && !discovery);
  return all ? (addresses[0]?.server ?? null) : null;
}

/** Another server gives the addresses. */
function isProxied({ boot }: BootEvidence): boolean {
  return !boot.seen.offersAddress;
}

function tookOthersAddress(evidence: BootEvidence): boolean {
  return isProxied(evidence) && tookAddress(evidence, "discover");
}

/** An address that another server offered to the machine would have been heard. */
function overhears({ boot, site }: BootEvidence): boolean {
  return site.hearsOffers && stepOf(boot, "discover")?.detail["broadcast"] === true;
}

/** It has an address and the name of a file, and did not ask our TFTP server for anything. */
function ignoresTftp(evidence: BootEvidence): boolean {
  const { tftpProbedAtMs, tftpRefused: refused, tftpFailed } = evidence.boot.seen;
  return (
    stopsAt(evidence, "offer") &&
    hostOf(textOf(stepOf(evidence.boot, "offer"), "boots")) === null &&
    tookAddress(evidence, "discover") &&
    tftpProbedAtMs === null &&
    refused === null &&
    tftpFailed === null
  );
}
