import type { Entries } from "./entry.ts";

/** The database that several servers share. */
export const databaseEvents = {
  "database-away": {
    level: "error",
    message: "the database that the servers share cannot be used, so no new address is leased",
    meaning:
      "`reason` says why the database of `leases.store` cannot be used. Until it can, machines keep the addresses that this server knows they have and renew them for as long as the database already gives them; everything but new addresses goes on (files, proxy answers). Decisions about machines are in force here at once and reach the other servers when the database is back. Start the database or mend the way to it; it is tried again every second. After a wrong password or a missing right: correct the file of `urlFile`, which is read again each time.",
    show: { every: 60_000, by: ["place", "reason"], upTo: 3_600_000, until: "database-back" },
  },
  "database-back": {
    level: "info",
    message: "the database that the servers share is in use",
    meaning:
      "What the other servers leased and decided meanwhile is known here now, and addresses are leased. `awaySeconds` says how long that was not so; 0 at the start of the server.",
  },
  "timelines-unshared": {
    level: "warn",
    message: "the other servers do not see this one's boots, nor this one theirs",
    meaning:
      "`reason` says why the tables of timelines (`eim_pxe_boots`, `eim_pxe_boot_events`) in the database of `leases.store` cannot be used: mostly the database's user may not make tables. Leases and decisions are shared all the same. Give the user the right to create tables, or make them as a user that may; it is tried again at each connection.",
  },
} satisfies Entries;

/** Which of several replicas answers DHCP in mode full. */
export const leaderEvents = {
  "leader-acquired": {
    level: "info",
    message: "this replica is the leader and answers DHCP in mode full",
    meaning:
      "It holds the Lease object `lease` (`leader.kubernetesLease`). `recoveringSeconds` is 0 where its journal has every lease. Else another replica granted leases on a volume of its own: for so long, until each machine has renewed its lease, every address is checked by ARP before it is offered, and no machine is refused the address that it has.",
  },
  "leader-lost": {
    level: "warn",
    message: "this replica is no longer the leader and answers no DHCP in mode full",
    meaning:
      "`reason` says why. Another replica takes over as soon as it may; files are handed out by all of them as before. Where the Lease could not be renewed, look at the way from this replica to the API server.",
  },
  "leader-elsewhere": {
    level: "info",
    message: "another replica answers DHCP in mode full",
    meaning:
      "`leader` holds the Lease object `lease`. This replica hands out files, answers DHCP in mode proxy, and takes over when that one is gone.",
  },
  "leader-unknown": {
    level: "warn",
    message: "the Lease that says who answers DHCP cannot be asked for or written",
    meaning:
      "`reason` is what the API server at `source` said, or why it cannot be reached. Where the leader reaches it, machines get their addresses as before; else no replica answers in mode full until it can be reached again. An answer of 401 or 403: the service account needs get, create and update on leases.coordination.k8s.io.",
    show: { every: 60_000, by: ["lease", "reason"], upTo: 3_600_000, until: "leader-acquired" },
  },
  "leader-unfit": {
    level: "error",
    message: "this replica could be the leader, but cannot use its lease journal",
    meaning:
      "It leaves the Lease to the other replicas and tries again after 30 seconds. `reason` says what is wrong with the folder of the journal: is its volume mounted, and may this user write there?",
  },
} satisfies Entries;
