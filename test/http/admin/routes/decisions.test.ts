import { afterEach, beforeEach, expect, test } from "vitest";
import { decisionsReply } from "../../../../src/api/nodes.ts";
import { AdminSite } from "../../../support/admin-site.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

const deny = async (kind: string, value: string, netboot: "deny" | null = "deny") => {
  const payload = { kind, value, netboot };
  const reply = await site.app().inject({ method: "POST", url: "/api/v1/decisions", payload });
  expect(reply.statusCode).toBe(200);
};
const page = async (query: Readonly<Record<string, string>>) => {
  const reply = await site.app().inject({ url: "/api/v1/decisions", query: { ...query } });
  const { decisions, next } = decisionsReply.parse(reply.json());
  return { values: decisions.map(({ value }) => value), next };
};
const macOf = (n: number) => `52:54:00:00:00:0${n}`;

test("decisions come in pages, none twice and none left out while others come and go", async () => {
  for (const n of [1, 2, 3, 4]) await deny("mac", macOf(n));
  await deny("serial", "VM*");
  const first = await page({ limit: "2" });
  expect(first.values).toEqual([macOf(1), macOf(2)]);
  // Of those that were read one is taken back, also the one that the next page begins behind.
  for (const n of [1, 2]) await deny("mac", macOf(n), null);
  const second = await page({ limit: "2", cursor: first.next ?? "" });
  expect(second.values).toEqual([macOf(3), macOf(4)]);
  await deny("mac", macOf(0));
  expect(await page({ limit: "2", cursor: second.next ?? "" })).toEqual({
    values: ["VM*"],
    next: null,
  });
});

test.each(["2", "serial:", "name:press-4"])("%j is no cursor", async (cursor) => {
  const reply = await site.app().inject({ url: "/api/v1/decisions", query: { cursor } });
  expect(reply.statusCode).toBe(400);
});
