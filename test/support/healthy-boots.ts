import { diagnose } from "../../src/timeline/rules.ts";
import { complaintsOf } from "./complaints.ts";
import { type Beat, BootStory, say, siteServer, startMs } from "./boot-story.ts";

/** A boot from the loader on: script, kernel, initramfs, Micro-OS. */
function fromLoader(at: number, pauses: { readonly ipxe?: number } = {}): readonly Beat[] {
  const ipxe = at + (pauses.ipxe ?? 3);
  return [[at, say.loaderStart()], [at + 1, say.loaderDone()], ...fromIpxe(ipxe)];
}

function fromIpxe(at: number): readonly Beat[] {
  return [
    [at, say.ipxeDiscover()],
    [at, say.ipxeOffer()],
    [at + 2, say.address()],
    [at + 3, say.script()],
    [at + 4, say.kernel()],
    [at + 5, say.kernelDone()],
    [at + 6, say.initramfs()],
    [at + 15, say.initramfsDone()],
    [at + 15, say.beacon("booting")],
    [at + 50, say.systemDhcp()],
    [at + 60, say.microOs()],
  ];
}

/** Boots in which nothing is wrong, with the longest pauses that were seen of real firmware. */
export const healthyBoots: Readonly<Record<string, readonly Beat[]>> = {
  "UEFI beside the site's server": [
    [0, say.discover()],
    [0, say.offer()],
    [1, say.competing()],
    [2, say.address()],
    [2, say.tftpProbe()],
    ...fromLoader(3),
  ],
  "UEFI that asks four times before it takes an offer": [
    ...[0, 4, 12, 28].flatMap((at): readonly Beat[] => [
      [at, say.discover()],
      [at, say.offer()],
      [at + 1, say.competing()],
    ]),
    [33, say.address()],
    ...fromLoader(34),
  ],
  "UEFI in mode full": [
    [0, say.discover()],
    [1, say.fullOffer()],
    [4, say.lease()],
    ...fromLoader(5),
  ],
  "BIOS with a small loader": [
    [0, say.bios()],
    [0, say.offer("undionly.kpxe")],
    [2, say.address()],
    [3, say.loaderStart("undionly.kpxe", 70_000)],
    [4, say.loaderDone("undionly.kpxe", 70_000)],
    ...fromIpxe(6),
  ],
  "an iPXE that waits for IPv6 routers, and then for a switch": [
    [0, say.discover()],
    [0, say.offer()],
    [2, say.address()],
    ...fromLoader(3, { ipxe: 50 }),
  ],
  "an iPXE that fetches autoexec.ipxe": [
    [0, say.discover()],
    [0, say.offer()],
    [2, say.address()],
    [3, say.loaderStart()],
    [4, say.loaderDone()],
    [5, say.autoexec()],
    ...fromIpxe(20),
  ],
  "firmware that is iPXE itself": fromIpxe(0),
  "UEFI HTTP boot": [
    [0, say.uefiHttp()],
    [0, say.offer("http://192.168.77.1:8080/x/ipxe.efi")],
    [3, say.address()],
    ...fromLoader(4),
  ],
  "beside another proxy whose offers are whole": [
    [0, say.discover()],
    [0, say.offer()],
    [0, say.competing()],
    [1, say.competing({ server: "192.168.77.3", offered: null, pxe: true, bootFile: true })],
    [2, say.address()],
    ...fromLoader(3),
  ],
  "with a second try of the kernel after a line that broke": [
    [0, say.ipxeDiscover()],
    [0, say.ipxeOffer()],
    [1, say.address()],
    [2, say.script()],
    [3, say.kernel()],
    [9, say.aborted(1_000_000, "vmlinuz-x86_64")],
    [10, say.beacon("failed")],
    ...fromIpxe(21).slice(3),
  ],
  "a download of many minutes": [
    ...fromIpxe(0).slice(0, 7),
    ...Array.from({ length: 40 }, (_, i): Beat => [20 + i * 30, "moved"]),
    [1230, say.initramfsDone()],
    [1230, say.beacon("booting")],
    [1390, say.microOs()],
  ],
  "a loader that lost some packets": [
    [0, say.discover()],
    [0, say.offer()],
    [2, say.address()],
    [3, say.tftpFailed(0)],
    ...fromLoader(34),
  ],
  "a machine whose former boot was broken off": [
    [0, say.discover()],
    [0, say.offer()],
    [2, say.address()],
    [3, say.loaderStart()],
    [4, say.loaderDone()],
    [30, say.discover()],
    [30, say.offer()],
    [32, say.address()],
    ...fromLoader(33),
  ],
  "a machine that asks for files that need not be there": [
    [0, say.discover()],
    [0, say.offer()],
    [2, say.address()],
    [3, say.loaderStart()],
    [4, say.loaderDone()],
    [5, say.tftpRefused(1, "autoexec.ipxe")],
    ...fromIpxe(10).slice(0, 5),
    [15, say.httpRefused(404, "/artifacts/keys/db.der")],
    ...fromIpxe(10).slice(5),
    [80, say.httpRefused(404, "/artifacts/other")],
  ],
  "with a report that was refused": [
    ...fromIpxe(0).slice(0, 5),
    [6, say.httpRefused(429, "/events?stage=booting")],
    ...fromIpxe(2).slice(5),
  ],
  [`beside a server (${siteServer}) that answers in BIOS's way too`]: [
    [0, say.bios()],
    [0, say.offer()],
    [0, say.competing({ pxe: true })],
    [1, say.competing({ server: "192.168.77.4" })],
    [3, say.address()],
    [3, say.loaderStart("undionly.kpxe", 70_000)],
    [4, say.loaderDone("undionly.kpxe", 70_000)],
    ...fromIpxe(6),
  ],
};

/**
 * Plays a boot in which nothing is wrong and looks at it every second: what is said of it while it goes on, and
 * what holds for it once it is over. Central: nothing may ever be.
 */
export function allThatIsSaid(
  beats: readonly Beat[],
  story = new BootStory(),
): readonly { readonly seconds: number; readonly code: string }[] {
  const said: { readonly seconds: number; readonly code: string }[] = [];
  const note = (seconds: number, code: string) => said.push({ seconds, code });
  story.play(beats, (seconds) => {
    const evidence = story.evidence();
    const found = evidence === null ? null : diagnose(evidence, startMs + seconds * 1000);
    if (found !== null) note(seconds, found.code);
  });
  if (story.boot()?.stage !== "micro-os") note(Infinity, "did not arrive");
  for (const complaint of complaintsOf(story.sessions, story.nowMs)) note(Infinity, complaint);
  return said;
}
