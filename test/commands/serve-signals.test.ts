import { existsSync, mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serve } from "../../src/commands/serve.ts";
import { lockFolder } from "../../src/daemon/state/data-folder-lock.ts";
import { eventually } from "../support/eventually.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";

let site: ServedSite;
beforeEach(async () => {
  site = await ServedSite.open();
});
afterEach(() => site.close());

describe("eim-pxe serve", () => {
  it("takes signals that come while it starts", async () => {
    site.write("nodes.yaml", "- mac: 52:54:00:00:00:01\n");
    const here = new FakeProgram();
    const ended = serve(here, site.configuration("nodes: { file: nodes.yaml }"));
    here.signal("SIGHUP");
    let log = "";
    await eventually(() => {
      log += here.written;
      expect(log).toContain('"event":"reloaded","nodes":1');
    });
    here.signal("SIGTERM");
    expect(await ended).toBe(0);
    expect(existsSync(site.path("data/running.json"))).toBe(false);
  });

  it("ends at once where it is to stop while it starts, also while a command holds its folder", async () => {
    const config = site.configuration();
    mkdirSync(site.path("data"));
    const lock = { dataDir: site.path("data"), pid: 1, patienceMs: 0 };
    const held = await lockFolder({ ...lock, purpose: "sync" });
    const here = new FakeProgram();
    const ended = serve(here, config);
    here.signal("SIGTERM");
    expect(await ended).toBe(0);
    expect(here.written).not.toContain('"event":"listening"');
    await held.release();
    await (await lockFolder({ ...lock, purpose: "sync" })).release();
  });
});
