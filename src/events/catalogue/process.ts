import type { Entries } from "./entry.ts";

/** Of the program itself and its links. */
export const processEvents = {
  listening: {
    level: "info",
    message: "all sockets are bound",
    meaning: "Every socket that the configuration asks for is open; `sockets` lists them.",
  },
  "admin-changed": {
    level: "info",
    message: "somebody changed something by the admin port",
    meaning:
      "After each request there that changes something and was not refused: a machine allowed or denied, a lease released, imported or pinned, a synchronisation, a generation pinned or imported. `request` is what was asked, `by` who asked, as far as that can be known: a command says which user ran it. Signing in is none.",
  },
  "http-limits": {
    level: "info",
    message: "what HTTP may take of this host",
    meaning:
      "At the start: files of the Micro-OS are kept in memory up to `memoryBytes` while machines fetch them, and larger ones are read from disk for each machine (`http.memoryBytes`; `auto` is half of what was free). The boot port has `connections` for all clients at all addresses together, which follows from the file descriptors that this process may have, and `connectionsPerClient` for each client address.",
  },
  "few-descriptors": {
    level: "warn",
    message: "the limit of file descriptors allows fewer machines at once",
    meaning:
      "At the start: this process may have `descriptors` (`ulimit -n`), which is enough for `tftpTransfers` TFTP transfers and `httpConnections` HTTP connections at the same time. Raise it to 4096 or more: `ulimit -n 4096`, LimitNOFILE=4096 in the systemd unit, or --ulimit nofile=4096 for a container.",
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
      "`reason` says what is missing; other links are not disturbed. The interface is looked at every two seconds and served as soon as that is mended, without a restart (`link-up`).",
    show: { every: 60_000, by: ["interface", "reason"], upTo: 3_600_000, until: "link-up" },
  },
  "shared-socket": {
    level: "warn",
    message: "the DHCP socket hears the broadcasts of other interfaces too",
    meaning:
      "Without the optional package koffi a socket cannot be bound to one interface. If this host has a second network, install it ([from where](installing.md#several-network-cards)), or let systemd pass the socket ([how](systemd.md#sockets-that-systemd-opens)).",
  },
  "root-given-up": {
    level: "info",
    message: "the server runs as another user than root",
    meaning:
      "At the start by root: every thread of the process is `user`'s (number `uid`) from before the first socket was opened, and none has a right of root's but `capabilities`. Key `user` says who it is.",
  },
  "root-kept": {
    level: "warn",
    message: "the server runs as root",
    meaning:
      "At the start by root: it could not become another user, for `reason`; `remedy` says what to do. A fault of the server would have the whole host at its mercy. `user: root` says that this is wanted.",
  },
  "unreadable-files": {
    level: "warn",
    message: "files that were read at the start cannot be read again",
    meaning:
      "Root has read these `files` of the configuration before the server became `user`, who may not: what is changed in them, such as a renewed certificate, counts only after a restart. Let that user read them (`chgrp`, `chmod g+r`, for folders `g+x`).",
  },
  "announce-failed": {
    level: "warn",
    message: "other commands cannot find this server",
    meaning:
      "`running.json` could not be written to `dataDir` (a full disk?). Machines boot; `eim-pxe sync` and `artifacts` cannot ask the server then, and refuse to work beside it.",
  },
  "check-failed": {
    level: "warn",
    message: "something on this host would keep machines from booting",
    meaning:
      "At the start: one of the checks of `eim-pxe doctor` that take no time (disk, loaders, this host's firewall) failed; `reason` says what was found and `remedy` what to do. `eim-pxe doctor` runs all of them.",
  },
  reloaded: {
    level: "info",
    message: "the nodes were read again",
    meaning:
      "The nodes file has changed, or SIGHUP asked for it; `nodes` is the number of entries now in force.",
  },
  "reload-failed": {
    level: "error",
    message: "the nodes file could not be read again; the former entries stay in force",
    meaning:
      "Mend what `reason` names (file, line and column); the file is read again as soon as it changes.",
  },
  "restart-needed": {
    level: "warn",
    message: "the configuration was changed where only a restart brings it into force",
    meaning:
      "At SIGHUP: these `keys` of the configuration file or the environment are others than those in force. The nodes file and certificates were read again.",
  },
  "clock-step": {
    level: "warn",
    message: "the system's clock was set",
    meaning:
      "By `seconds` (below 0: back), while the server was `running`, or before this start (`found` is `starting`), since the lease journal was written. Leases keep what is left of their time; the journal says from now on which clock its times are by. Once after power-on is usual on a host whose clock has no battery. When it comes again and again, two programs set the clock: leave it to one time service (`timedatectl`, `chronyc tracking`).",
    show: { every: 60_000, by: ["found"], sum: "seconds" },
  },
  stopping: {
    level: "info",
    message: "stopping",
    meaning: "A signal asked the process to end; running transfers have a few seconds to finish.",
  },
  "subscriber-failed": {
    level: "error",
    message: "a part of eim-pxe failed on an event",
    meaning:
      "A fault of ours: `subscriber` names the part that did not take in an event, `reason` is its error. Machines are answered and the other parts go on; what this part shows may be incomplete until a restart. Reported once for each part; please report it to the makers of eim-pxe.",
  },
} satisfies Entries;
