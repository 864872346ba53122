import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdminSite, lease } from "../../../support/admin-site.ts";

const headers = { "content-type": "application/json" };
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/leases", () => {
  test("lists the leases", async () => {
    const reply = await site.app().inject("/api/v1/leases");
    expect(reply.json()).toEqual({ leases: [lease], pools: [] });
  });

  test("frees an address", async () => {
    const free = async (address: string) => {
      const url = `/api/v1/leases/${address}`;
      const reply = await site.app().inject({ method: "DELETE", url, headers });
      return [reply.statusCode, reply.json()];
    };
    expect(await free("192.168.77.100")).toEqual([200, lease]);
    expect((await free("192.168.77.101"))[0]).toBe(404);
    expect((await free("hello"))[0]).toBe(400);
  });

  test("takes over leases, and only what is one", async () => {
    const post = async (leases: unknown) => {
      const reply = await site.app().inject({
        method: "POST",
        url: "/api/v1/leases",
        payload: { leases },
      });
      return [reply.statusCode, reply.json()];
    };
    const { state: _, network: __, ...offered } = lease;
    expect(await post([offered])).toEqual([200, { imported: 1, skipped: [] }]);
    for (const wrong of [
      [{ ...offered, address: "x" }],
      [{ ...offered, mac: "x" }],
      [lease],
      Array.from({ length: 1001 }, () => offered),
    ]) {
      expect((await post(wrong))[0]).toBe(400);
    }
  });
});
