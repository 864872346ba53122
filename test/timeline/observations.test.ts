import { describe, expect, test } from "vitest";
import { nothingObserved, observed } from "../../src/timeline/observations.ts";
import { SiteObservations } from "../../src/timeline/site/site-observations.ts";
import { BootStory, otherMac, say, startMs, storyMac } from "../support/boot-story.ts";
import { loaded } from "../support/failing-boots.ts";

describe("what is seen of a boot beside its stages", () => {
  test("is bounded, however much is seen", () => {
    let seen = nothingObserved;
    for (let i = 0; i < 1000; i++) {
      seen = observed(seen, say.competing({ server: `10.0.${i >> 8}.${i & 255}` }), i);
      seen = observed(seen, say.aborted(i), i);
    }
    expect(seen.competing.map(({ server }) => server).slice(-1)).toEqual(["10.0.3.231"]);
    expect(seen.competing).toHaveLength(8);
    expect(seen.aborted).toHaveLength(8);
  });

  test("has the latest of each server, and its proxy offer beside that of an address", () => {
    const offers = [
      say.competing({ pxe: true }),
      say.competing({ pxe: false }),
      say.competing({ offered: null }),
    ];
    const seen = offers.reduce((before, event) => observed(before, event, 0), nothingObserved);
    expect(seen.competing).toMatchObject([{ pxe: false }, { offered: null }]);
  });

  test("is the same object where an event adds nothing", () => {
    const system = observed(nothingObserved, say.systemDhcp(), 0);
    expect(observed(system, say.systemDhcp(), 1)).toBe(system);
    expect(observed(nothingObserved, say.offer(), 0)).toBe(nothingObserved);
  });

  test("belongs to one boot: the next one begins with nothing seen", () => {
    const story = new BootStory().play([...loaded, [5, say.autoexec()], [30, say.discover()]]);
    const evidence = story.evidence();
    expect(evidence?.boot.seen).toEqual({ ...nothingObserved, firstSecs: 0 });
    expect(evidence?.boot).toMatchObject({ attempt: 2, failingSinceMs: startMs });
    expect(evidence?.earlier.map(({ seen }) => seen.autoexecAtMs)).toEqual([startMs + 5000]);
    const [older] = evidence?.earlier ?? [];
    expect(older && story.sessions.evidence(older, story.nowMs).earlier).toEqual([]);
  });

  test("makes no boot of its own", () => {
    const story = new BootStory().play([
      [0, say.competing()],
      [1, say.address()],
      [2, say.httpRefused(404)],
      [3, say.dhcpFailed()],
    ]);
    expect(story.sessions.list()).toEqual([]);
  });
});

describe("what is known of the site beside one boot", () => {
  const dayMs = 24 * 3600_000;

  test("is whether another machine does the same without trouble, within a day", () => {
    const site = new SiteObservations();
    site.note(say.loaderStart(), storyMac, 0);
    site.note(say.beacon("booting"), storyMac, 0);
    expect(site.evidence(storyMac, "eth1", 1)).toEqual({
      othersPassUs: false,
      othersUseTftp: false,
      othersReportBooting: false,
      hearsOffers: true,
    });
    const other = { othersUseTftp: true, othersReportBooting: true };
    expect(site.evidence(otherMac, "eth1", dayMs)).toMatchObject(other);
    expect(site.evidence(otherMac, "eth1", dayMs + 1)).toMatchObject({
      othersUseTftp: false,
      othersReportBooting: false,
    });
  });

  test("remembers two machines, so that there is another one for each", () => {
    const site = new SiteObservations();
    for (const machine of [otherMac, "02:00:00:00:00:01", storyMac, storyMac]) {
      site.note(say.tftpProbe(), machine, 0);
    }
    expect(site.evidence(storyMac, "eth1", 0).othersUseTftp).toBe(true);
    expect(site.evidence(otherMac, "eth1", 0).othersUseTftp).toBe(true);
  });

  test("is whether other servers' offers are heard, until the link comes anew", () => {
    const site = new SiteObservations();
    const hears = (name: string | null) => site.evidence(storyMac, name, 0).hearsOffers;
    site.note({ event: "offers-unheard", interface: "eth1", reason: "x" }, null, 0);
    expect([hears("eth1"), hears("eth2"), hears(null)]).toEqual([false, true, false]);
    site.note({ event: "link-down", interface: "eth1", address: null, reason: "x" }, null, 0);
    expect(hears("eth1")).toBe(true);
  });

  test("counts no HTTP as TFTP", () => {
    const site = new SiteObservations();
    const byHttp = { file: "ipxe.efi", protocol: "http", bytes: 1 } as const;
    site.note({ event: "loader-start", mac: otherMac, address: null, ...byHttp }, otherMac, 0);
    expect(site.evidence(storyMac, "eth1", 0).othersUseTftp).toBe(false);
  });
});
