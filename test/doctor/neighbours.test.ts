import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { lookAtNeighbours } from "../../src/doctor/evidence/neighbours.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-neighbours-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function links(dhcp: object) {
  const text = JSON.stringify({ interfaces: [{ name: "eth1", dhcp }] });
  return parseConfig(text, join(folder, "eim-pxe.yaml")).interfaces;
}

const relayed = [{ subnet: "10.9.0.0/16", pools: ["10.9.0.1-10.9.99.255"] }];
const full = { mode: "full", subnet: "10.8.0.0/16", pools: ["10.8.1.0-10.8.8.255"], relayed };

describe("doctor: how many machines the kernel can know at once", () => {
  test("counts the pools of links that are served directly, not those behind a relay agent", async () => {
    const path = join(folder, "gc_thresh3");
    writeFileSync(path, "1024\n");
    expect(await lookAtNeighbours(links(full), path)).toEqual([{ machines: 2048, most: 1024 }]);
  });

  test("says nothing in mode proxy, and where the kernel does not say", async () => {
    const path = join(folder, "gc_thresh3");
    expect(await lookAtNeighbours(links(full), path)).toEqual([]);
    writeFileSync(path, "1024\n");
    expect(await lookAtNeighbours(links({ mode: "proxy" }), path)).toEqual([]);
  });
});
