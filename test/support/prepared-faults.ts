import { machineDenied } from "../../src/boot/causes.ts";
import { filledIn } from "../../src/lib/finding.ts";
import { type Beat, say, siteServer } from "./boot-story.ts";
import {
  addressed,
  asked,
  biosLoaded,
  initramfs,
  inIpxe,
  scripted,
  twiceInVain,
} from "./failing-boots.ts";

/** A boot that stands still, prepared so that it is known what is wrong. */
export interface PreparedFault {
  readonly name: string;
  /** What was done to the site. */
  readonly prepared: string;
  /** What the page has to say. */
  readonly code: string;
  /** What whoever reads the page has to do next. */
  readonly action: string;
  readonly beats: readonly Beat[];
  /** What holds for machines that nothing names. */
  readonly unknownNodes: "allow" | "deny";
}

function fault(
  name: string,
  code: string,
  beats: readonly Beat[],
  prepared: string,
  action: string,
  unknownNodes: PreparedFault["unknownNodes"] = "allow",
): PreparedFault {
  return { name, code, beats, prepared, action, unknownNodes };
}

/** The machine of the pages that show them. */
export const faultMac = "52:54:00:7a:10:01";

const denied = filledIn(machineDenied, {
  mac: faultMac,
  reason: "no node entry matches this machine and nodes.unknown is deny",
});

/** Ten that sites have, each of another kind. */
export const preparedFaults: readonly PreparedFault[] = [
  fault(
    "unknown-machine",
    "machine-denied",
    [
      [0, say.discover()],
      [0, say.refused("machine-denied", denied)],
    ],
    "nodes.unknown is deny, and nothing names the machine",
    "allow the machine on this page, then power it on again",
    "deny",
  ),
  fault(
    "option-60-elsewhere",
    "unbeatable-server",
    [...asked, [1, say.competing({ pxe: true })]],
    `the site's DHCP server ${siteServer} still has option 60 of a PXE server that is gone`,
    `remove option 60 from the DHCP server ${siteServer}`,
  ),
  fault(
    "no-dhcp-server",
    "no-address",
    asked,
    "the site's DHCP server is switched off",
    "start the site's DHCP server (or see that it has free addresses)",
  ),
  fault(
    "tftp-answers-filtered",
    "tftp-answers-blocked",
    [...addressed, [34, say.tftpFailed(0)]],
    "a firewall lets UDP 69 through, and no answers from other ports",
    "have the network team open the ports that TFTP answers from, or set tftp.singlePort",
  ),
  fault(
    "small-mtu",
    "large-packets-lost",
    [...addressed, [3, say.loaderStart()], [40, say.tftpFailed(1468 * 4)]],
    "a tunnel with a smaller MTU is between machine and server",
    "have the network team correct the MTU, or set tftp.maxBlockSize: 512",
  ),
  fault(
    "secure-boot",
    "loader-refused",
    twiceInVain,
    "Secure Boot is on and the loader is not signed",
    "switch Secure Boot off in the machine's set-up, or enrol the key",
  ),
  fault(
    "wrong-loader",
    "loader-too-large",
    biosLoaded,
    "boot.loaders gives BIOS machines the loader for UEFI",
    "remove the entry for 0 from boot.loaders, so that BIOS machines get undionly.kpxe",
  ),
  fault(
    "http-port-filtered",
    "http-blocked",
    [...inIpxe, [2, say.address()]],
    "a firewall drops TCP 8080 to the server",
    "have the network team let TCP 8080 from the machines to the server through",
  ),
  fault(
    "wrong-clock",
    "reported-certificate-time",
    [...scripted, [9, say.beacon("failed", "0216e43c")]],
    "the machine's clock is in 2012",
    "set the clock in the machine's firmware set-up",
  ),
  fault(
    "too-little-memory",
    "too-little-memory",
    [
      ...initramfs,
      [9, say.aborted(90_000_000)],
      [20, say.initramfs()],
      [24, say.aborted(91_000_000)],
    ],
    "the machine has 512 MB of memory",
    "give the machine more memory",
  ),
];
