import type { Boot } from "./boots.ts";
import type { Stage } from "./stages.ts";

export type BootStatus = "booting" | "up" | "stalled";

// The longest pause between two stages that is still normal: iPXE of 2019 waits 16 s for IPv6
// router advertisements, EDK2 asks for the last time after 28 s.
const patienceMs = 60_000;
// After the last byte of the initramfs comes the start of the kernel, unpacking and device set-up.
const startPatienceMs = 180_000;

/** Whether a boot goes on, arrived, or has stood still for longer than is normal; `nowMs` is monotonic. */
export function statusOf(boot: Boot, nowMs: number): BootStatus {
  if (boot.stage === "micro-os") return "up";
  const patience = boot.stage === "initramfs-done" ? startPatienceMs : patienceMs;
  return nowMs - boot.updatedAtMs > patience ? "stalled" : "booting";
}

/** For each stage: what is likely wrong when a boot goes no further. */
const likelyCauses: { readonly [Name in Stage]: string | null } = {
  discover:
    "The firmware asked and no offer of ours left. Look for event dhcp-refused of this machine: policy or its architecture forbids the boot.",
  offer:
    "The firmware did not take our offer or could not reach our TFTP server. Likely: another DHCP server sends option 60 PXEClient, the machine got no address, or a firewall drops UDP port 69.",
  "loader-start":
    "The loader's transfer did not finish. Likely: packets are lost on the way, or a firewall lets port 69 through but not the answers from other ports.",
  "loader-done":
    "The firmware has the loader and nothing was heard since. Likely: Secure Boot refused it, it is for another processor, or the network card is not supported by it (try snponly.efi).",
  "ipxe-discover":
    "iPXE asked and no offer of ours left. Look for event dhcp-refused of this machine.",
  "ipxe-offer":
    "iPXE was told the URL of its script and did not fetch it. Likely: it got no address from the site's DHCP server, or a firewall drops TCP to our HTTP port.",
  script:
    "The script was fetched and the kernel never asked for. The console of the machine shows iPXE's message; see also http-refused events.",
  kernel:
    "The kernel's download did not finish. Likely: the connection breaks, or the machine has too little memory.",
  "initramfs-start":
    "The initramfs's download did not finish. Likely: the connection breaks, or the machine has too little memory for it.",
  "initramfs-done":
    "Everything was fetched and the Micro-OS did not report. Likely: Secure Boot refused the kernel, it has no driver for the network card, or it waits for the network.",
  "micro-os": null,
};

/** A plain answer to "why did it not boot", or null while there is nothing to explain. */
export function diagnose(boot: Boot, nowMs: number): string | null {
  if (statusOf(boot, nowMs) !== "stalled") return null;
  return boot.obstacle ?? likelyCauses[boot.stage];
}
