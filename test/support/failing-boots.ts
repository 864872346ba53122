import type { PxeEvent } from "../../src/events/types.ts";
import { asOther, type Beat, BootStory, say } from "./boot-story.ts";

/*
 * The beginnings of boots, each up to where it may go no further.
 */

export const asked: readonly Beat[] = [
  [0, say.discover()],
  [0, say.offer()],
];
export const addressed: readonly Beat[] = [...asked, [1, say.competing()], [2, say.address()]];
export const loaded: readonly Beat[] = [
  ...addressed,
  [3, say.loaderStart()],
  [4, say.loaderDone()],
];
export const inIpxe: readonly Beat[] = [
  [0, say.ipxeDiscover()],
  [0, say.ipxeOffer()],
];
export const scripted: readonly Beat[] = [...inIpxe, [1, say.address()], [2, say.script()]];
export const kernel: readonly Beat[] = [...scripted, [3, say.kernel()]];
export const initramfs: readonly Beat[] = [...kernel, [4, say.kernelDone()], [5, say.initramfs()]];
export const fetched: readonly Beat[] = [...initramfs, [15, say.initramfsDone()]];
export const biosLoaded: readonly Beat[] = [
  [0, say.bios()],
  [0, say.offer()],
  [3, say.loaderStart()],
  [4, say.loaderDone()],
];
export const twiceInVain: readonly Beat[] = [
  ...loaded,
  [10, say.discover()],
  [10, say.offer()],
  [12, say.loaderStart()],
  [13, say.loaderDone()],
];
/** What is said of a boot that stands still, where another machine of the site did something before. */
export function saidOf(beats: readonly Beat[], others: readonly PxeEvent[] = []) {
  const events = others.length === 0 ? [] : [say.address(), ...others];
  const before = events.map((event): Beat => [0, asOther(event)]);
  return new BootStory().play([...before, ...beats]).diagnosis(200);
}
