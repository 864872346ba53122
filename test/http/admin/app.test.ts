import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InjectOptions } from "fastify";
import { AdminSite } from "../../support/admin-site.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("the token", () => {
  const token = "s3cret-of-the-site";
  const guarded = [
    "/metrics",
    "/api/v1/boots",
    "/api/v1/artifacts",
    "/api/v1/leases",
    "/api/v1/events",
    "/nothing",
  ];

  test.each(guarded)("is needed for %s", async (url) => {
    const app = site.app({ token });
    for (const authorization of [undefined, "Bearer wrong", `Basic ${token}`, `Bearer ${token}x`]) {
      const headers = authorization === undefined ? {} : { authorization };
      const reply = await app.inject({ url, headers });
      expect(reply.statusCode).toBe(401);
      expect(reply.headers["www-authenticate"]).toBe('Bearer realm="eim-pxe"');
      expect(reply.json()).toMatchObject({ error: { code: "UNAUTHORIZED" } });
    }
  });

  test("opens the way, and nothing of a synchronisation runs without it", async () => {
    let syncs = 0;
    const app = site.app({
      token,
      sync: () => {
        syncs += 1;
        return Promise.resolve({ generation: "g3", changed: true, fetched: [], durationMs: 1 });
      },
    });
    const sync = { method: "POST", url: "/api/v1/artifacts/sync" } as const;
    const json = { "content-type": "application/json" };
    expect((await app.inject({ ...sync, headers: json })).statusCode).toBe(401);
    expect(syncs).toBe(0);
    const headers = { authorization: `Bearer ${token}` };
    expect((await app.inject({ ...sync, headers: { ...headers, ...json } })).statusCode).toBe(200);
    expect((await app.inject({ url: "/metrics", headers })).statusCode).toBe(200);
  });

  test("is not needed to ask whether the program is alive and ready", async () => {
    const app = site.app({ token });
    expect((await app.inject("/healthz")).statusCode).toBe(200);
    expect((await app.inject("/readyz")).statusCode).toBe(200);
  });
});

describe("errors", () => {
  test("are JSON for a path that is not there and a URL that is none", async () => {
    const app = site.app();
    const missing = await app.inject("/api/v1/nothing");
    expect(missing.statusCode).toBe(404);
    expect(missing.json()).toMatchObject({ error: { code: "NOT_FOUND" } });
    const malformed = await app.inject("/api/%zz");
    expect(malformed.statusCode).toBe(400);
    expect(malformed.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });

  test("name each part of a request that is wrong", async () => {
    const app = site.app();
    const messageOf = async (request: string | InjectOptions) =>
      (await app.inject(request)).json<{ error: { message: string } }>().error.message;
    expect(await messageOf("/api/v1/boots?mac=nonsense")).toBe(
      "the query: mac must be a hardware address such as 08:00:27:29:4e:67",
    );
    expect(await messageOf("/api/v1/nodes/nonsense")).toBe(
      "the path: mac must be a hardware address such as 08:00:27:29:4e:67",
    );
    const leases = [
      { mac: "x", address: "y", startedAtMs: 0, expiresAtMs: 0, hostname: null, clientId: null },
    ];
    expect(await messageOf({ method: "POST", url: "/api/v1/leases", payload: { leases } })).toBe(
      "the body: leases.0.mac must be like 08:00:27:29:4e:67; the body: leases.0.address must be an IPv4 address",
    );
  });
});
