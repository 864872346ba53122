import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { leasesReply } from "../../../../src/api/leases.ts";
import type { AdminLeases } from "../../../../src/http/admin/app.ts";
import { AdminSite, inOneStep, lease } from "../../../support/admin-site.ts";

const headers = { "content-type": "application/json" };
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/leases", () => {
  test("lists the leases", async () => {
    const reply = await site.app().inject("/api/v1/leases");
    expect(reply.json()).toEqual({ leases: [lease], pools: [], next: null });
  });

  test("come in pages, each of which says where the next one begins", async () => {
    const all = [1, 2, 3, 4, 5].map((n) => ({ ...lease, address: `192.168.77.${n}` }));
    const asked: (readonly [string | null, number])[] = [];
    const leases: AdminLeases = {
      at: () => null,
      page: (after, limit) => {
        asked.push([after, limit]);
        return inOneStep(
          all.filter(({ address }) => after === null || address > after).slice(0, limit),
        );
      },
      pools: () => inOneStep([]),
      release: () => Promise.resolve(null),
      import: () => Promise.resolve({ imported: 0, skipped: [] }),
    };
    const page = async (query: string) => {
      const reply = await site.app({ leases }).inject(`/api/v1/leases?${query}`);
      const found = leasesReply.parse(reply.json());
      return [found.leases.map(({ address }) => address.slice(-1)).join(""), found.next];
    };
    expect(await page("limit=2")).toEqual(["12", "192.168.77.2"]);
    expect(await page("limit=2&cursor=192.168.77.2")).toEqual(["34", "192.168.77.4"]);
    expect(await page("limit=2&cursor=192.168.77.4")).toEqual(["5", null]);
    expect(await page("limit=5")).toEqual(["12345", null]);
    await page("limit=60000");
    expect(asked.at(-1)).toEqual([null, 1001]);
    expect((await site.app().inject("/api/v1/leases?cursor=x")).statusCode).toBe(400);
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

  test("reserves an address, with a name or with no body at all", async () => {
    const pin = async (payload?: object) => {
      const url = `/api/v1/leases/${lease.address}/pin`;
      const reply = await site.app().inject({
        method: "POST",
        url,
        headers,
        ...(payload === undefined ? {} : { payload }),
      });
      return [reply.statusCode, reply.json()];
    };
    const pinned = { mac: lease.mac, address: lease.address };
    expect(await pin()).toEqual([200, { ...pinned, name: null }]);
    expect(await pin({ name: "press-6" })).toEqual([200, { ...pinned, name: "press-6" }]);
    expect((await pin({ nam: "press-6" }))[0]).toBe(400);
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
