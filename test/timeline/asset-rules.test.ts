import { describe, expect, it } from "vitest";
import type { PxeEvent } from "../../src/events/types.ts";
import { type Beat, BootStory, say, storyAddress, storyMac } from "../support/boot-story.ts";

const located = { mac: storyMac, address: storyAddress };

function sent(file: string): PxeEvent {
  const how = { protocol: "tftp", bytes: 10, durationMs: 1, retransmissions: 0 } as const;
  return { event: "asset-sent", ...located, file, ...how };
}

const kernel: PxeEvent = { event: "kernel", ...located, file: "Image", bytes: 9, generation: null };
const kernelDone: PxeEvent = {
  event: "kernel-done",
  ...located,
  file: "Image",
  bytes: 9,
  durationMs: 5,
};
const system: PxeEvent = { event: "system-dhcp", ...located, interface: "eth1" };
const begun: readonly Beat[] = [
  [0, say.discover()],
  [0, say.offer()],
  [2, say.address()],
];
const loaded: readonly Beat[] = [...begun, [3, say.loaderStart()], [4, say.loaderDone()]];

describe("a machine that boots by files of the asset folder", () => {
  it.each<[string, readonly Beat[], string]>([
    ["without a loader", [...begun, [3, sent("b66c4c16/start4.elf")]], "b66c4c16/start4.elf"],
    ["after its loader", [...loaded, [5, sent("grub/grub.cfg")]], "grub/grub.cfg"],
    ["to a kernel alone", [...loaded, [5, sent("a.cfg")], [6, kernel], [7, kernelDone]], "Image"],
  ])("is told what it fetched last when it stands still: %s", (_name, beats, file) => {
    const story = new BootStory().play(beats);
    expect(story.diagnosis(30)).toBeNull();
    expect(story.diagnosis(300)).toMatchObject({ code: "asset-boot-silent", who: "site" });
    expect(story.diagnosis(300)?.cause).toContain(`${file} last`);
  });

  it("does not stand still while it fetches", () => {
    const many = Array.from({ length: 20 }, (_, at): Beat => [5 + at * 10, sent(`mod-${at}`)]);
    expect(new BootStory().play([...loaded, ...many]).diagnosis(30)).toBeNull();
  });

  it("is up when its operating system asks for an address after a kernel", () => {
    const story = new BootStory().play([...loaded, [6, kernel], [7, kernelDone], [20, system]]);
    expect(story.boot()?.stage).toBe("micro-os");
    expect(story.diagnosis(3000)).toBeNull();
  });

  it("is not up by an operating system that is heard before it fetched anything, or during it", () => {
    expect(new BootStory().play([...loaded, [20, system]]).boot()?.stage).toBe("loader-done");
    const during = new BootStory().play([...loaded, [6, kernel], [7, system]]);
    expect(during.boot()?.stage).toBe("kernel");
  });

  it("is not taken for one whose loader is refused, however often it starts", () => {
    const once = (at: number): readonly Beat[] => [
      [at, say.discover()],
      [at, say.offer()],
      [at + 2, say.loaderStart()],
      [at + 3, say.loaderDone()],
      [at + 4, sent("grub/grub.cfg")],
    ];
    const story = new BootStory().play([...once(0), ...once(40), ...once(80), ...once(120)]);
    expect(story.diagnosis(300)?.code).toBe("asset-boot-silent");
  });
});
