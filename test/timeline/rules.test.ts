import { describe, expect, test } from "vitest";
import type { PxeEvent } from "../../src/events/types.ts";
import { bootRules, diagnose } from "../../src/timeline/rules.ts";
import { machineRules } from "../../src/timeline/rules/machine-rules.ts";
import { trustRules } from "../../src/timeline/rules/trust-rules.ts";
import { reportedCodes } from "../../src/timeline/rules/report-rules.ts";
import {
  asOther,
  type Beat,
  BootStory,
  say,
  storyAddress,
  storyMac,
} from "../support/boot-story.ts";
import {
  addressed,
  asked,
  biosLoaded,
  fetched,
  inIpxe,
  initramfs,
  kernel,
  loaded,
  saidOf,
  scripted,
  twiceInVain,
} from "../support/failing-boots.ts";
import { allThatIsSaid, healthyBoots } from "../support/healthy-boots.ts";

const menuless = say.competing({ pxe: true, discovery: true, lacks: ["43.8"] });
const proxyOf4011 = say.competing({ server: "192.168.77.3", offered: null, pxe: true });

/** The whole second half of a boot, after which nothing may be said. */
const goesOn: readonly Beat[] = [
  [100, say.loaderStart()],
  [101, say.loaderDone()],
  [102, say.ipxeDiscover()],
  [102, say.ipxeOffer()],
  [103, say.address()],
  [104, say.script()],
  [105, say.kernel()],
  [106, say.kernelDone()],
  [107, say.initramfs()],
  [110, say.initramfsDone()],
  [111, say.beacon("booting")],
  [150, say.microOs()],
];

interface Case {
  /** Which cause of the field's list of failed boots it is; empty: none of them. */
  readonly row: string;
  readonly code: string;
  readonly beats: readonly Beat[];
  readonly cause: RegExp;
  /** What another machine of the site does before. */
  readonly others: readonly PxeEvent[];
}

function one(
  row: string,
  code: string,
  beats: readonly Beat[],
  cause: RegExp,
  others: readonly PxeEvent[] = [],
): Case {
  return { row, code, beats, cause, others };
}

const cases: readonly Case[] = [
  one(
    "6",
    "unbeatable-server",
    [...asked, [2, say.unbeatable()]],
    /192\.168\.77\.2 sends option 60/,
  ),
  one("6", "unbeatable-server", [...asked, [1, say.competing({ pxe: true })]], /no option 43/),
  one(
    "7",
    "competing-proxy",
    [...asked, [1, proxyOf4011]],
    /192\.168\.77\.3, answers .* port 4011/,
  ),
  one(
    "8",
    "offer-late",
    [
      [0, say.discover()],
      [1, say.competing()],
      [1.5, say.offer()],
      [2, say.address()],
    ],
    /1\.5 s after/,
  ),
  one("9", "no-address", asked, /no server offers an address/),
  one("10", "broken-boot-menu", [...asked, [1, menuless]], /192\.168\.77\.2 .* lacks 43\.8/),
  one(
    "10",
    "preferred-boot-server",
    [...asked, [1, say.competing({ pxe: true, discovery: true })]],
    /192\.168\.77\.2 sends options 60 PXEClient and 43/,
  ),
  one(
    "11",
    "server-out-of-reach",
    [
      ...asked,
      [1, say.competing({ offered: "10.9.9.100", network: "10.9.9.0/24", reachesUs: false })],
      [2, say.address()],
    ],
    /192\.168\.77\.2 gives this machine an address of 10\.9\.9\.0\/24 and no router/,
  ),
  one(
    "12b",
    "answers-forbidden",
    [...addressed, [3, say.tftpFailed(0, 20, 1468, "cannot send: send EPERM")]],
    /own firewall forbids sending ipxe\.efi/,
  ),
  one(
    "",
    "second-proxy",
    [
      ...asked,
      [1, say.competing({ server: "192.168.77.3", offered: null, pxe: true, bootFile: true })],
      [2, say.address()],
    ],
    /192\.168\.77\.3, offers this machine boot information too/,
  ),
  one(
    "",
    "second-proxy",
    [
      ...addressed,
      [2, say.competing({ server: "192.168.77.3", offered: null, pxe: true, discovery: true })],
    ],
    /192\.168\.77\.3/,
  ),
  one("12a", "tftp-blocked", addressed, /UDP 69 is blocked/),
  one(
    "12b",
    "tftp-answers-blocked",
    [...addressed, [34, say.tftpFailed(0)]],
    /ports that we answer/,
  ),
  one("13", "offer-passed-over", addressed, /other machines here do/, [say.loaderStart()]),
  one("14", "file-missing", [...addressed, [3, say.tftpRefused(1)]], /ipxe\.efi is missing/),
  one("14", "tftp-refused", [...addressed, [3, say.tftpRefused(2)]], /refused ipxe\.efi: error 2/),
  one(
    "14",
    "tftp-refused",
    [...addressed, [3, say.tftpRefused(0, "ipxe.efi", "the server is full")]],
    /refused ipxe\.efi: the server is full/,
  ),
  one(
    "16",
    "large-packets-lost",
    [...addressed, [3, say.loaderStart()], [40, say.tftpFailed(1468 * 4)]],
    /no TFTP block of 1468 bytes/,
  ),
  one(
    "16",
    "packets-lost",
    [...addressed, [3, say.loaderStart()], [40, say.tftpFailed(500_000)]],
    /after 500000 of 1000000 bytes/,
  ),
  one("17", "loader-too-large", biosLoaded, /BIOS firmware was given ipxe\.efi \(1000 kB\)/),
  one("18", "loader-refused", twiceInVain, /2 times in a row.*Secure Boot/),
  one("18", "loader-refused", [...twiceInVain, [20, say.discover()], [20, say.offer()]], /2 times/),
  one(
    "18",
    "loader-refused",
    [
      ...twiceInVain,
      [20, say.ipxeDiscover()],
      [20, say.ipxeOffer()],
      [24, say.address()],
      [24, say.tftpRefused(1, `http://192.168.77.1:8080/${storyMac}/boot.ipxe`)],
    ],
    /2 times in a row/,
  ),
  one(
    "",
    "asset-boot-silent",
    [
      ...loaded,
      [
        5,
        {
          event: "asset-sent",
          mac: storyMac,
          address: storyAddress,
          file: "grub/grub.cfg",
          protocol: "tftp",
          bytes: 10,
          durationMs: 1,
          retransmissions: 0,
        },
      ],
    ],
    /grub\/grub\.cfg last/,
  ),
  one("20", "loader-silent", loaded, /nothing was heard of it since/),
  one("21", "ipxe-link-blocked", [...loaded, [5, say.autoexec()]], /switch port blocks/),
  one(
    "22",
    "user-class-unknown",
    [...loaded, [10, say.discover({ userClass: "gPXE" })], [10, say.offer()]],
    /"gPXE" \(DHCP option 77\)/,
  ),
  one("23", "http-blocked", [...inIpxe, [2, say.address()]], /192\.168\.77\.1:8080 is blocked/),
  one(
    "23",
    "http-blocked",
    [
      [0, say.uefiHttp()],
      [0, say.offer("http://192.168.77.1:8080/x/ipxe.efi")],
      [2, say.address()],
    ],
    /192\.168\.77\.1:8080 is blocked/,
  ),
  one(
    "23",
    "url-not-fetched",
    [
      [0, say.uefiHttp()],
      [0, say.offer("http://192.168.77.1:8080/x/ipxe.efi")],
      [1, say.competing()],
    ],
    /TCP to our HTTP port/,
  ),
  one("23", "ipxe-no-address", inIpxe, /did not take an address/),
  one(
    "25",
    "file-not-served",
    [...kernel, [4, say.httpRefused(404)]],
    /vmlinuz-x86_64, which is not/,
  ),
  one("25", "machine-denied", [...inIpxe, [3, say.httpRefused(403)]], /denied: because 403/),
  one("25", "mirror-empty", [...inIpxe, [3, say.httpRefused(503)]], /mirror is empty.*because 503/),
  one("25", "request-refused", [...kernel, [4, say.httpRefused(500)]], /status 500: because 500/),
  one(
    "27",
    "kernel-refused",
    [...fetched, [16, say.beacon("booting")], [17, say.beacon("failed")]],
    /could not start the kernel/,
  ),
  one(
    "27",
    "kernel-unusable",
    [...kernel, [4, say.kernelDone()]],
    /did not go on to the initramfs/,
  ),
  one("27", "kernel-not-started", fetched, /did not come to start/, [say.beacon("booting")]),
  one(
    "28",
    "too-little-memory",
    [
      ...initramfs,
      [9, say.aborted(90_000_000)],
      [20, say.initramfs()],
      [24, say.aborted(91_000_000)],
    ],
    /2 times at about the same place.*400 MB/,
  ),
  one("28", "micro-os-not-up", [...fetched, [16, say.beacon("booting")]], /400 MB packed/),
  one(
    "8",
    "answer-failed",
    [
      [0, say.discover()],
      [1, say.dhcpFailed()],
    ],
    /could not be answered: disk full/,
  ),
  one("25", "script-failed", [...scripted, [9, say.beacon("failed")]], /script failed/),
  one(
    "",
    "other-server-taken",
    [
      [0, say.discover()],
      [0, say.fullOffer()],
      [1, say.takenElsewhere(false)],
    ],
    /another DHCP server, 192\.168\.77\.2, offered/,
  ),
  one("", "no-offer", [[0, say.discover()]], /no offer of ours left/),
  one("", "no-script-offer", [[0, say.ipxeDiscover()]], /no offer of ours left/),
  one(
    "",
    "offer-not-taken",
    [
      [0, say.discover({ broadcast: false })],
      [0, say.offer()],
    ],
    /take/,
  ),
  one("", "loader-unfinished", [...addressed, [3, say.loaderStart()]], /did not finish/),
  one("", "kernel-not-fetched", scripted, /the kernel was not/),
  one("", "kernel-unfinished", kernel, /kernel's download did not finish/),
  one("", "initramfs-unfinished", initramfs, /initramfs's download did not finish/),
  one("", "micro-os-silent", fetched, /did not report/),
];

describe("a boot that stands still", () => {
  test.each(cases)("row $row: $code", ({ code, beats, cause, others }) => {
    const found = saidOf(beats, others);
    expect(found).toMatchObject({ code, cause: expect.stringMatching(cause) });
    expect(`${found?.cause} ${found?.remedy}`).not.toMatch(/[{}]/);
    expect(found?.who).toMatch(/^(site|network)$/);
  });

  test.each(cases)("row $row: $code is not said too early", ({ beats, others }) => {
    const before = others.map((event): Beat => [0, asOther(event)]);
    const evidence = new BootStory().play([...before, ...beats]).evidence();
    expect(evidence && diagnose(evidence, evidence.boot.updatedAtMs + 59_000)).toBeNull();
  });

  test.each(cases)("row $row: $code is not said of a boot that goes on", ({ beats }) => {
    const story = new BootStory().play([...beats, ...goesOn]);
    expect(story.diagnosis(1000)).toBeNull();
  });

  test.each(["machine-denied", "no-loader-fits"] as const)(
    "row 8: %s is said at once, until the machine is served",
    (why) => {
      const refused: readonly Beat[] = [...asked, [5, say.refused(why)]];
      expect(saidOf(refused)).toMatchObject({ code: why, cause: `because of ${why}` });
      expect(new BootStory().play(refused).diagnosis(0)?.code).toBe(why);
      const served = new BootStory().play([...refused, [9, say.discover()], [9, say.offer()]]);
      expect(served.diagnosis(1)).toBeNull();
    },
  );

  test("each cause that a boot can have is tried here", () => {
    const reported = [...reportedCodes.values()];
    const byMachine = machineRules.map(({ code }) => code);
    const tried = new Set([
      ...reported,
      ...byMachine,
      ...trustRules.map(({ code }) => code),
      "offers-dropped",
      ...cases.map(({ code }) => code),
    ]);
    expect(bootRules.map(({ code }) => code).filter((code) => !tried.has(code))).toEqual([]);
  });

  test("no code stands twice among the rules of boots", () => {
    const codes = bootRules.map(({ code }) => code);
    expect(codes).toEqual([...new Set(codes)]);
  });
});

describe("of a boot in which nothing is wrong", () => {
  test.each(Object.entries(healthyBoots))("nothing is ever said: %s", (_name, beats) => {
    expect(allThatIsSaid(beats)).toEqual([]);
  });

  test("nothing is ever said beside another machine that fails", () => {
    for (const { beats: failing } of cases) {
      const story = new BootStory().play(
        failing.map(([, event]): Beat => [0, event === "moved" ? event : asOther(event)]),
      );
      const healthy = healthyBoots["UEFI beside the site's server"] ?? [];
      expect(allThatIsSaid(healthy, story)).toEqual([]);
    }
  });
});
