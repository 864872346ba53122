import type { CodeRow } from "./meaning.ts";

import { biosMachineCodes } from "./bios-machine-codes.ts";

/*
 * Codes of BIOS boot ROMs of Intel's family (PXE 2.1 and Intel's Boot Agent), which most cards have.
 * The same number can mean something else on UEFI: see `uefi-codes.ts`.
 */

const bis = "switch off boot integrity services (BIS) in the BIOS, or update it";
const filtered =
  "let UDP 69 and the ports that TFTP answers from through the firewalls; tftp.singlePort: true needs 69 only";

/** What they say of the network and its servers. */
const biosNetworkCodes: readonly CodeRow[] = [
  [
    "E11",
    "ARP timeout",
    "the server that the boot file is on does not answer on this network: the next server (siaddr, option 66) is wrong or behind a router, or an address is used twice",
    "correct the next server in the site's DHCP server, or remove it there; set the router option where the server is on another network",
    "site",
  ],
  [
    "E32",
    "TFTP open timeout",
    "the request for the loader, or every answer to it, was lost: a firewall drops UDP 69 or the ports that TFTP answers from, or no TFTP server runs there",
    filtered,
    "network",
  ],
  [
    "E35",
    "TFTP read timeout",
    "the transfer of the loader broke off: packets are lost, or large ones do not fit through (MTU)",
    "look at the cable, the switch port's error counters and the MTU on the way; try a lower tftp.maxBlockSize",
    "network",
  ],
  [
    "E36",
    "Error received from TFTP server",
    "the TFTP server refused the file",
    "look for event tftp-refused of this machine: it names the file and the reason",
    "site",
  ],
  [
    "E38",
    "TFTP cannot open connection",
    "the card could not send",
    "look at the cable and the switch port; put in another card",
    "site",
  ],
  [
    "E39",
    "TFTP cannot read from connection",
    "the card could not receive",
    "look at the cable and the switch port; put in another card",
    "site",
  ],
  [
    "E3A",
    "TFTP too many packages",
    "the boot ROM cannot count so many packets",
    "give this machine a smaller loader (undionly.kpxe)",
    "site",
  ],
  [
    "E3B",
    "TFTP error - File Not Found",
    "the TFTP server does not have the file",
    "install the loader (apt-get install ipxe) or correct its name (boot.loaders, the node's loader)",
    "site",
  ],
  [
    "E3C",
    "TFTP error - Access Violation",
    "the TFTP server may not hand out the file",
    "look for event tftp-refused of this machine",
    "site",
  ],
  [
    "E3F",
    "TFTP packet size is invalid",
    "the block size was changed on the way, or the server answered with a larger one",
    "try tftp.maxBlockSize: 512",
    "site",
  ],
  [
    "E51",
    "No DHCP or proxyDHCP offers received",
    "no DHCP answer reached the machine: it is on another VLAN, the switch port still waits (spanning tree), a firewall drops UDP 67 and 68, or no server runs",
    "run eim-pxe probe from this network; set the port to PortFast; check VLAN and DHCP relay",
    "network",
  ],
  [
    "E52",
    "proxyDHCP offers were received. No DHCP offers were received",
    "eim-pxe answered, and nobody gave the machine an address",
    "start the site's DHCP server, or free addresses there; where there is none, set dhcp.mode: full",
    "site",
  ],
  [
    "E53",
    "No boot filename received",
    "the machine got an address and nobody said what to boot: it is refused here, there is no loader for it, or our offer came too late or was dropped",
    "look for event dhcp-refused of this machine; run eim-pxe probe",
    "site",
  ],
  [
    "E55",
    "ProxyDHCP service did not reply to request on port 4011",
    "an offer sent the machine to a boot server that does not answer on UDP 4011: the site's DHCP server sends option 60 PXEClient, or 4011 is filtered",
    "remove option 60 from the site's DHCP server; let UDP 4011 through",
    "site",
  ],
  [
    "E61",
    "Media test failure, check cable",
    "no link: no cable, a dead port, or the cable is in another card",
    "put the cable into this card; look at the link light; choose the right card in the BIOS",
    "site",
  ],
  [
    "E71",
    "Could not locate boot server",
    "the boot server that was offered does not answer",
    "run eim-pxe probe: it names the server",
    "site",
  ],
  [
    "E74",
    "Bad or missing PXE menu and/or prompt information",
    "another server's option 43 is incomplete",
    "remove option 43 from the site's DHCP server",
    "site",
  ],
  [
    "E76",
    "Bad or missing multicast discovery address",
    "another server's option 43 is incomplete",
    "remove option 43 from the site's DHCP server",
    "site",
  ],
  [
    "E77",
    "Bad or missing discovery server list",
    "another server's option 43 is incomplete",
    "remove option 43 from the site's DHCP server",
    "site",
  ],
  [
    "E78",
    "Could not locate boot server",
    "the boot server that was offered does not answer",
    "run eim-pxe probe: it names the server",
    "site",
  ],
  [
    "E79",
    "NBP is too big to fit in free base memory",
    "the machine was given a loader for UEFI, or one that is too large for a BIOS",
    "let it have undionly.kpxe (boot.loaders 0, the node's loader)",
    "site",
  ],
  [
    "E7A",
    "Client could not locate secure server",
    "the boot server that was offered does not answer",
    bis,
    "site",
  ],
  [
    "E7B",
    "Missing MTFTP server IP address",
    "another server's option 43 is incomplete",
    "remove option 43 from the site's DHCP server",
    "site",
  ],
];

export const biosCodes: readonly CodeRow[] = [...biosMachineCodes, ...biosNetworkCodes];
