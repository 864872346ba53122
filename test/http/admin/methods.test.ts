import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endpoints } from "../../../src/api/endpoints.ts";
import { AdminSite } from "../../support/admin-site.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

const paths = new Map<string, Set<string>>();
for (const { url, method } of Object.values(endpoints)) {
  const methods = paths.get(url) ?? new Set();
  methods.add(method);
  // A stream has no end, and so nothing that HEAD could tell of it.
  if (method === "GET" && url !== endpoints.streamEvents.url) methods.add("HEAD");
  paths.set(url, methods);
}
const all = [...paths].map(([url, methods]) => ({ url, methods: [...methods].toSorted() }));
const methods = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"] as const;

describe("a method that a path does not have", () => {
  test.each(all)(
    "is refused with 405 and names those of $url",
    async ({ url, methods: allowed }) => {
      const app = site.app();
      const path = url.replaceAll(/:\w+/g, "x");
      for (const method of methods.filter((one) => !allowed.includes(one))) {
        const reply = await app.inject({ method, url: `${path}?limit=1` });
        expect([method, reply.statusCode, reply.headers["allow"]]).toEqual([
          method,
          405,
          allowed.join(", "),
        ]);
        expect(reply.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
      }
    },
  );

  test("is refused for its token, its host and its path first", async () => {
    const app = site.app({ token: "s3cret-of-the-site" });
    const status = async (url: string, headers = {}) =>
      (await app.inject({ method: "TRACE", url, headers })).statusCode;
    const authorization = "Bearer s3cret-of-the-site";
    expect(await status("/api/v1/boots")).toBe(401);
    expect(await status("/api/v1/boots", { authorization, host: "evil.example" })).toBe(403);
    expect(await status("/api/v1/boots", { authorization })).toBe(405);
    expect(
      await status("/api/v1/nothing", { authorization, "content-type": "application/json" }),
    ).toBe(404);
    expect(
      await status("/api/v1/boots/", { authorization, "content-type": "application/json" }),
    ).toBe(404);
  });
});
