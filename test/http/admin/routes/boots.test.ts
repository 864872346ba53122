import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminSite, at, startedAtMs } from "../../../support/admin-site.ts";

const mac = "52:54:00:12:34:56";
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/boots", () => {
  test("is the timeline of each boot", async () => {
    const { sessions } = site;
    const machine = { mac, address: "192.168.77.100" };
    sessions.record("discover", { ...machine, uuid: "u" }, { interface: "eth1" }, at(startedAtMs));
    sessions.record("offer", machine, {}, at(startedAtMs + 20));
    sessions.record("discover", machine, { interface: "eth1" }, at(startedAtMs + 4_000));
    const reply = await site.app().inject("/api/v1/boots");
    expect(reply.json()).toEqual({
      boots: [
        {
          id: `${mac}@2026-03-06T10:00:00.000Z`,
          mac,
          address: "192.168.77.100",
          uuid: "u",
          serial: null,
          status: "booting",
          stage: "offer",
          startedAt: "2026-03-06T10:00:00.000Z",
          updatedAt: "2026-03-06T10:00:04.000Z",
          durationMs: 4_000,
          generation: null,
          diagnosis: null,
          steps: [
            {
              stage: "discover",
              at: "2026-03-06T10:00:00.000Z",
              afterMs: 0,
              count: 2,
              detail: { interface: "eth1" },
            },
            { stage: "offer", at: "2026-03-06T10:00:00.020Z", afterMs: 20, count: 1, detail: {} },
          ],
        },
      ],
    });
  });

  test("says of a boot that stands still what is likely wrong", async () => {
    site.sessions.record("offer", { mac, address: null }, {}, at(startedAtMs));
    site.nowMs += 120_000;
    const reply = await site.app().inject("/api/v1/boots");
    expect(reply.json()).toMatchObject({
      boots: [{ status: "stalled", diagnosis: expect.stringContaining("TFTP") }],
    });
  });

  test("can be of one machine only, in any spelling of its MAC", async () => {
    const { sessions } = site;
    sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    sessions.record("discover", { mac: "52:54:00:00:00:01", address: null }, {}, at(startedAtMs));
    const app = site.app();
    const one = await app.inject("/api/v1/boots?mac=52-54-00-12-34-56");
    expect(one.json()).toMatchObject({ boots: [{ mac }] });
    const none = await app.inject("/api/v1/boots?mac=52:54:00:00:00:02");
    expect(none.json()).toEqual({ boots: [] });
  });

  test.each(["?mac=nonsense", "?mac=a&mac=b"])("refuses %s", async (query) => {
    const reply = await site.app().inject(`/api/v1/boots${query}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });
});
