import type { Entries } from "./entry.ts";

/** What becomes of files that machines ask for. */
export const transferEvents = {
  "tftp-refused": {
    level: "warn",
    message: "a TFTP request was refused",
    meaning: "The file does not exist or may not be read; `reason` says which.",
  },
  "optional-file": {
    level: "debug",
    message: "a file that need not be there was asked for",
    meaning:
      "shim, GRUB, PXELINUX and iPXE look for more files than they need, such as `revocations.efi`, `mmx64.efi` or `grub.cfg-01-MAC`, and go on without.",
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
  "http-connections-refused": {
    level: "warn",
    message: "HTTP connections were refused",
    meaning:
      "`refused` clients were told to come again in five seconds (503), which iPXE does by itself. `client` used up the share of one client and others are not hindered: look what that machine does. Without a client all connections of the port are in use, and `/readyz` of the boot port says so: raise the limit of file descriptors (`http-limits` says how many connections it allows) if so many machines boot at once, else look in the network for what opens connections.",
    show: { every: 60_000, by: ["port", "client"], sum: "refused" },
  },
  "download-waiting": {
    level: "info",
    message: "a machine waits in line for its download",
    meaning:
      "As many machines as `http.queue` allows download now, and `ahead` more are before this one; it goes on by itself. The boot in the API has it as `waiting`. Nothing is to be done; where the line to the machines is not busy meanwhile, a larger `http.queue` is quicker for all.",
    show: { every: 60_000, by: ["mac", "address"], until: "download-admitted" },
  },
  "download-admitted": {
    level: "info",
    message: "a machine's turn came, its download begins",
    meaning: "It had to wait `waitedMs` because of `http.queue`.",
  },
  "download-aborted": {
    level: "warn",
    message: "a download ended before its end",
    meaning: "The machine closed the connection: it was reset, or it gave up.",
  },
} satisfies Entries;
