import { afterEach, expect, test, vi } from "vitest";
import { firstLeases } from "../../src/dashboard/data/leases.ts";

afterEach(() => vi.unstubAllGlobals());

/** A server of so many leases; `asked`: the queries that came. */
function serve(held: number): { readonly asked: string[] } {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    const { searchParams: query, search } = new URL(path, "http://localhost");
    asked.push(search);
    const from = Number(query.get("cursor") ?? 0);
    const end = Math.min(held, from + Math.min(1000, Number(query.get("limit"))));
    const leases = Array.from({ length: end - from }, (_, index) => from + index);
    const next = end < held ? `${end}` : null;
    return Promise.resolve(
      new Response(JSON.stringify({ leases, pools: [{ leased: held }], next })),
    );
  });
  return { asked };
}

test("as many leases as are shown are all asked for again, with the newest figures", async () => {
  const { asked } = serve(3000);
  const { leases, pools, next } = await firstLeases(1200);
  expect([leases.length, new Set(leases).size, next]).toEqual([1200, 1200, "1200"]);
  expect(pools).toEqual([{ leased: 3000 }]);
  expect(asked).toEqual(["?limit=1000", "?limit=200&cursor=1000"]);
});

test("where there are fewer, they are all", async () => {
  serve(150);
  const { leases, next } = await firstLeases(200);
  expect([leases.length, next]).toEqual([150, null]);
});
