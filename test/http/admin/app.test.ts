import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FastifyInstance } from "fastify";
import type { NodeEntry } from "../../../src/boot/node.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { type AdminAppOptions, createAdminApp } from "../../../src/http/admin/app.ts";
import { listen } from "../../../src/http/listen.ts";
import type { Moment } from "../../../src/lib/clock.ts";
import { InternalError, SyncError } from "../../../src/lib/errors.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { nodeEntry } from "../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
const startedAtMs = Date.parse("2026-03-06T10:00:00Z");
const apps: FastifyInstance[] = [];
let sessions: BootSessions;
let nowMs: number;
let table: OfferStyleTable;
let entries: NodeEntry[];
let pinned: string | null;
let listeners: Set<(event: PxeEvent) => void>;

/** A moment on a clock whose two scales agree. */
function at(ms: number): Moment {
  return { nowMs: ms, wallMs: ms };
}

function adminApp(given: Partial<AdminAppOptions> = {}): FastifyInstance {
  const app = createAdminApp({
    instance: "this one",
    sessions,
    clock: { now: () => nowMs, wall: () => nowMs },
    readiness: () => ({ ready: true, reasons: [], unserved: ["no eth2"] }),
    metrics: {
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      metrics: () => Promise.resolve("eim_pxe_ready 1\n"),
    },
    generations: {
      current: () => ({ id: "g2" }),
      list: () => [
        { id: "g2", manifest: { files: ["boot.ipxe"] } },
        { id: "g1", manifest: { files: [] } },
      ],
    },
    artifacts: {
      pinned: () => pinned,
      pin: (generation) => {
        if (generation === "g9") return Promise.reject(new SyncError("there is no generation g9"));
        pinned = generation;
        return Promise.resolve();
      },
      loaders: () => Promise.resolve([{ name: "ipxe.efi" }]),
      verify: () => Promise.resolve(new Map([["g1", "a is missing"]])),
      adopt: (name) => Promise.resolve(`adopted ${name}`),
    },
    sync: () => Promise.resolve({ generation: "g3", changed: true }),
    nodes: {
      entries: () => entries,
      find: (machine) => entries.find((entry) => entry.mac === machine.mac) ?? null,
      denialOf: (entry) => (entry?.netboot === "deny" ? "its entry says so" : null),
      offerStyles: () => table.proven(),
      offerStyleOf: (machine) => table.provenOf(machine),
      forgetWay: (machine) => void table.forget(machine),
    },
    leases: {
      list: () => [{ mac, address: "192.168.77.100" }],
      pools: () => [{ network: "192.168.77.0/24", free: 9 }],
      release: (address) => Promise.resolve(address === "192.168.77.100" ? { mac, address } : null),
      import: (leases) => Promise.resolve({ imported: leases.length, skipped: [] }),
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    token: null,
    ...given,
  });
  apps.push(app);
  return app;
}

beforeEach(() => {
  sessions = new BootSessions();
  nowMs = startedAtMs;
  table = new OfferStyleTable();
  entries = [];
  pinned = null;
  listeners = new Set();
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe("/healthz and /readyz", () => {
  test("say alive and ready, with the generation that is served", async () => {
    const app = adminApp();
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
    const app = adminApp({ readiness: () => ({ ready: false, reasons, unserved: [] }) });
    const reply = await app.inject("/readyz");
    expect(reply.statusCode).toBe(503);
    expect(reply.json()).toEqual({ status: "not ready", reasons });
    expect((await app.inject("/healthz")).statusCode).toBe(200);
  });
});

describe("/metrics", () => {
  test("is the text of the registry, with its type", async () => {
    const reply = await adminApp().inject("/metrics");
    expect(reply.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(reply.body).toBe("eim_pxe_ready 1\n");
  });
});

describe("/api/v1/boots", () => {
  test("is the timeline of each boot", async () => {
    const machine = { mac, address: "192.168.77.100" };
    sessions.record("discover", { ...machine, uuid: "u" }, { interface: "eth1" }, at(startedAtMs));
    sessions.record("offer", machine, {}, at(startedAtMs + 20));
    sessions.record("discover", machine, { interface: "eth1" }, at(startedAtMs + 4_000));
    const reply = await adminApp().inject("/api/v1/boots");
    expect(reply.json()).toEqual({
      boots: [
        {
          id: `${mac}@2026-03-06T10:00:00.000Z`,
          mac,
          address: "192.168.77.100",
          uuid: "u",
          serial: null,
          status: "booting",
          stage: "offer",
          startedAt: "2026-03-06T10:00:00.000Z",
          updatedAt: "2026-03-06T10:00:04.000Z",
          durationMs: 4_000,
          generation: null,
          diagnosis: null,
          steps: [
            {
              stage: "discover",
              at: "2026-03-06T10:00:00.000Z",
              afterMs: 0,
              count: 2,
              detail: { interface: "eth1" },
            },
            { stage: "offer", at: "2026-03-06T10:00:00.020Z", afterMs: 20, count: 1, detail: {} },
          ],
        },
      ],
    });
  });

  test("says of a boot that stands still what is likely wrong", async () => {
    sessions.record("offer", { mac, address: null }, {}, at(startedAtMs));
    nowMs += 120_000;
    const reply = await adminApp().inject("/api/v1/boots");
    expect(reply.json()).toMatchObject({
      boots: [{ status: "stalled", diagnosis: expect.stringContaining("TFTP") }],
    });
  });

  test("can be of one machine only, in any spelling of its MAC", async () => {
    sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    sessions.record("discover", { mac: "52:54:00:00:00:01", address: null }, {}, at(startedAtMs));
    const app = adminApp();
    const one = await app.inject("/api/v1/boots?mac=52-54-00-12-34-56");
    expect(one.json()).toMatchObject({ boots: [{ mac }] });
    const none = await app.inject("/api/v1/boots?mac=52:54:00:00:00:02");
    expect(none.json()).toEqual({ boots: [] });
  });

  test.each(["?mac=nonsense", "?mac=a&mac=b"])("refuses %s", async (query) => {
    const reply = await adminApp().inject(`/api/v1/boots${query}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });
});

describe("/api/v1/artifacts", () => {
  test("lists the generations and tells the current one", async () => {
    const reply = await adminApp().inject("/api/v1/artifacts");
    expect(reply.json()).toEqual({
      current: "g2",
      pinned: null,
      loaders: [{ name: "ipxe.efi" }],
      generations: [
        { id: "g2", current: true, manifest: { files: ["boot.ipxe"] } },
        { id: "g1", current: false, manifest: { files: [] } },
      ],
    });
  });

  test("sync runs a synchronisation and gives its result", async () => {
    const reply = await adminApp().inject({ method: "POST", url: "/api/v1/artifacts/sync" });
    expect([reply.statusCode, reply.json()]).toEqual([200, { generation: "g3", changed: true }]);
  });

  test("a synchronisation that failed is a 502 with the reason", async () => {
    const app = adminApp({
      sync: () => Promise.reject(new SyncError("origin: connection refused")),
    });
    const reply = await app.inject({ method: "POST", url: "/api/v1/artifacts/sync" });
    expect(reply.statusCode).toBe(502);
    expect(reply.json()).toEqual({
      error: { code: "SYNC_FAILED", message: "origin: connection refused" },
    });
  });

  test("a fault of ours is a 500", async () => {
    const app = adminApp({ sync: () => Promise.reject(new InternalError("oops")) });
    const reply = await app.inject({ method: "POST", url: "/api/v1/artifacts/sync" });
    expect(reply.statusCode).toBe(500);
    expect(reply.json()).toEqual({ error: { code: "INTERNAL", message: "oops" } });
  });
});

describe("/api/v1/leases", () => {
  test("lists the leases", async () => {
    const reply = await adminApp().inject("/api/v1/leases");
    expect(reply.json()).toEqual({
      leases: [{ mac, address: "192.168.77.100" }],
      pools: [{ network: "192.168.77.0/24", free: 9 }],
    });
  });

  test("frees an address", async () => {
    const free = async (address: string) => {
      const url = `/api/v1/leases/${address}`;
      const reply = await adminApp().inject({ method: "DELETE", url });
      return [reply.statusCode, reply.json()];
    };
    expect(await free("192.168.77.100")).toEqual([200, { mac, address: "192.168.77.100" }]);
    expect((await free("192.168.77.101"))[0]).toBe(404);
    expect((await free("hello"))[0]).toBe(400);
  });

  test("takes over leases, and only what is one", async () => {
    const post = async (leases: unknown) => {
      const reply = await adminApp().inject({
        method: "POST",
        url: "/api/v1/leases",
        payload: { leases },
      });
      return [reply.statusCode, reply.json()];
    };
    const times = { startedAtMs: 1, expiresAtMs: 2 };
    const lease = { mac, address: "192.168.77.7", ...times, hostname: null, clientId: null };
    expect(await post([lease])).toEqual([200, { imported: 1, skipped: [] }]);
    for (const wrong of [
      [{ ...lease, address: "x" }],
      [{ ...lease, mac: "x" }],
      Array.from({ length: 1001 }, () => lease),
    ]) {
      expect((await post(wrong))[0]).toBe(400);
    }
  });
});

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
    const app = adminApp({ token });
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
    const app = adminApp({
      token,
      sync: () => {
        syncs += 1;
        return Promise.resolve({});
      },
    });
    const sync = { method: "POST", url: "/api/v1/artifacts/sync" } as const;
    expect((await app.inject(sync)).statusCode).toBe(401);
    expect(syncs).toBe(0);
    const headers = { authorization: `Bearer ${token}` };
    expect((await app.inject({ ...sync, headers })).statusCode).toBe(200);
    expect((await app.inject({ url: "/metrics", headers })).statusCode).toBe(200);
  });

  test("is not needed to ask whether the program is alive and ready", async () => {
    const app = adminApp({ token });
    expect((await app.inject("/healthz")).statusCode).toBe(200);
    expect((await app.inject("/readyz")).statusCode).toBe(200);
  });
});

describe("errors", () => {
  test("are JSON for a path that is not there and a URL that is none", async () => {
    const app = adminApp();
    const missing = await app.inject("/api/v1/nothing");
    expect(missing.statusCode).toBe(404);
    expect(missing.json()).toMatchObject({ error: { code: "NOT_FOUND" } });
    const malformed = await app.inject("/api/%zz");
    expect(malformed.statusCode).toBe(400);
    expect(malformed.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });
});

describe("/api/v1/events", () => {
  const event: PxeEvent = { event: "stopping", signal: "SIGTERM" };

  async function openStream(app: FastifyInstance): Promise<ReadableStreamDefaultReader<string>> {
    const { port } = await listen(app, { host: "127.0.0.1", port: 0 });
    const reply = await fetch(`http://127.0.0.1:${port}/api/v1/events`);
    expect(reply.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) throw new InternalError("a reply without a body");
    expect((await reader.read()).value).toMatch(/^: /);
    return reader;
  }

  test("sends each event as it happens", async () => {
    const reader = await openStream(adminApp());
    for (const listener of listeners) listener(event);
    expect((await reader.read()).value).toBe(`data: ${JSON.stringify(event)}\n\n`);
    await reader.cancel();
  });

  test("ends when the server closes, and stops listening", async () => {
    const app = adminApp();
    const reader = await openStream(app);
    expect(listeners.size).toBe(1);
    await app.close();
    expect((await reader.read()).done).toBe(true);
    expect(listeners.size).toBe(0);
  });

  test("does not follow HEAD", async () => {
    const reply = await adminApp().inject({ method: "HEAD", url: "/api/v1/events" });
    expect(reply.statusCode).toBe(404);
    expect(listeners.size).toBe(0);
  });
});

describe("/api/v1/nodes", () => {
  const other = "52:54:00:00:00:01";

  test("has every machine with an entry, a boot, or a known way, each once", async () => {
    entries.push(nodeEntry({ mac: other, name: "press-4", netboot: "deny" }));
    const address = "192.168.77.50";
    sessions.record("discover", { mac, address }, {}, at(startedAtMs));
    table.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    const reply = await adminApp().inject("/api/v1/nodes");
    expect(reply.json().nodes).toMatchObject([
      { mac: other, name: "press-4", hasEntry: true, denied: "its entry says so", boot: null },
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

  test("has one machine by any form of its address, and no stranger", async () => {
    table.restore([{ mac, style: "direct", provenAtMs: startedAtMs }]);
    const app = adminApp();
    expect((await app.inject("/api/v1/nodes/52-54-00-12-34-56")).json()).toMatchObject({ mac });
    expect((await app.inject(`/api/v1/nodes/${other}`)).statusCode).toBe(404);
    expect((await app.inject("/api/v1/nodes/nobody")).statusCode).toBe(400);
  });

  test("forgets a machine's way and changes nothing else", async () => {
    table.restore([{ mac, style: "menu", provenAtMs: startedAtMs }]);
    sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    const patch = (payload: object) =>
      adminApp().inject({ method: "PATCH", url: `/api/v1/nodes/${mac}`, payload });
    for (const wrong of [{}, { way: "direct" }, { way: null, name: "x" }]) {
      expect((await patch(wrong)).statusCode).toBe(400);
    }
    const reply = await patch({ way: null });
    expect([reply.statusCode, reply.json()]).toMatchObject([200, { mac, way: null }]);
    expect(table.proven()).toEqual([]);
  });
});

describe("the generations", () => {
  const post = async (path: string, payload: object) => {
    const url = `/api/v1/artifacts/${path}`;
    const reply = await adminApp().inject({ method: "POST", url, payload });
    return { status: reply.statusCode, body: reply.json<unknown>() };
  };

  test("can be pinned, and set free again", async () => {
    expect(await post("pin", { generation: "g1" })).toEqual({
      status: 200,
      body: { pinned: "g1", current: "g2" },
    });
    expect((await post("pin", { generation: null })).body).toMatchObject({ pinned: null });
    expect(await post("pin", { generation: "g9" })).toMatchObject({ status: 400 });
    expect(await post("pin", { generation: 1 })).toMatchObject({ status: 400 });
  });

  test("can be read again, and got from an import", async () => {
    expect(await post("verify", {})).toEqual({
      status: 200,
      body: { damaged: { g1: "a is missing" } },
    });
    expect((await post("adopt", { import: "x" })).body).toEqual({ generation: "adopted x" });
    expect(await post("adopt", {})).toMatchObject({ status: 400 });
  });
});
