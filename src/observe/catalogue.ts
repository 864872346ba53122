import type { EventName } from "./events.ts";

/** The level and the words of each event. `docs/events.md` is this table for people. */

export type Level = "debug" | "info" | "warn" | "error";

export interface EventEntry {
  readonly level: Level;
  /** The constant text of the log line. */
  readonly message: string;
  /** For operators: what it means and what to do. */
  readonly meaning: string;
}

export const eventCatalogue: { readonly [Name in EventName]: EventEntry } = {
  listening: {
    level: "info",
    message: "all sockets are bound",
    meaning: "Every socket that the configuration asks for is open; `sockets` lists them.",
  },
  ready: {
    level: "info",
    message: "a machine could boot now",
    meaning: "Sockets are bound and a verified generation of the Micro-OS is served.",
  },
  "not-ready": {
    level: "warn",
    message: "no machine could boot now",
    meaning: "Something that a boot needs is missing; `reasons` says what. `/readyz` answers 503.",
  },
  "link-up": {
    level: "info",
    message: "a link is served from now on",
    meaning:
      "The interface came, came back, or has another address; DHCP in this `mode`, TFTP and HTTP answer there at `address`; `sockets` lists them. The links that are served from the start are in `listening` instead.",
  },
  "link-down": {
    level: "warn",
    message: "a configured link is not served",
    meaning:
      "`reason` says what is missing; other links are not disturbed. The interface is looked at every two seconds and served as soon as that is mended, without a restart (`link-up`). Told again after a minute and then less and less often, at last once an hour.",
  },
  "shared-socket": {
    level: "warn",
    message: "the DHCP socket hears the broadcasts of other interfaces too",
    meaning:
      "Without the optional package koffi a socket cannot be bound to one interface. Install it, or let systemd pass the socket, if this host has a second network.",
  },
  "announce-failed": {
    level: "warn",
    message: "other commands cannot find this server",
    meaning:
      "`running.json` could not be written to `dataDir` (a full disk?). Machines boot; `eim-pxe sync` and `artifacts` cannot ask the server then, and refuse to work beside it.",
  },
  reloaded: {
    level: "info",
    message: "the nodes file was read again",
    meaning: "After SIGHUP; `nodes` is the number of entries now in force.",
  },
  "reload-failed": {
    level: "error",
    message: "the nodes file could not be read again; the former entries stay in force",
    meaning: "Mend what `reason` names (file, line and column) and send SIGHUP again.",
  },
  stopping: {
    level: "info",
    message: "stopping",
    meaning: "A signal asked the process to end; running transfers have a few seconds to finish.",
  },

  discover: {
    level: "info",
    message: "the firmware asks how to boot",
    meaning: "First stage of a boot: a DHCPDISCOVER of a PXE or UEFI HTTP client.",
  },
  offer: {
    level: "info",
    message: "the firmware was told what to boot",
    meaning:
      "Our offer left; `boots` is the loader that it names, and `way` how it was said: `direct`, `boot-server` or `menu`.",
  },
  "loader-start": {
    level: "info",
    message: "the loader is being fetched",
    meaning: "The firmware took our offer and asks for the loader by TFTP or HTTP.",
  },
  "loader-done": {
    level: "info",
    message: "the loader was fetched",
    meaning: "The last byte of the loader was acknowledged. The firmware starts it next.",
  },
  "ipxe-discover": {
    level: "info",
    message: "iPXE asks how to go on",
    meaning: "The loader runs and asks by DHCP, or the machine's own firmware is iPXE.",
  },
  "ipxe-offer": {
    level: "info",
    message: "iPXE was told its script",
    meaning: "Our offer left; `boots` is the URL of the script.",
  },
  script: {
    level: "info",
    message: "the boot script was fetched",
    meaning: "The machine runs `boot.ipxe`; from here on kernel and initramfs follow.",
  },
  kernel: {
    level: "info",
    message: "the kernel is being fetched",
    meaning: "The machine asks for the Micro-OS's kernel.",
  },
  "initramfs-start": {
    level: "info",
    message: "the initramfs is being fetched",
    meaning: "The kernel is there; the machine asks for the Micro-OS's initramfs.",
  },
  "initramfs-done": {
    level: "info",
    message: "the initramfs was fetched",
    meaning:
      "The last byte was handed to the network. It does not yet prove that the kernel started.",
  },
  "micro-os": {
    level: "info",
    message: "the Micro-OS is up",
    meaning: "Proved by a beacon, or by the operating system's own DHCP request (`evidence`).",
  },

  autoexec: {
    level: "info",
    message: "iPXE fetched the script that lies beside its loader",
    meaning:
      "iPXE 1.21 and later looks for `autoexec.ipxe` by itself; ours sends it on to `boot.ipxe`.",
  },
  beacon: {
    level: "info",
    message: "a machine reported",
    meaning: "A script or the Micro-OS sent a message to `/events`.",
  },
  "address-learned": {
    level: "debug",
    message: "a machine asks the site's server for this address",
    meaning:
      "Proxy mode listens to broadcast requests to know which machine an address belongs to.",
  },
  "system-dhcp": {
    level: "debug",
    message: "an operating system asked for an address",
    meaning:
      "A DHCP request of an ordinary client. After the initramfs was fetched it proves that the Micro-OS runs.",
  },
  "dhcp-ignored": {
    level: "debug",
    message: "a DHCP packet was not for us",
    meaning: "Nothing was answered; `reason` says why.",
  },
  "dhcp-refused": {
    level: "warn",
    message: "a machine that wants to boot was not served",
    meaning:
      "It asked by PXE or HTTP boot, and policy or its architecture forbids; `reason` says which.",
  },
  adapted: {
    level: "info",
    message: "the firmware asked again without progress, so it is answered in another way",
    meaning:
      "Firmware passes over what it cannot use and asks again. `way` is what it is told now: `direct`, load the file of the offer; `boot-server`, ask port 4011; `menu`, choose from a menu with one item. If none helps, look at what else answers on this link: `eim-pxe probe`.",
  },
  "unbeatable-server": {
    level: "error",
    message: "another DHCP server keeps this machine from our offers",
    meaning:
      "`server` sends option 60 `PXEClient` with its addresses and no option 43. Firmware then asks that server's port 4011 and looks at no proxy, whatever we send. Remove option 60 there; it is left by WDS or an older PXE set-up.",
  },
  "offers-unheard": {
    level: "warn",
    message: "other servers' offers cannot be overheard on this interface",
    meaning:
      "Something holds UDP 68, a DHCP client of this host as a rule, or koffi is missing; `reason` says which. Machines boot, but a site's server that keeps them from our offers is not noticed. `eim-pxe probe` looks for one.",
  },
  "way-learnt": {
    level: "info",
    message: "it is known now how to answer this machine",
    meaning:
      "It fetched its loader after an answer of this `way`, which it gets from the first time on from now. `eim-pxe nodes forget MAC` makes it a newcomer.",
  },
  "way-forgotten": {
    level: "info",
    message: "what was known of this machine's firmware is forgotten",
    meaning: "By `eim-pxe nodes forget`. It is answered as a newcomer the next time.",
  },
  "ways-unread": {
    level: "warn",
    message: "what was learnt of the machines' firmware could not be read",
    meaning:
      "`ways.json` in `dataDir` is damaged. Machines boot, but some of them need a second try until it is learnt anew.",
  },
  "ways-unkept": {
    level: "warn",
    message: "what was learnt of the machines' firmware could not be written",
    meaning:
      "`ways.json` in `dataDir` could not be written (a full disk?). It holds until the server restarts.",
  },
  "loader-loop": {
    level: "warn",
    message: "a machine fetched its loader again and again, so it is told the script instead",
    meaning:
      "What asks was handed `loader` twice and nothing was heard of it. Either it is an iPXE that does not say so: name its user class (option 77) in `boot.userClasses`. Or the firmware does not start the loader: Secure Boot, or another processor.",
  },
  "dhcp-malformed": {
    level: "debug",
    message: "a datagram on the DHCP port was not DHCP",
    meaning: "Dropped and counted. Many of them point to a broken or hostile neighbour.",
  },
  "dhcp-flood": {
    level: "warn",
    message: "DHCP requests are dropped unread",
    meaning:
      "`reason` says why; `dropped` is how many since the last such event, which comes every ten seconds at most. Machines that have an entry or a lease are answered all the same. Look on this link for whoever asks with ever new hardware addresses, or for a machine that asks in a loop.",
  },
  "dhcp-send-failed": {
    level: "error",
    message: "a DHCP reply could not be sent",
    meaning: "The kernel refused the datagram; look at the interface's address and link state.",
  },
  "dhcp-failed": {
    level: "error",
    message: "a DHCP request could not be answered",
    meaning:
      "The lease could not be written to `dataDir` (a full disk?), or it is a fault of ours; `reason` says which. Nothing was acknowledged.",
  },
  "lease-granted": {
    level: "info",
    message: "an address was leased",
    meaning: "Mode full acknowledged the address; the lease is in the journal.",
  },
  "lease-released": {
    level: "info",
    message: "an address was given back",
    meaning: "The machine sent DHCPRELEASE.",
  },
  "lease-declined": {
    level: "warn",
    message: "an address is in use by someone else",
    meaning:
      "A machine declined it; it is kept out of use for a while. Look for a static address inside the pool.",
  },
  "address-in-use": {
    level: "warn",
    message: "an address that was to be offered is in use by someone else",
    meaning:
      "Somebody answers at it who has no lease. It is kept out of use for a while, and the machine is offered another one. Look for a static address inside the pool.",
  },
  "lease-refused": {
    level: "info",
    message: "a wanted address was refused",
    meaning: "A DHCPNAK was sent; the machine starts over and gets a right address.",
  },
  "pool-full": {
    level: "error",
    message: "no address is left to lease",
    meaning: "Enlarge `pools`, shorten `leaseSeconds`, or remove machines that are gone.",
  },
  "other-dhcp-server": {
    level: "error",
    message: "another DHCP server is on this link",
    meaning:
      "`server` offered `offered` to a machine that nobody knows, or it answered, or a machine took its address from there (`offered` is null then). In mode full two servers hand out the same addresses: find the other one and stop it, unless both are meant to be there (`dhcp.allowOtherServers`).",
  },
  "journal-unwritable": {
    level: "error",
    message: "leases cannot be written to disk",
    meaning:
      "`reason` says why (a full disk?). Machines that renew are acknowledged for as long as the journal already gives them; nothing new is leased. Make room in `dataDir`; it is tried again with each request.",
  },
  "journal-writable": {
    level: "info",
    message: "leases are written to disk again",
    meaning: "What `journal-unwritable` told of is over; `failed` records were refused meanwhile.",
  },
  "journal-damaged": {
    level: "error",
    message: "the lease journal is damaged",
    meaning:
      "`records` lines of `leases.journal` were unreadable and left out at start; `reason` is the first. Look at the disk.",
  },
  "tftp-refused": {
    level: "warn",
    message: "a TFTP request was refused",
    meaning: "The file does not exist or may not be read; `reason` says which.",
  },
  "tftp-rescued": {
    level: "info",
    message: "a file was sent under another name than was asked for",
    meaning:
      "The firmware asked for `asked`, which does not exist, and `file` must be meant: bytes of the DHCP packet behind the name, capitals, or the second stage whose name is built into a shim.",
  },
  "tftp-probe": {
    level: "debug",
    message: "the firmware asked for the size of a file only",
    meaning: "UEFI asks for `tsize` first and aborts with ERROR 8. It is not a failure.",
  },
  "tftp-failed": {
    level: "warn",
    message: "a TFTP transfer ended before its end",
    meaning:
      "The client stopped answering or aborted; `reason` says which. Many `retransmissions` point to a link that loses packets.",
  },
  "tftp-malformed": {
    level: "debug",
    message: "a datagram on the TFTP port was not TFTP",
    meaning: "Dropped and counted.",
  },
  "http-refused": {
    level: "warn",
    message: "an HTTP request was refused",
    meaning:
      "`reason` says why: nothing is served at `path`, policy forbids the boot, or no generation is there yet.",
  },
  "download-aborted": {
    level: "warn",
    message: "a download ended before its end",
    meaning: "The machine closed the connection: it was reset, or it gave up.",
  },

  "sync-start": {
    level: "debug",
    message: "the mirror asks the orchestrator",
    meaning: "A synchronisation began.",
  },
  "sync-progress": {
    level: "info",
    message: "a file is being fetched from the orchestrator",
    meaning: "Every ten seconds of a long download: how far it is, its rate, and what remains.",
  },
  "sync-retry": {
    level: "warn",
    message: "a request to the orchestrator failed and is made again",
    meaning:
      "`reason` says why, `delayMs` when. A download goes on where it broke. Many of them point to a bad line or an orchestrator that is overloaded.",
  },
  "sync-file": {
    level: "info",
    message: "a file was fetched from the orchestrator",
    meaning: "It is in staging; it is served only after the whole set was verified.",
  },
  "sync-done": {
    level: "info",
    message: "the mirror is up to date",
    meaning: "`changed` tells whether a new generation is served from now on.",
  },
  "sync-failed": {
    level: "error",
    message: "the mirror could not be brought up to date",
    meaning:
      "`reason` says why. Machines go on booting from the generation `serving`, if there is one.",
  },
  "origin-failed": {
    level: "warn",
    message: "an origin failed and the next one is asked",
    meaning: "There are several in `artifacts.origin`; `reason` says what is wrong with this one.",
  },
  "origin-untrusted": {
    level: "error",
    message: "the orchestrator presents a certificate that is not trusted",
    meaning:
      "Nothing is fetched from it; machines boot from what is here. It renews its certificate once a year, or somebody stands between. Compare `presented` with what the orchestrator's operator reads (`openssl x509 -fingerprint -sha256`); `remedy` says how to accept it.",
  },
  "origin-certificate": {
    level: "debug",
    message: "the orchestrator's certificate",
    meaning:
      "The one that it was trusted with, at the first synchronisation and when it changes. Its end is also the metric `eim_pxe_origin_certificate_expiry_timestamp_seconds`.",
  },
  "certificate-expiring": {
    level: "warn",
    message: "the orchestrator's certificate comes to its end",
    meaning:
      "In less than 30 days, told once a day. The orchestrator renews it 90 days ahead; ask its operator why it has not.",
  },
  "ca-trusted": {
    level: "warn",
    message: "a CA was fetched and is trusted from now on",
    meaning:
      "`how`: `pinned` is what `artifacts.ca.sha256` names; `public` came from a host that a public CA vouches for; `first-use` was believed because it was the first: compare `fingerprint` with the orchestrator's operator and set it as `artifacts.ca.sha256`.",
  },
  "loader-fetched": {
    level: "info",
    message: "a loader was fetched",
    meaning: "From its URL in `artifacts.loaderUrls`; it has the SHA-256 that is pinned there.",
  },
  "loader-unusable": {
    level: "error",
    message: "a loader cannot be used",
    meaning:
      "`reason` says why: its URL in `artifacts.loaderUrls` cannot be fetched or brings other bytes than those that are pinned, or it does not fit the machines that get it.",
  },
  "disk-full": {
    level: "error",
    message: "the disk is too full for the mirror",
    meaning:
      "`missingBytes` have to be freed under `dataDir` before `file` can be fetched. Machines boot from what is here; the next synchronisation tries again.",
  },
  "generation-imported": {
    level: "info",
    message: "a set was imported",
    meaning: "By `eim-pxe artifacts import`; it is served unless another generation is pinned.",
  },
  "generation-pinned": {
    level: "warn",
    message: "the generation that is served was chosen by hand",
    meaning:
      "By `eim-pxe artifacts pin` or `rollback`. Newer ones are fetched and kept, and not served, until `eim-pxe artifacts pin latest` (`generation` is null then).",
  },
  "generation-damaged": {
    level: "warn",
    message: "a stored generation is not whole and is not served",
    meaning:
      "Found at the start or by the daily check: something was lost or changed on disk. An older whole generation is served, and the next synchronisation fetches what is missing. If it happens again, look at the disk.",
  },
};
