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

  test.each(['{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '{"other":1}'])(
    "takes no notice of keys that mean nothing: %s",
    async (payload) => {
      const headers = { "content-type": "application/json" };
      const sync = { method: "POST", url: "/api/v1/artifacts/sync", headers, payload } as const;
      expect((await site.app().inject(sync)).statusCode).toBe(200);
      expect({}).not.toHaveProperty("a");
    },
  );

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

describe("the token that may only read", () => {
  const tokens = { token: "s3cret-of-the-site", readToken: "for-the-screen-on-the-wall" };
  const headers = {
    authorization: `Bearer ${tokens.readToken}`,
    "content-type": "application/json",
  };

  test("reads, and changes nothing", async () => {
    const app = site.app(tokens);
    expect((await app.inject({ url: "/api/v1/boots", headers })).statusCode).toBe(200);
    const changes = [
      ["POST", "/api/v1/artifacts/sync"],
      ["POST", "/api/v1/artifacts/pin"],
      ["PATCH", "/api/v1/nodes/52:54:00:00:00:01"],
      ["DELETE", "/api/v1/leases/192.168.77.100"],
    ] as const;
    for (const [method, url] of changes) {
      const reply = await app.inject({ method, url, headers });
      expect([url, reply.statusCode]).toEqual([url, 403]);
      expect(reply.json()).toMatchObject({ error: { code: "READ_ONLY" } });
    }
  });
});

describe("the dashboard's sign-in", () => {
  const tokens = { token: "s3cret-of-the-site", readToken: "for-the-screen-on-the-wall" };
  const headers = { "content-type": "application/json" };
  const url = "/api/v1/session";

  test.each([
    [tokens.token, "write", 200],
    [tokens.readToken, "read", 403],
  ] as const)("keeps %s in a cookie that may %s", async (token, access, status) => {
    const app = site.app(tokens);
    const signedIn = await app.inject({ method: "POST", url, headers, payload: { token } });
    expect(signedIn.json()).toEqual({ access, signedIn: true, needsToken: true });
    const cookie = String(signedIn.headers["set-cookie"]);
    expect(cookie).toMatch(/; HttpOnly(;|$)/);
    expect(cookie).toMatch(/; SameSite=Strict(;|$)/);
    expect(cookie).not.toContain(token);
    const kept = { ...headers, cookie: cookie.split(";")[0] ?? "" };
    expect((await app.inject({ url, headers: kept })).json()).toMatchObject({ access });
    expect((await app.inject({ url: "/api/v1/boots", headers: kept })).statusCode).toBe(200);
    const sync = { method: "POST", url: "/api/v1/artifacts/sync", headers: kept } as const;
    expect((await app.inject(sync)).statusCode).toBe(status);
  });

  test("refuses a wrong token, and gives no cookie", async () => {
    const app = site.app(tokens);
    const payload = { token: "another-word-of-that-length" };
    const reply = await app.inject({ method: "POST", url, headers, payload });
    expect([reply.statusCode, reply.headers["set-cookie"]]).toEqual([401, undefined]);
    for (const cookie of ["eim-pxe-session=", `eim-pxe-session=${tokens.token}`, "=;;=%%"]) {
      const guessed = await app.inject({ url: "/api/v1/boots", headers: { cookie } });
      expect(guessed.statusCode).toBe(401);
    }
  });

  test("ends with a cookie that has run out, and when the token is changed", async () => {
    const payload = { token: tokens.token };
    const given = await site.app(tokens).inject({ method: "POST", url, headers, payload });
    const cookie = String(given.headers["set-cookie"]).split(";")[0] ?? "";
    const other = site.app({ ...tokens, token: "the-next-token-of-the-site" });
    expect((await other.inject({ url: "/api/v1/boots", headers: { cookie } })).statusCode).toBe(
      401,
    );
    const ended = await other.inject({ method: "DELETE", url, headers });
    expect(ended.headers["set-cookie"]).toContain("Max-Age=0");
  });

  test("is not needed where no token is", async () => {
    const app = site.app();
    expect((await app.inject(url)).json()).toEqual({
      access: "write",
      signedIn: false,
      needsToken: false,
    });
  });

  test("is refused to a page of another origin", async () => {
    const app = site.app(tokens);
    const foreign = { ...headers, origin: "https://elsewhere.example" };
    const payload = { token: tokens.token };
    const reply = await app.inject({ method: "POST", url, headers: foreign, payload });
    expect(reply.json()).toMatchObject({ error: { code: "ORIGIN_NOT_ALLOWED" } });
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
