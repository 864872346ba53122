import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminSite } from "../../../support/admin-site.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/healthz and /readyz", () => {
  test("say alive and ready, with the generation that is served", async () => {
    const app = site.app();
    const alive = await app.inject("/healthz");
    expect([alive.statusCode, alive.json()]).toEqual([
      200,
      { status: "alive", instance: "this one" },
    ]);
    const ready = await app.inject("/readyz");
    expect([ready.statusCode, ready.json()]).toEqual([
      200,
      { status: "ready", generation: "g2", unserved: ["no eth2"] },
    ]);
  });

  test("say why no machine could boot", async () => {
    const reasons = ["no generation is served"];
    const app = site.app({ readiness: () => ({ ready: false, reasons, unserved: [] }) });
    const reply = await app.inject("/readyz");
    expect(reply.statusCode).toBe(503);
    expect(reply.json()).toEqual({ status: "not ready", reasons });
    expect((await app.inject("/healthz")).statusCode).toBe(200);
  });
});

describe("/metrics", () => {
  test("is the text of the registry, with its type", async () => {
    const reply = await site.app().inject("/metrics");
    expect(reply.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(reply.body).toBe("eim_pxe_ready 1\n");
  });
});
