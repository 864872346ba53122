import type { CodeRow } from "./meaning.ts";

/* Codes of UEFI firmware that is built on EDK2 (NetworkPkg/UefiPxeBcDxe), which nearly all is. */

export const uefiCodes: readonly CodeRow[] = [
  [
    "E05",
    "Buffer size is smaller than the requested file",
    "the loader is larger than the server said at first: it was exchanged in between, or a proxy on the way cut the answer",
    "power the machine on again",
    "site",
  ],
  [
    "E07",
    "Network device error",
    "the network card did not work",
    "look at cable and card; update the firmware",
    "site",
  ],
  [
    "E09",
    "Could not allocate I/O buffers",
    "the firmware has no memory left for the loader",
    "update the firmware; give the machine a smaller loader (snponly.efi)",
    "site",
  ],
  [
    "E12",
    "Could not detect network connection",
    "no link: no cable, a dead port, or the cable is in another card",
    "put the cable into this card; look at the link light; choose the right card in the firmware's boot menu",
    "site",
  ],
  [
    "E16",
    "No valid offer received",
    "no DHCP offer that the firmware can use: none came (another VLAN, spanning tree, snooping, a firewall), nobody gave an address, or another server's option 60 keeps it from ours",
    "run eim-pxe probe from this network, which tells these apart",
    "network",
  ],
  [
    "E18",
    "Server response timeout",
    "the machine has an address and its TFTP request, or every answer to it, was lost: a firewall drops UDP 69 or the ports that TFTP answers from, or the server is behind a router that the machine was not told",
    "let UDP 69 and the answers through (tftp.singlePort: true needs 69 only); set the router option in the site's DHCP server",
    "network",
  ],
  [
    "E19",
    "Bootfile not found",
    "the TFTP server does not have the file",
    "install the loader (apt-get install ipxe) or correct its name",
    "site",
  ],
  [
    "E21",
    "Remote boot cancelled",
    "somebody pressed a key, or the firmware went on to its next entry",
    "start the machine again and press nothing",
    "site",
  ],
  [
    "E22",
    "Client received ICMP error from server",
    "nothing listens on the port that the machine asked: TFTP does not run there, or a firewall refuses",
    "check that eim-pxe serves and that the next server (siaddr, option 66) is its address",
    "site",
  ],
  [
    "E23",
    "Client received TFTP error from server",
    "the TFTP server refused the file",
    "look for event tftp-refused of this machine: it names the file and the reason",
    "site",
  ],
  [
    "E53",
    "No boot filename received",
    "the machine got an address and nobody said what to boot: it is refused here, or there is no loader for it",
    "look for event dhcp-refused of this machine; run eim-pxe probe",
    "site",
  ],
  [
    "E55",
    "ProxyDHCP service did not reply to request on port 4011",
    "an offer sent the machine to a boot server that does not answer on UDP 4011",
    "remove option 60 from the site's DHCP server; let UDP 4011 through",
    "site",
  ],
  [
    "E99",
    "Unexpected network error",
    "the firmware did not accept an answer, or ran out of something",
    "look at what the machine was offered with eim-pxe probe; update the firmware",
    "site",
  ],
];
