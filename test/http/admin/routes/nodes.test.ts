import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminSite, at, startedAtMs } from "../../../support/admin-site.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
const other = "52:54:00:00:00:01";
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/nodes", () => {
  test("has every machine with an entry, a boot, or a known way, each once", async () => {
    site.entries.push(nodeEntry({ mac: other, name: "press-4", netboot: "deny" }));
    const address = "192.168.77.50";
    site.sessions.record("discover", { mac, address }, {}, at(startedAtMs));
    site.offerStyles.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    const reply = await site.app().inject("/api/v1/nodes");
    expect(reply.json().nodes).toMatchObject([
      { mac: other, name: "press-4", hasEntry: true, denied: "its entry says so", boot: null },
      {
        mac,
        address,
        hasEntry: false,
        denied: null,
        way: "menu",
        waySince: "2026-03-06T10:00:00.000Z",
        boot: { stage: "discover", status: "booting" },
      },
    ]);
  });

  test("has one machine by any form of its address, and no unknown one", async () => {
    site.offerStyles.restore([{ mac, style: "direct", provenAtMs: startedAtMs }]);
    const app = site.app();
    expect((await app.inject("/api/v1/nodes/52-54-00-12-34-56")).json()).toMatchObject({ mac });
    expect((await app.inject(`/api/v1/nodes/${other}`)).statusCode).toBe(404);
    expect((await app.inject("/api/v1/nodes/nobody")).statusCode).toBe(400);
  });

  test("forgets how a machine is answered and changes nothing else", async () => {
    site.offerStyles.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    site.sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    const patch = (payload: object) =>
      site.app().inject({ method: "PATCH", url: `/api/v1/nodes/${mac}`, payload });
    for (const wrong of [{}, { way: "direct" }, { way: null, name: "x" }]) {
      expect((await patch(wrong)).statusCode).toBe(400);
    }
    const reply = await patch({ way: null });
    expect([reply.statusCode, reply.json()]).toMatchObject([200, { mac, way: null }]);
    expect(site.offerStyles.proven()).toEqual([]);
  });
});
