import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminSite } from "../../support/admin-site.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

const json = { "content-type": "application/json", host: "localhost" };

test("what changes something is reported with who asked for it", async () => {
  const app = site.app();
  const headers = { ...json, "x-eim-pxe-user": "anna\n" };
  const asked = [
    ["PATCH", "/api/v1/nodes/52:54:00:12:34:56", { netboot: "deny" }],
    ["POST", "/api/v1/artifacts/sync", {}],
    ["POST", "/api/v1/leases", { leases: [] }],
  ] as const;
  for (const [method, url, payload] of asked) {
    expect((await app.inject({ method, url, payload, headers })).statusCode).toBe(200);
  }
  const by = "anna\\x0a by eim-pxe, from 127.0.0.1";
  expect(site.changes).toEqual(asked.map(([method, url]) => ({ by, request: `${method} ${url}` })));
});

test("what only reads, is refused, or signs in is not", async () => {
  const app = site.app({ token: "right", readToken: "reads" });
  const bearer = (token: string) => ({ ...json, authorization: `Bearer ${token}` });
  await app.inject({ url: "/api/v1/leases", headers: bearer("right") });
  const url = "/api/v1/leases/192.168.77.77";
  const statuses = [];
  for (const token of ["wrong", "reads", "right"]) {
    statuses.push((await app.inject({ method: "DELETE", url, headers: bearer(token) })).statusCode);
  }
  expect(statuses).toEqual([401, 403, 404]);
  const signedIn = await app.inject({
    method: "POST",
    url: "/api/v1/session",
    payload: { token: "right" },
    headers: json,
  });
  expect(signedIn.statusCode).toBe(200);
  expect(site.changes).toEqual([]);
});
