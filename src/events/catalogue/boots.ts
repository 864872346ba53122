import type { Entries } from "./entry.ts";

/** The stages of a boot, and what machines report beside them. */
export const bootEvents = {
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
    meaning:
      "The machine runs `boot.ipxe`, or PXELINUX, U-Boot or GRUB has the same as a configuration of its own (`file`); from here on kernel and initramfs follow.",
  },
  kernel: {
    level: "info",
    message: "the kernel is being fetched",
    meaning: "The machine asks for the Micro-OS's kernel.",
  },
  "kernel-done": {
    level: "debug",
    message: "the kernel was fetched",
    meaning:
      "The last byte was handed to the network. No stage of its own: `initramfs-start` follows.",
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
  "boot-stalled": {
    level: "warn",
    message: "a boot stands still",
    meaning:
      "It made no progress for a minute (three after `initramfs-done`), was not served, starts over and over, or shares its UUID or serial number with another machine. `cause` says why, `remedy` what to do and `who` who has to do it; `code` is in the [list of causes](diagnosis.md). Once for each stall: a boot that goes on and stands still again has another one.",
  },
  "timeline-unread": {
    level: "warn",
    message: "timelines of earlier boots could not be read",
    meaning:
      "`timeline.jsonl` in `dataDir` is damaged or of another version; `reason` says what became of it, `lost` whether all earlier timelines are lost or some. Machines boot, and new timelines are kept.",
  },
  "timeline-unkept": {
    level: "warn",
    message: "timelines cannot be written to disk",
    meaning:
      "`timeline.jsonl` in `dataDir` could not be written (a full disk?). Machines boot and the API has their timelines; it is tried again every five seconds. What is not written when the server ends is lost.",
  },
  "timeline-kept": {
    level: "info",
    message: "timelines are written to disk again",
    meaning: "What came after `timeline-unkept` is written too.",
  },
  "local-boot": {
    level: "info",
    message: "a machine was sent on to its own disk",
    meaning:
      "It asked and is not to boot from the network (`reason`); `way` is how its firmware was sent on. Its boot has the status `local`.",
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
    meaning:
      "A script or the Micro-OS sent a message to `/events`. `errno` is iPXE's error, which `eim-pxe explain --code` explains; where HTTP fails it comes as the request for a file `eim-errno-CODE` by TFTP.",
  },
  "unproved-report": {
    level: "info",
    message: "a report came from an address that is not known to be the machine's",
    meaning:
      "Whoever is on the link can name any machine in a report, so one counts only where its address is known to belong to the machine: by a lease, by a DHCP request that was heard, or by the link's neighbour table. This one is among the events of the boot of the machine that it names, if there is one, and changes nothing else.",
    show: { every: 60_000, by: ["mac", "address", "stage"] },
  },
} satisfies Entries;
