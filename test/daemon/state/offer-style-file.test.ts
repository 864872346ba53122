import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { proxyLink } from "../../support/dhcp.ts";
import { kinds, mac, powerOn, Site } from "../../support/firmware-kinds.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-ways-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe("the file with what was learnt", () => {
  test("is readable, and complete after many changes at once", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    const [kind] = kinds;
    if (kind === undefined) throw new Error("no such kind");
    powerOn(site, kind);
    await site.keeper.close();
    const { machines } = JSON.parse(readFileSync(join(dataDir, "ways.json"), "utf8"));
    expect(machines).toEqual([{ mac, way: "direct", since: new Date(site.nowMs).toISOString() }]);
  });

  test("of which an entry is spoilt keeps the others", async () => {
    const kept = { mac, way: "menu", since: "2026-11-25T10:00:00.000Z" };
    const spoilt = [{ ...kept, mac: "02:00:00:00:00:01:02:03" }, { mac, way: "x" }, 7];
    writeFileSync(join(dataDir, "ways.json"), JSON.stringify({ machines: [...spoilt, kept] }));
    const site = await new Site(proxyLink, dataDir).start();
    expect(site.table.proven()).toEqual([
      { mac, style: "menu", provenAtMs: Date.parse(kept.since) },
    ]);
    expect(site.named("ways-unread")).toEqual([]);
  });

  test.each(["{", '{"machines": "none"}'])(
    "that is damaged is reported, and machines boot all the same: %s",
    async (text) => {
      writeFileSync(join(dataDir, "ways.json"), text);
      const site = await new Site(proxyLink, dataDir).start();
      expect(site.named("ways-unread")).toHaveLength(1);
      const [kind] = kinds;
      expect(kind === undefined ? null : powerOn(site, kind)).toBe(1);
    },
  );

  test("that cannot be written is reported, and what was learnt holds until the end", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, "a file where the folder was");
    const [, kind] = kinds;
    if (kind === undefined) throw new Error("no such kind");
    powerOn(site, kind);
    await site.keeper.close();
    expect(site.named("ways-unkept")).toHaveLength(1);
    expect(powerOn(site, kind)).toBe(1);
  });
});
