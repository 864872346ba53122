import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootDetail, bootsReply } from "../../../../src/api/boots.ts";
import { nodesReply } from "../../../../src/api/nodes.ts";
import type { BootsElsewhere, StreamedEvent } from "../../../../src/http/admin/context.ts";
import { BootSessions } from "../../../../src/timeline/boots.ts";
import { OtherBoots } from "../../../../src/timeline/elsewhere/other-boots.ts";
import type { AdminApp } from "../../../../src/http/admin/app.ts";
import { AdminSite, at, startedAtMs } from "../../../support/admin-site.ts";
import { statesOf } from "../../../support/other-server.ts";

const macOf = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;
const machine = (n: number) => ({ mac: macOf(n), address: null });

let site: AdminSite;
let there: BootSessions;
let others: OtherBoots;
let app: AdminApp;
let listeners: Set<(event: StreamedEvent) => void>;
let kept: readonly string[];
beforeEach(() => {
  site = new AdminSite();
  there = new BootSessions();
  others = new OtherBoots("host-a");
  listeners = new Set();
  kept = [];
  const elsewhere: BootsElsewhere = {
    servers: () => others.servers,
    eventsOf: (server, boot) =>
      Promise.resolve(server === "id-b" && boot.startsWith(macOf(2)) ? kept : []),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  app = site.app({ elsewhere });
});
afterEach(() => site.close());

/** The other server's boots become known here. */
const look = (ms: number) =>
  others.take(statesOf(there, "id-b", "host-b", at(startedAtMs + ms)), at(startedAtMs + ms));

async function boots(query = "") {
  const reply = await app.inject(`/api/v1/boots${query}`);
  return bootsReply.parse(reply.json());
}

describe("the boots of another server of the database", () => {
  test("are in the list among this one's, by when they began, and named with their server", async () => {
    site.sessions.record("discover", machine(1), {}, at(startedAtMs));
    there.record("discover", machine(2), {}, at(startedAtMs + 10));
    site.sessions.record("discover", machine(3), {}, at(startedAtMs + 20));
    look(30);
    const list = await boots();
    expect(list.next).toBeNull();
    expect(list.boots.map(({ mac, server }) => [mac, server])).toEqual([
      [macOf(3), null],
      [macOf(2), "host-b"],
      [macOf(1), null],
    ]);
    expect(list.boots[1]?.id).toBe(`${macOf(2)}@2026-03-06T10:00:00.010Z@host-b`);
  });

  test("come in pages of which each boot is in one, also while new ones begin", async () => {
    const expected: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      (n % 3 === 0 ? there : site.sessions).record("discover", machine(n), {}, at(startedAtMs + n));
      expected.unshift(macOf(n));
    }
    look(50);
    const got: (string | null)[] = [];
    for (let cursor: string | null = null, page = 0; page < 20; page += 1) {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`;
      const { boots: some, next } = await boots(`?limit=7${query}`);
      got.push(...some.map(({ mac }) => mac));
      there.record("discover", machine(100 + page), {}, at(startedAtMs + 100 + page));
      look(200);
      if ((cursor = next) === null) break;
    }
    expect(got).toEqual(expected);
  });

  test("are shown once of each machine with latest: as whoever saw more of it lately saw it", async () => {
    // Both hear the machine ask; it takes the other one's answer.
    for (const sessions of [site.sessions, there]) {
      sessions.record("discover", machine(1), {}, at(startedAtMs));
      sessions.record("offer", machine(1), {}, at(startedAtMs + 10));
    }
    there.record("script", machine(1), {}, at(startedAtMs + 5000));
    look(6000);
    expect((await boots()).boots).toHaveLength(2);
    expect((await boots("?latest=true")).boots).toMatchObject([
      { stage: "script", server: "host-b" },
    ]);
    expect((await boots(`?mac=${macOf(1)}&latest=true`)).boots).toMatchObject([
      { server: "host-b" },
    ]);
    const { nodes } = nodesReply.parse((await app.inject("/api/v1/nodes")).json());
    expect(nodes).toMatchObject([{ mac: macOf(1), boot: { stage: "script", server: "host-b" } }]);
  });

  test("are listed alone where a machine took that server's offer, as soon as it would stand still here", async () => {
    for (const sessions of [site.sessions, there]) {
      sessions.record("discover", machine(1), {}, at(startedAtMs));
      sessions.record("offer", machine(1), {}, at(startedAtMs + 10));
    }
    const took = { address: "192.168.77.100", interface: "eth1", server: "192.168.77.9" };
    const event = { event: "taken-elsewhere", ...machine(1), ...took, shared: true } as const;
    site.sessions.observe(event, at(startedAtMs + 20));
    there.record("script", machine(1), {}, at(startedAtMs + 5000));
    const own = (await boots()).boots.find(({ server }) => server === null);
    look(60_000);
    site.nowMs = startedAtMs + 61_000;
    expect((await boots()).boots.map(({ server }) => server)).toEqual(["host-b"]);
    expect((await boots("?status=stalled")).boots).toEqual([]);
    const byId = await app.inject(`/api/v1/boots/${encodeURIComponent(own?.id ?? "")}`);
    expect(byId.json()).toMatchObject({ status: "booting", diagnosis: null, server: null });
    const counted = await app.inject("/api/v1/site");
    expect(counted.json()).toMatchObject({ machines: { booting: 0, stalled: 0 } });
    const { nodes } = nodesReply.parse((await app.inject("/api/v1/nodes")).json());
    expect(nodes).toMatchObject([{ mac: macOf(1), boot: { stage: "script", server: "host-b" } }]);
  });

  test("are shown whole by their id, with what they were given and their events", async () => {
    there.record("script", machine(2), {}, at(startedAtMs));
    const sent = { event: "kernel-done", ...machine(2), file: "vmlinuz-x86_64" } as const;
    const sha256 = "b".repeat(64);
    there.observe({ ...sent, bytes: 9, durationMs: 1, sha256 }, at(startedAtMs + 1000));
    look(2000);
    kept = ['{"at":"2026-03-06T10:00:01.000Z","event":"kernel-done"}', "no JSON", '{"at":1}'];
    const id = (await boots()).boots[0]?.id ?? "";
    const reply = await app.inject(`/api/v1/boots/${encodeURIComponent(id)}`);
    expect(bootDetail.parse(reply.json())).toMatchObject({
      id,
      server: "host-b",
      given: [{ file: "vmlinuz-x86_64", sha256, at: "2026-03-06T10:00:01.000Z" }],
      events: [{ event: "kernel-done" }],
      packets: [],
    });
    const capture = await app.inject(`/api/v1/boots/${encodeURIComponent(id)}/capture`);
    expect([capture.statusCode, capture.json()]).toMatchObject([
      404,
      { error: { message: expect.stringContaining("host-b") } },
    ]);
    expect((await app.inject("/api/v1/boots/x@host-b")).statusCode).toBe(404);
  });

  test("decide nothing here: a machine that only they know has no boot of ours, and is in the list of machines", async () => {
    there.record("discover", { ...machine(2), serial: "S2" }, {}, at(startedAtMs));
    look(10);
    const reply = await app.inject(`/api/v1/nodes/${macOf(2)}`);
    expect(reply.json()).toMatchObject({
      serial: "S2",
      status: "allowed",
      boot: { server: "host-b" },
    });
    expect(site.sessions.latest(machine(2))).toBeNull();
  });

  test("are in the stream as they happen, with the server's name", async () => {
    await app.listen({ port: 0, host: "127.0.0.1" });
    const stop = new AbortController();
    const reply = await fetch(`${app.listeningOrigin}/api/v1/events`, { signal: stop.signal });
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const sent = { event: "script", mac: macOf(2), server: "host-b" };
    for (const listener of listeners) listener(sent);
    while (!text.includes("event: script")) text += (await reader?.read())?.value ?? "";
    expect(text).toContain(`event: script\ndata: ${JSON.stringify(sent)}\n`);
    stop.abort();
    await reader?.cancel().catch(() => {});
    await site.close();
    expect(listeners.size).toBe(0);
  });

  test.each(["1-", "-", "1-2-3", "x-1", "1--2"])(
    "a wrong cursor is refused: %s",
    async (cursor) => {
      expect((await app.inject(`/api/v1/boots?cursor=${cursor}`)).statusCode).toBe(400);
    },
  );
});
