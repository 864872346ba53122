import type { Entries } from "./entry.ts";

/** What becomes of files that machines ask for. */
export const transferEvents = {
  "tftp-refused": {
    level: "warn",
    message: "a TFTP request was refused",
    meaning:
      "The file does not exist, may not be read, or as many transfers are under way as `tftp.maxTransfers` allows or `tftp.dataPorts` has ports for; `reason` says which.",
  },
  "optional-file": {
    level: "debug",
    message: "a file that need not be there was asked for",
    meaning:
      "shim, GRUB, PXELINUX and iPXE look for more files than they need, such as `revocations.efi`, `mmx64.efi` or `grub.cfg-01-MAC`, and go on without.",
  },
  "asset-sent": {
    level: "info",
    message: "a file of the asset folder was fetched",
    meaning:
      "The machine has the whole of `file` of `assets.directory`. Files that are named like a kernel or an initramfs are stages of its boot instead (`kernel`, `initramfs-start`), and so are loaders that the configuration names.",
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
  "iso-start": {
    level: "info",
    message: "an ISO image is read for a machine",
    meaning:
      "By its BMC, from the beginning; further parts are not told of. The image has the machine's kernel arguments in it (`iso`).",
    show: { every: 60_000, by: ["mac"] },
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
      "`refused` clients were told to come again in five seconds (503), which iPXE does by itself. `client` used up the share of one client and others are not hindered: look what that machine does. Without a client all connections of the port are in use, and `/readyz` of the admin port says so: raise the limit of file descriptors (`http-limits` says how many connections it allows) if so many machines boot at once, else look in the network for what opens connections.",
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
  "tls-failed": {
    level: "warn",
    message: "a TLS handshake on the boot port failed",
    meaning:
      "`reason` says what the client or OpenSSL said. `unknown ca`, `bad certificate` and a client that closed the connection: the machine does not trust the CA of `http.tls.certFile`; enrol it in its firmware, or build it into its iPXE. `handshake failure` and `no shared cipher`: old firmware wants an RSA key. `http request`: it asked by plain HTTP at the TLS port.",
    show: { every: 60_000, by: ["address", "reason"] },
  },
  "boot-certificate": {
    level: "info",
    message: "the boot port's certificate",
    meaning:
      "The one that `http.tls` shows to machines from now on, at the start and when its files are renewed.",
  },
  "boot-certificate-expiring": {
    level: "warn",
    message: "the boot port's certificate expires soon",
    meaning:
      "Told 30 days and 7 days before its end, and at its end (`days` below 0), from when on no machine boots by HTTPS. Renew `certFile` and its key; they are read again by themselves.",
  },
  "boot-certificate-rejected": {
    level: "warn",
    message: "the renewed certificate of the boot port cannot be used",
    meaning:
      "`reason` names the file and what is wrong. Machines are shown the former certificate, until the files are right; they are looked at every ten seconds. While the two files are being replaced, this may come once.",
  },
  "boot-certificate-address": {
    level: "warn",
    message: "the boot port's certificate is not for an address that is served",
    meaning:
      "Machines are told `https://ADDRESS`, and refuse a certificate that does not have that address among its alternative names (`IP:…`). Have it issued with all addresses that machines ask.",
  },
  "admin-certificate": {
    level: "info",
    message: "the admin port's certificate",
    meaning:
      "The one that `admin.tls` shows to browsers and programs from now on, at the start and when its files are renewed.",
  },
  "admin-certificate-expiring": {
    level: "warn",
    message: "the admin port's certificate expires soon",
    meaning:
      "Told 30 days and 7 days before its end, and at its end (`days` below 0), from when on browsers warn of it. Renew `certFile` and its key; they are read again by themselves.",
  },
  "admin-certificate-rejected": {
    level: "warn",
    message: "the renewed certificate of the admin port cannot be used",
    meaning:
      "`reason` names the file and what is wrong. The former certificate is shown until the files are right; they are looked at every ten seconds. While the two files are being replaced, this may come once.",
  },
  "download-aborted": {
    level: "warn",
    message: "a download ended before its end",
    meaning: "The machine closed the connection: it was reset, or it gave up.",
  },
} satisfies Entries;
