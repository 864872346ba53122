import { describe, expect, test } from "vitest";
import type { PxeEvent } from "../../src/events/types.ts";
import { type Beat, say, siteServer } from "../support/boot-story.ts";
import {
  addressed,
  asked,
  fetched,
  initramfs,
  kernel,
  loaded,
  saidOf,
  scripted,
} from "../support/failing-boots.ts";

interface Alike {
  readonly what: string;
  /** What is said instead. */
  readonly code: string;
  readonly beats: readonly Beat[];
  readonly others: readonly PxeEvent[];
}

function one(
  what: string,
  code: string,
  beats: readonly Beat[],
  others: readonly PxeEvent[] = [],
): Alike {
  return { what, code, beats, others };
}

function later(seconds: number, beats: readonly Beat[]): readonly Beat[] {
  return beats.map(([at, event]): Beat => [at + seconds, event]);
}
describe("what looks alike and is something else", () => {
  test.each<Alike>([
    one("one plain offer of an address beside it", "tftp-blocked", [
      ...addressed,
      [3, say.competing({ server: "192.168.77.4" })],
      [3, say.competing({ pxe: true, server: siteServer })],
    ]),
    one("a menu that is whole", "no-address", [
      ...asked,
      [1, say.competing({ offered: null, pxe: true, discovery: true, bootFile: true })],
    ]),
    one("a proxy that names its file", "no-address", [
      ...asked,
      [1, say.competing({ offered: null, pxe: true, bootFile: true })],
    ]),
    one("a second proxy where the machine came to our TFTP server", "tftp-answers-blocked", [
      ...addressed,
      [2, say.competing({ offered: null, pxe: true, bootFile: true })],
      [34, say.tftpFailed(0)],
    ]),
    one("a refusal before the machine was allowed", "no-address", [
      [0, say.discover()],
      [0, say.refused("machine-denied")],
      [9, say.discover()],
      [9, say.offer()],
    ]),
    one("an offer within a second", "tftp-blocked", [
      [0, say.discover()],
      [0.5, say.offer()],
      [1, say.competing()],
      [2, say.address()],
    ]),
    one("an address that is offered and not taken", "offer-not-taken", [
      ...asked,
      [1, say.competing()],
    ]),
    one("an interface whose offers are not heard", "offer-not-taken", asked, [
      { event: "offers-unheard", interface: "eth1", reason: "x" },
    ]),
    one("our own offer of an address", "offer-not-taken", [
      [0, say.discover()],
      [0, say.fullOffer()],
    ]),
    one("a file's size that was asked for", "offer-not-taken", [
      ...addressed,
      [3, say.tftpProbe()],
    ]),
    one("a file that was refused to the loader", "loader-silent", [
      ...loaded,
      [5, say.tftpRefused(1, "autoexec.ipxe")],
    ]),
    one("blocks of 512 bytes", "packets-lost", [
      ...addressed,
      [3, say.loaderStart()],
      [40, say.tftpFailed(512, 20_000, 512)],
    ]),
    one("a transfer that the client broke off", "loader-unfinished", [
      ...addressed,
      [3, say.loaderStart()],
      [5, say.tftpFailed(1000, 0)],
    ]),
    one("a small loader for BIOS", "loader-silent", [
      [0, say.bios()],
      [0, say.offer()],
      [3, say.loaderStart("undionly.kpxe", 70_000)],
      [4, say.loaderDone("undionly.kpxe", 70_000)],
    ]),
    one("a loader that was fetched in vain once", "offer-not-taken", [
      ...loaded,
      [10, say.discover({ broadcast: false })],
      [10, say.offer()],
    ]),
    one("firmware that came back after an hour", "loader-silent", [
      ...loaded,
      ...later(3600, loaded),
    ]),
    one("a user class of firmware that had no loader yet", "no-address", [
      [0, say.discover({ userClass: "x" })],
      [0, say.offer()],
    ]),
    one("a refused request after which the boot went on", "kernel-unfinished", [
      ...scripted,
      [3, say.httpRefused(404)],
      [4, say.kernel()],
    ]),
    one("a report that was refused", "kernel-unfinished", [
      ...kernel,
      [4, say.httpRefused(429, "/events?stage=x")],
    ]),
    one("one download that was broken off", "initramfs-unfinished", [
      ...initramfs,
      [9, say.aborted(90_000_000)],
    ]),
    one("downloads that broke off at different places", "initramfs-unfinished", [
      ...initramfs,
      [9, say.aborted(9_000_000)],
      [20, say.initramfs()],
      [24, say.aborted(91_000_000)],
    ]),
    one("no report of a start where no machine sends one", "micro-os-silent", fetched),
    one("a failure before the last start of the kernel", "micro-os-not-up", [
      ...kernel,
      [4, say.beacon("failed")],
      ...later(20, fetched),
      [40, say.beacon("booting")],
    ]),
  ])("$what: $code", ({ code, beats, others }) => {
    expect(saidOf(beats, others)?.code).toBe(code);
  });
});
