import type { Entries } from "./entry.ts";

/** What happens on the DHCP ports. */
export const dhcpEvents = {
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
      "It asked by PXE or HTTP boot. `reason` says why it was not, `remedy` what to do, and `why` is the row of both in the [list of causes](diagnosis.md). `/api/v1/boots` and `/api/v1/nodes` show it too.",
    show: { every: 600_000, by: ["mac", "why"] },
  },
  "relay-not-served": {
    level: "warn",
    message: "a relay agent forwards requests of a network that is not configured",
    meaning:
      "In mode full. `relay` is the relay agent, `network` an address of the network that its option 82 or its own address names; `remedy` says what to configure. Nobody in that network is answered.",
    show: { every: 3_600_000, by: ["interface", "network"] },
  },
  adapted: {
    level: "info",
    message: "the firmware asked again without progress, so it is answered in another way",
    meaning:
      "Firmware passes over what it cannot use and asks again. `way` is the offer style that it is answered in now: `direct`, load the file of the offer; `boot-server`, ask port 4011; `menu`, choose from a menu with one item. If none helps, look at what else answers on this link: `eim-pxe probe`.",
  },
  "competing-offer": {
    level: "debug",
    message: "another server's offer to a machine that boots was overheard",
    meaning:
      "In mode proxy. `offered` is the address, null for a proxy, and `network` the one that it is in; `reachesUs`: this server is in it, or a router is named; `pxe`: it has option 60 `PXEClient`; `bootFile`: it names one; `discovery`: option 43 says where to look for a boot server; `lacks`: what is missing there. A boot that does not go on is explained by it.",
    show: { every: 60_000, by: ["mac", "server"] },
  },
  "taken-elsewhere": {
    level: "debug",
    message: "a machine that boots took another server's offer",
    meaning:
      "In mode full. Its DHCPREQUEST names `server` (option 54), so what it boots next comes from there. `shared`: that is a server of the same database (`leases.store`), where the boot goes on, and this server's own timeline of it ends; `server` is its name where only its timeline shows that. Any other server is named as the cause where the boot is heard of no more (`other-server-taken`).",
    show: { every: 60_000, by: ["mac", "server"] },
  },
  "unbeatable-server": {
    level: "error",
    message: "another DHCP server keeps this machine from our offers",
    meaning:
      "`reason` says why no proxy helps and what to remove from `server`; see the row of this name in the [list of causes](diagnosis.md).",
    show: { every: 60_000, by: ["mac", "server"] },
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
      "It fetched its loader after an answer of this `way`, and gets that at once from now on. `eim-pxe nodes forget MAC` forgets it.",
  },
  "way-forgotten": {
    level: "info",
    message: "what was known of this machine's firmware is forgotten",
    meaning:
      "By `eim-pxe nodes forget`. The next time it is answered as a machine that nothing is known of.",
  },
  "loader-changed": {
    level: "warn",
    message: "a machine's loader does not run there, so it is given the one of the other kind",
    meaning:
      "It fetched `insteadOf` whole twice, and nothing was heard of iPXE after that. `loader` has the network drivers that the other one lacks: iPXE's own, or the firmware's. A machine with a loader in the nodes file keeps that, and a signed loader is replaced by a signed one only. See [a loader that stays silent](booting.md#a-loader-that-stays-silent).",
  },
  "loader-learnt": {
    level: "info",
    message: "it is known now which loader runs on this machine",
    meaning:
      "iPXE was heard after the machine had fetched `loader`, which it gets in place of `insteadOf` from now on. `eim-pxe nodes forget MAC` forgets it.",
  },
  "ways-unread": {
    level: "warn",
    message: "what was learnt of the machines' firmware could not be read",
    meaning:
      "`ways.json` or `loaders.json` in `dataDir` is damaged. Machines boot, but some of them need a second try until it is learnt anew.",
  },
  "ways-unkept": {
    level: "warn",
    message: "what was learnt of the machines' firmware could not be written",
    meaning:
      "`ways.json` or `loaders.json` in `dataDir` could not be written (a full disk?). It holds until the server restarts.",
  },
  "loader-loop": {
    level: "warn",
    message:
      "a machine fetched its loader again and again, so it is given the script's URL instead",
    meaning:
      "What asks was handed `loader` twice and nothing was heard of it. It is an iPXE that does not say so, or the firmware does not start the loader: see `user-class-unknown` and `loader-refused` in the [list of causes](diagnosis.md).",
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
      "`reason` says why; `dropped` is how many since the last such event. Machines that have an entry or a lease are answered all the same. Look on this link for whoever asks with ever new hardware addresses, or for a machine that asks in a loop.",
    show: { every: 10_000, by: ["interface"], sum: "dropped" },
  },
  "dhcp-send-failed": {
    level: "error",
    message: "a DHCP reply could not be sent",
    meaning: "The kernel refused the datagram; look at the interface's address and link state.",
    show: { every: 10_000, by: ["interface"] },
  },
  "dhcp-failed": {
    level: "error",
    message: "a DHCP request could not be answered",
    meaning:
      "The lease could not be written to `dataDir` (a full disk?), or it is a fault of ours; `reason` says which. Nothing was acknowledged.",
    show: { every: 10_000, by: ["interface", "reason"] },
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
    message: "a machine found its address in use by another host",
    meaning:
      "It declined the address (DHCPDECLINE), which is kept out of use for an hour where another host was found there or that could not be checked, else for ten minutes (always ten for a reserved address). Look for a static address inside the pool; `eim-pxe leases` lists what is in quarantine.",
    show: { every: 60_000, by: ["mac"] },
  },
  "decline-doubted": {
    level: "warn",
    message: "a machine declined its address and was not believed",
    meaning:
      "It keeps the address; `reason` says what was found. Anybody on the link can send a DHCPDECLINE in a machine's name. If it comes again and again for one machine, look for a host that uses its address now and then, or for whoever sends such packets.",
    show: { every: 60_000, by: ["interface"] },
  },
  "address-in-use": {
    level: "warn",
    message: "an address that was to be offered is in use by someone else",
    meaning:
      "Somebody answers at it who has no lease. An address of a pool is kept out of use for a while, and the machine is offered another one; a reserved address is offered all the same. Look for a static address inside the pool, or for who uses the reserved one.",
  },
  "reservation-held": {
    level: "warn",
    message:
      "a machine does not get its reserved address, which another network card or machine has",
    meaning:
      "`holder` has a lease of `reserved`, or an offer. Where both are cards of one machine, whose entry names a uuid, only the first that asks gets the address: give each card an entry by its mac, or switch network boot off on the other one. Else the lease is older than the reservation: `eim-pxe leases release` ends it. `address` is what the machine is offered meanwhile.",
    show: { every: 3_600_000, by: ["mac", "reserved"] },
  },
  "conflict-check-unreliable": {
    level: "warn",
    message: "somebody answers for every address of a network",
    meaning:
      "Three addresses of `network` in a row were found in use and none free: a router or switch answers in everybody's place (proxy ARP, private VLAN), or a hostile machine does. They are offered all the same, and no address of this network is looked at for ten minutes. Turn proxy ARP off on the device that answers (`ip neigh` shows one hardware address for all), or move the pool if its addresses really are in use.",
  },
  "lease-refused": {
    level: "info",
    message: "a wanted address was refused",
    meaning: "A DHCPNAK was sent; the machine starts over and gets a right address.",
  },
  "pool-full": {
    level: "error",
    message: "no address is left to lease",
    meaning:
      "Of the `addresses` in the pools of `network`, `leased` are leased and `quarantined` are kept out of use, since another host was found to use them or a machine declined them; `kept` are left for machines with an entry in the nodes file. What to do is in the row `no-address-left` of the [list of causes](diagnosis.md); `dhcp-refused` names the machines. Many in quarantine: look for static addresses inside the pool. Many leased to machines that nobody knows: look for whoever asks with ever new hardware addresses.",
    show: { every: 60_000, by: ["interface"] },
  },
  "other-dhcp-server": {
    level: "error",
    message: "another DHCP server is on this link",
    meaning:
      "`server` offered `offered` to a machine that nobody knows, or it answered, or a machine took its address from there (`offered` is null then). In mode full two servers hand out the same addresses: find the other one and stop it, unless both are meant to be there (`dhcp.allowOtherServers`).",
    show: { every: 3_600_000, by: ["interface", "server"] },
  },
  "journal-unwritable": {
    level: "error",
    message: "leases cannot be written to disk",
    meaning:
      "`reason` says why (a full disk?). Machines that renew are acknowledged for as long as the journal already gives them; nothing new is leased. Make room in `dataDir`; it is tried again with each request. With `leases.store: postgres` the database is away: look at `database-away`.",
  },
  "journal-writable": {
    level: "info",
    message: "leases are written to disk again",
    meaning: "What `journal-unwritable` reported is over; `failed` records were refused meanwhile.",
  },
  "lease-conflict": {
    level: "info",
    message: "another server gave the address to a machine at the same moment",
    meaning:
      "Two servers that share their leases in a database (`leases.store`) wanted to lease one address at the same moment, or gave one machine two addresses: the first one has it, `reason` says which. This machine is told to ask anew and gets another address at once. Nothing has to be done, unless it happens all the time: then the pools are nearly used up.",
    show: { every: 60_000, by: ["mac"] },
  },
  "journal-damaged": {
    level: "error",
    message: "the lease journal is damaged",
    meaning:
      "`records` lines of `leases.journal` were unreadable and left out at start; `reason` is the first. Look at the disk.",
  },
} satisfies Entries;
