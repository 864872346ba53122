import { describe, expect, test } from "vitest";
import { syntheticUuid } from "../../src/boot/synthetic-uuid.ts";
import { Stalls } from "../../src/timeline/stalls.ts";
import { type Beat, BootStory, say, startMs, storyMac } from "../support/boot-story.ts";
import { addressed, asked, fetched, loaded } from "../support/failing-boots.ts";
import { healthyBoots } from "../support/healthy-boots.ts";

/** Plays the beats, looks every five seconds, and gives what was found: `seconds code`. */
function foundIn(beats: readonly Beat[], untilSeconds: number): readonly string[] {
  const story = new BootStory();
  const stalls = new Stalls(story.sessions);
  const found: string[] = [];
  const look = (seconds: number): void => {
    if (seconds % 5 !== 0) return;
    for (const { finding } of stalls.look(startMs + seconds * 1000)) {
      found.push(`${seconds} ${finding.code}`);
    }
  };
  story
    .play(
      beats.toSorted((a, b) => a[0] - b[0]),
      look,
    )
    .waitUntil(untilSeconds, look);
  return found;
}

function repeated(beats: readonly Beat[], everySeconds: number, times: number): readonly Beat[] {
  return Array.from({ length: times }, (_, index) =>
    beats.map(([at, event]): Beat => [at + index * everySeconds, event]),
  ).flat();
}

describe("a stall", () => {
  test("is found once, within five seconds of it", () => {
    expect(foundIn(addressed, 600)).toEqual(["65 tftp-blocked"]);
  });

  test("is found again when the boot went on and stands still once more", () => {
    const twice: readonly Beat[] = [
      ...addressed,
      [200, say.loaderStart()],
      [201, say.loaderDone()],
    ];
    expect(foundIn(twice, 600)).toEqual(["65 tftp-blocked", "265 loader-silent"]);
  });

  test("of a machine that is switched on again is another one", () => {
    expect(foundIn(repeated(asked, 180, 4), 700)).toEqual([
      "65 no-address",
      "245 no-address",
      "425 no-address",
      "605 no-address",
    ]);
  });

  test("is also a machine that starts over and over and never stands still for long", () => {
    expect(foundIn(repeated(loaded, 15, 20), 320)).toEqual(["30 loader-refused"]);
  });

  test("is none while such a machine is tried with another loader, and is one where that does not start either", () => {
    const signed = "ipxe-signed.efi";
    const tried: readonly Beat[] = [
      [0, say.discover()],
      [0, say.offer(signed)],
      [1, say.address()],
      [3, say.loaderStart(signed)],
      [4, say.loaderDone(signed)],
    ];
    const at = (beats: readonly Beat[], seconds: number) =>
      beats.map(([after, event]): Beat => [after + seconds, event]);
    const twice = repeated(loaded, 15, 2);
    const starts: readonly Beat[] = [[36, say.ipxeDiscover()], ...at(fetched, 41)];
    expect(foundIn([...twice, ...at(tried, 31), ...starts], 90)).toEqual([]);
    const again = [...twice, ...at(tried, 31), ...at(tried, 46)];
    expect(foundIn(again, 60)).toEqual(["50 loader-refused"]);
  });

  test("is also a machine that reports the same error in each attempt, and is said once", () => {
    const refused: readonly Beat[] = [
      ...fetched,
      [16, say.beacon("booting")],
      [17, say.beacon("failed", "7f04818f")],
    ];
    const found = foundIn(repeated(refused, 31, 12), 372);
    expect(found).toEqual(["80 reported-image-refused"]);
  });

  test("is also an iPXE that asks for an address again each time that it cannot fetch its script", () => {
    const asks: readonly Beat[] = [
      [10, say.ipxeDiscover()],
      [10, say.ipxeOffer()],
      [11, say.address()],
    ];
    expect(foundIn([...loaded, ...repeated(asks, 35, 8)], 290)).toEqual(["75 http-blocked"]);
  });

  test("is none where a machine is denied, nor where it is served late", () => {
    const denied: readonly Beat[] = [...asked, [5, say.refused("machine-denied")]];
    expect(foundIn(denied, 600)).toEqual([]);
    expect(foundIn(repeated(denied, 70, 8), 600)).toEqual([]);
    const late: readonly Beat[] = [
      [0, say.discover()],
      [55, say.offer()],
      [58, say.address()],
    ];
    expect(foundIn(late, 110)).toEqual([]);
  });

  test("is none where eim-pxe probe plays a machine, which ends before the Micro-OS", () => {
    const probed: readonly Beat[] = [
      [0, say.discover({ uuid: syntheticUuid(storyMac) })],
      [0, say.offer()],
      [3, say.loaderStart()],
    ];
    expect(foundIn(probed, 600)).toEqual([]);
  });

  test("is at once where a machine is not served, however often it asks", () => {
    const refused: readonly Beat[] = [
      [0, say.discover()],
      [0, say.refused("no-loader-fits")],
    ];
    expect(foundIn(repeated(refused, 4, 8), 300)).toEqual(["0 no-loader-fits"]);
  });

  test.each(Object.entries(healthyBoots))(
    "is none in a boot where nothing is wrong: %s",
    (_, beats) => {
      expect(foundIn(beats, 3600)).toEqual([]);
    },
  );
});
