import { ipxeTrustCodes } from "./ipxe-trust-codes.ts";
import type { CodeRow } from "./meaning.ts";

/*
 * iPXE's codes by their first six digits: the last two differ between builds for BIOS and for EFI.
 * Computed from iPXE's sources (src/include/errno.h, errfile.h): the kind of error, the file that met
 * it, and which of its errors.
 */

const address =
  "check that the site's DHCP server gives this machine an address, and that the switch port forwards at once (PortFast)";
const firewall = "let TCP 8080 (http.port) from the machines to this server through the firewalls";

export const ipxeCodes: readonly CodeRow[] = [
  [
    "040ee1",
    "No configuration methods succeeded",
    "iPXE got no address: the switch port waits after the link was reset, the cable is in another card, or no DHCP server answers",
    address,
    "network",
  ],
  [
    "380861",
    "Link is down",
    "no cable, or a dead switch port",
    "look at the cable and the link light",
    "site",
  ],
  [
    "1a0863",
    "Network device is not configured",
    "iPXE got no address on this card",
    address,
    "site",
  ],
  [
    "1a0862",
    "Network device is not used",
    "iPXE does not use this card",
    "put the cable into the first card",
    "site",
  ],
  [
    "2d03e1",
    "Nothing to boot",
    "iPXE got an address and nobody told it a script",
    "look for event dhcp-refused of this machine; run eim-pxe probe --firmware ipxe",
    "site",
  ],
  [
    "2d1261",
    "TFTP: file not found",
    "the TFTP server does not have the file",
    "look for event tftp-refused of this machine: it names the file",
    "site",
  ],
  [
    "2d1260",
    "TFTP: file not found",
    "the TFTP server does not have the file",
    "look for event tftp-refused of this machine: it names the file",
    "site",
  ],
  [
    "4c1260",
    "TFTP: timed out",
    "the TFTP server's answers do not arrive",
    "let UDP 69 and the ports that TFTP answers from through the firewalls",
    "network",
  ],
  [
    "021260",
    "TFTP: access denied",
    "the TFTP server refused the file",
    "look for event tftp-refused of this machine",
    "site",
  ],
  [
    "1c1261",
    "TFTP: invalid block size",
    "the server answered with a block size that iPXE did not ask for",
    "look for another TFTP server on this address",
    "site",
  ],
  [
    "3e1161",
    "DNS: name does not exist",
    "the script names a host that the site's DNS does not know",
    "correct the name in the script, or have it in the site's DNS",
    "site",
  ],
  [
    "3e1162",
    "DNS: no server",
    "the script names a host, and the machine was told no DNS server",
    "set the DNS option in the site's DHCP server, or name an address in the script",
    "site",
  ],
  [
    "4c1160",
    "DNS: timed out",
    "the DNS server that the machine was told does not answer",
    "correct the DNS option in the site's DHCP server",
    "site",
  ],
  [
    "4c0a60",
    "TCP: timed out",
    "nobody answers at the address and port of the URL",
    firewall,
    "network",
  ],
  [
    "0f0a60",
    "TCP: connection reset",
    "nothing listens at the port of the URL, or a firewall refuses",
    `see that eim-pxe serves; ${firewall}`,
    "network",
  ],
  [
    "280a60",
    "Network unreachable",
    "the URL's address is on a network that the machine has no way to",
    "set the router option in the site's DHCP server",
    "network",
  ],
  [
    "2d0c61",
    "HTTP 404: not found",
    "the server does not have the file",
    "look for event http-refused of this machine: it names the path; run eim-pxe artifacts list",
    "site",
  ],
  [
    "410c61",
    "HTTP 403: forbidden",
    "this machine is refused",
    "allow it (nodes.unknown, the node's netboot)",
    "site",
  ],
  [
    "020c61",
    "HTTP 401: access denied",
    "the server wants a password",
    "name a URL that needs none",
    "site",
  ],
  [
    "1d0c64",
    "HTTP: another refusal (4xx)",
    "the server did not accept the request",
    "look for event http-refused of this machine",
    "site",
  ],
  [
    "1d0c65",
    "HTTP: the server failed (5xx)",
    "the mirror is empty or the server is too busy",
    "run eim-pxe sync, which says what is missing",
    "site",
  ],
  [
    "1d0c62",
    "HTTP: wrong length",
    "the file changed while it was fetched",
    "power the machine on again",
    "site",
  ],
  [
    "3c0920",
    "Protocol not supported",
    "this iPXE has no HTTPS (or FTP), and the URL asks for it",
    "use a loader that has it (Debian 13's), or a URL that begins with http://",
    "site",
  ],
  [
    "0b0220",
    "Cancelled",
    "somebody pressed a key",
    "start the machine again and press nothing",
    "site",
  ],
  ...ipxeTrustCodes,
];

/** Errors of any part of iPXE, by their first two digits. */
export const ipxeKinds: readonly CodeRow[] = [
  [
    "31",
    "Out of memory",
    "the machine has too little memory for what it fetched",
    "give it more memory: twice the size of kernel and initramfs, and 512 MB",
    "site",
  ],
];
