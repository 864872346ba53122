import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { u16 } from "../../../src/lib/bytes.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import { firmware, fullLink, message, proxyLink } from "../../support/dhcp.ts";
import { address, kinds, mac, powerOn, Site } from "../../support/firmware-kinds.ts";

/*
 * Kinds of firmware, each on a link of its own, from power-on to the loader's name reaching TFTP; then
 * switched on again, after a restart of the server.
 */

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-ways-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe.each([
  ["proxy", proxyLink],
  ["full", fullLink],
] as const)("in mode %s", (_, link) => {
  test.each(kinds)("firmware that $name boots", async (kind) => {
    const site = await new Site(link, dataDir).start();
    expect(powerOn(site, kind)).toBeLessThanOrEqual(kind.by);
    expect(site.table.of(mac).proven?.style).toBe(kind.learns);
    await site.keeper.close();

    // The next day, after a restart: at its first question.
    const later = await new Site(link, dataDir).start();
    later.nowMs += 86_400_000;
    expect(powerOn(later, kind)).toBe(1);
    expect(later.named("adapted")).toEqual([]);
  });
});

describe("what people hear of it", () => {
  const stubborn = kinds.find(({ learns }) => learns === "menu");

  test("each other way that is tried, and what was learnt", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    if (stubborn === undefined) throw new Error("no such kind");
    powerOn(site, stubborn);
    const machine = { mac, address: null, interface: "eth1" };
    expect(site.named("adapted")).toEqual([
      { event: "adapted", ...machine, way: "boot-server" },
      { event: "adapted", ...machine, way: "menu" },
    ]);
    expect(site.named("way-learnt")).toEqual([{ event: "way-learnt", mac, address, way: "menu" }]);
    const offers = site.events.flatMap((one) => (one.event === "offer" ? [one.way] : []));
    expect(offers).toEqual(["direct", "boot-server", "menu", "menu"]);
  });

  test("a machine that is forgotten begins anew, also after a restart", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    if (stubborn === undefined) throw new Error("no such kind");
    powerOn(site, stubborn);
    expect(site.keeper.forget(mac)).toBe(true);
    expect(site.keeper.forget(mac)).toBe(false);
    await site.keeper.close();
    const later = await new Site(proxyLink, dataDir).start();
    expect(powerOn(later, stubborn)).toBe(3);
  });
});

describe("a machine of which nothing is kept", () => {
  test.each([8, 16])("has a hardware address of %i bytes", async (length) => {
    const site = await new Site(proxyLink, dataDir).start();
    const chaddr = Uint8Array.from({ length }, (_, i) => i + 2);
    for (const waitSeconds of [0, 4, 8]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(firmware.uefi), "server", { chaddr })?.options.get(43)?.[2]).toBe(8);
    }
  });

  test("is not answered: nothing is tried out on it, and nothing is told of that", async () => {
    const site = await new Site(
      { ...fullLink, full: { ...fullLink.full, pools: [] } },
      dataDir,
    ).start();
    for (const waitSeconds of [0, 4, 8]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(firmware.uefi))).toBeNull();
    }
    expect(site.named("adapted")).toEqual([]);
    expect(site.table.of(mac).attempt).toBeNull();
  });
});

describe("who is answered in one way only", () => {
  test.each([
    ["UEFI HTTP boot", firmware.uefiHttp, "08:00:27:29:4e:67"],
    ["iPXE", firmware.ipxe, "08:00:27:29:4e:67"],
    ["a Raspberry Pi", { ...firmware.bios, 93: u16(0) }, "dc:a6:32:01:02:03"],
  ] as const)("%s", async (_, options, machine) => {
    const site = await new Site(proxyLink, dataDir).start();
    const chaddr = macToBytes(machine);
    const first = site.ask(message(options), "server", { chaddr });
    for (const waitSeconds of [4, 8, 16]) {
      site.nowMs += waitSeconds * 1000;
      expect(site.ask(message(options), "server", { chaddr })).toEqual(first);
    }
    expect(site.named("adapted")).toEqual([]);
  });
});
