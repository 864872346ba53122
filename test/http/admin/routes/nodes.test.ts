import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodesReply } from "../../../../src/api/nodes.ts";
import { AdminSite, at, startedAtMs } from "../../../support/admin-site.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
const other = "52:54:00:00:00:01";
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/nodes", () => {
  test("has every machine with an entry, a boot, or a known way, each once", async () => {
    site.entries.push(nodeEntry({ mac: other, name: "press-4", netboot: "deny" }));
    const address = "192.168.77.50";
    site.sessions.record("discover", { mac, address }, {}, at(startedAtMs));
    site.offerStyles.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    const reply = await site.app().inject("/api/v1/nodes");
    expect(reply.json().nodes).toMatchObject([
      {
        mac: other,
        name: "press-4",
        hasEntry: true,
        denied: "its node entry says netboot: deny",
        boot: null,
      },
      {
        mac,
        address,
        hasEntry: false,
        denied: null,
        way: "menu",
        waySince: "2026-03-06T10:00:00.000Z",
        boot: { stage: "discover", status: "booting" },
      },
    ]);
  });

  test("come in pages by MAC, each machine once", async () => {
    const macOf = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;
    for (const n of [3, 1, 5]) site.entries.push(nodeEntry({ mac: macOf(n) }));
    for (const n of [4, 3, 2]) {
      site.sessions.record("discover", { mac: macOf(n), address: null }, {}, at(startedAtMs));
    }
    const style = "menu" as const;
    const proven = [1, 6].map((n) => ({ mac: macOf(n), style, provenAtMs: startedAtMs }));
    site.offerStyles.restore(proven);
    const page = async (query: string) => {
      const reply = await site.app().inject(`/api/v1/nodes?${query}`);
      const { nodes, next } = nodesReply.parse(reply.json());
      return [nodes.map((one) => one.mac), next];
    };
    expect(await page("limit=4")).toEqual([[1, 2, 3, 4].map(macOf), macOf(4)]);
    expect(await page(`limit=4&cursor=${macOf(4)}`)).toEqual([[5, 6].map(macOf), null]);
    expect(await page("")).toEqual([[1, 2, 3, 4, 5, 6].map(macOf), null]);
  });

  test("has the machines that are named, without those of which nothing is known", async () => {
    site.entries.push(nodeEntry({ mac: other, netboot: "deny" }));
    site.sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    const app = site.app();
    const asked = async (query: string) => {
      const { nodes } = nodesReply.parse((await app.inject(`/api/v1/nodes?${query}`)).json());
      return nodes.map((one) => one.mac);
    };
    const unknown = "52:54:00:99:99:99";
    expect(await asked(`mac=${mac},${unknown},${other}`)).toEqual([other, mac]);
    expect(await asked(`mac=${mac},${other}&status=denied`)).toEqual([other]);
    expect(await asked(`mac=${unknown}`)).toEqual([]);
    expect((await app.inject("/api/v1/nodes?mac=any")).statusCode).toBe(400);
  });

  test("has one machine by any form of its address, and no unknown one", async () => {
    site.offerStyles.restore([{ mac, style: "direct", provenAtMs: startedAtMs }]);
    const app = site.app();
    expect((await app.inject("/api/v1/nodes/52-54-00-12-34-56")).json()).toMatchObject({ mac });
    expect((await app.inject(`/api/v1/nodes/${other}`)).statusCode).toBe(404);
    expect((await app.inject("/api/v1/nodes/nobody")).statusCode).toBe(400);
  });

  test("forgets how a machine is answered and changes nothing else", async () => {
    site.offerStyles.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    site.sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    const patch = (payload: object) =>
      site.app().inject({ method: "PATCH", url: `/api/v1/nodes/${mac}`, payload });
    for (const wrong of [{}, { way: "direct" }, { netboot: "maybe" }, { way: null, more: 1 }]) {
      expect((await patch(wrong)).statusCode).toBe(400);
    }
    const reply = await patch({ way: null });
    expect([reply.statusCode, reply.json()]).toMatchObject([200, { mac, way: null }]);
    expect(site.offerStyles.proven()).toEqual([]);
  });
});

describe("/api/v1/nodes/MAC/wake", () => {
  const wake = (which: string) =>
    site.app().inject({ method: "POST", url: `/api/v1/nodes/${which}/wake`, headers: json });
  const json = { "content-type": "application/json", "x-eim-pxe-user": "anna" };

  test("sends a magic packet to machines that are known or not, in the name of who asked", async () => {
    const reply = await wake("52-54-00-12-34-56");
    const sent = [{ interface: "eth1", address: "192.168.77.1", to: "255.255.255.255" }];
    expect([reply.statusCode, reply.json()]).toEqual([
      200,
      { mac, isKnown: true, sent, failed: [] },
    ]);
    expect(site.woken).toEqual([{ mac, by: "anna by eim-pxe, from 127.0.0.1" }]);
  });

  test.each([
    ["01:00:5e:00:00:01", "the path: mac must be the address of one network card"],
    ["ff:ff:ff:ff:ff:ff", "the path: mac must be the address of one network card"],
    ["00:00:00:00:00:00", "the path: mac must be the address of one network card"],
    ["nonsense", "the path: mac must be a hardware address"],
  ])("wakes no group and no nonsense: %s", async (which, message) => {
    const reply = await wake(which);
    expect([reply.statusCode, reply.json()]).toMatchObject([
      400,
      { error: { message: expect.stringContaining(message) } },
    ]);
    expect(site.woken).toEqual([]);
  });

  test("says so when it could be sent nowhere", async () => {
    site.served = [];
    const reply = await wake(mac);
    expect([reply.statusCode, reply.json()]).toMatchObject([503, { error: { code: "NOT_SENT" } }]);
    expect(reply.json().error.message).toContain("no link is served now");
  });
});
