import type { Finding } from "../lib/finding.ts";

/*
 * Causes of failed boots that more than one room finds: DHCP, the timeline's rules, and `probe`. Each has
 * its words here, once. `{names}` stand for what was found.
 */

export const unbeatableServer = {
  code: "unbeatable-server",
  cause:
    "another DHCP server, {server}, makes machines pass over every boot server but itself: {server} sends option 60 PXEClient with its addresses and no option 43, so firmware asks port 4011 of {server} and looks at no proxy (passed over: {proxies})",
  remedy:
    "remove option 60 (vendor class identifier) from the DHCP server {server}; it is left there by WDS or an older PXE set-up. No setting of a proxy helps",
  who: "network",
} as const satisfies Finding;

export const noAddress = {
  code: "no-address",
  cause: "{server} offers boot information, and no server offers an address",
  remedy:
    "first start the site's DHCP server; if it runs, check that it has free addresses and answers unknown machines; only where the site has none, set dhcp.mode: full, so that this server gives out addresses",
  who: "site",
} as const satisfies Finding;

export const machineDenied = {
  code: "machine-denied",
  cause: "this machine, {mac}, is denied: {reason}",
  remedy:
    "write an entry for {mac} with netboot: allow into the nodes file; or, instead, set nodes.unknown: allow for all machines",
  who: "site",
} as const satisfies Finding;

export const fileMissing = {
  code: "file-missing",
  cause: "{file} is missing: the TFTP server {server} says there is no such file",
  remedy:
    "put it into a folder of artifacts.loaderDirs (apt-get install ipxe brings loaders), or name another one under boot.loaders or as the node's loader",
  who: "site",
} as const satisfies Finding;

export const tftpRefused = {
  code: "tftp-refused",
  cause: "the TFTP server {server} refused {file}: {reason}",
  remedy:
    "where the reason names a key of the configuration, change that; else look in the log of {server} for this transfer",
  who: "site",
} as const satisfies Finding;

export const httpBlocked = {
  code: "http-blocked",
  cause: "the HTTP port of {host} is blocked: {seen}",
  remedy:
    "let TCP to {host} through the firewalls between the machines and it, and through its own",
  who: "network",
} as const satisfies Finding;

export const mirrorEmpty = {
  code: "mirror-empty",
  cause: "the mirror is empty: {url} gives status 503: {reason}",
  remedy: "run eim-pxe sync, which says what is wrong",
  who: "site",
} as const satisfies Finding;

/** Where a key goes that firmware with Secure Boot has to know. */
export const enrolKey =
  "in the firmware's set-up, mostly under Security or Boot: Secure Boot, Key Management, Authorised Signatures (db), append";
