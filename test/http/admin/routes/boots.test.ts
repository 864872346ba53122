import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { bootsReply } from "../../../../src/api/boots.ts";
import type { Stage } from "../../../../src/timeline/stages.ts";
import { AdminSite, at, startedAtMs } from "../../../support/admin-site.ts";

const mac = "52:54:00:12:34:56";
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

const macOf = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;

describe("/api/v1/boots", () => {
  test("is the timeline of each boot", async () => {
    const { sessions } = site;
    const machine = { mac, address: "192.168.77.100" };
    const asked = { interface: "eth1", architecture: "x86 BIOS" };
    sessions.record("discover", { ...machine, uuid: "u" }, asked, at(startedAtMs));
    sessions.record("offer", machine, {}, at(startedAtMs + 20));
    sessions.record("discover", machine, asked, at(startedAtMs + 4_000));
    const reply = await site.app().inject("/api/v1/boots");
    expect(reply.json()).toEqual({
      boots: [
        {
          id: `${mac}@2026-03-06T10:00:00.000Z`,
          mac,
          uuid: "u",
          serial: null,
          name: null,
          vendor: null,
          model: null,
          address: "192.168.77.100",
          server: null,
          interface: "eth1",
          firmware: "bios",
          architecture: "x86 BIOS",
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
              lastAt: "2026-03-06T10:00:04.000Z",
              afterMs: 0,
              count: 2,
              certainty: "proved",
              detail: asked,
            },
            {
              stage: "offer",
              at: "2026-03-06T10:00:00.020Z",
              lastAt: "2026-03-06T10:00:00.020Z",
              afterMs: 20,
              count: 1,
              certainty: "proved",
              detail: {},
            },
          ],
          waiting: null,
          expected: null,
          registration: null,
        },
      ],
      next: null,
    });
  });

  test("says of a boot that stands still what is likely wrong", async () => {
    site.sessions.record("offer", { mac, address: null }, {}, at(startedAtMs));
    site.nowMs += 120_000;
    const reply = await site.app().inject("/api/v1/boots");
    expect(reply.json()).toMatchObject({
      boots: [
        {
          status: "stalled",
          diagnosis: {
            code: "offer-not-taken",
            cause: expect.stringContaining("TFTP"),
            remedy: expect.any(String),
            who: "site",
            onScreen: expect.arrayContaining(["PXE-E16"]),
            certainty: "inferred",
            evidence: ["0.0 s: offer"],
          },
        },
      ],
    });
  });

  test("says that a machine waits in line for its download", async () => {
    const machine = { mac, address: "192.168.77.100" };
    site.sessions.record("script", machine, {}, at(startedAtMs));
    const file = "vmlinuz-x86_64";
    const waits = (ahead: number) => {
      site.sessions.observe({ event: "download-waiting", ...machine, file, ahead }, at(site.nowMs));
    };
    site.nowMs += 2000;
    waits(3);
    site.nowMs += 5000;
    waits(2);
    const waiting = { ahead: 2, since: "2026-03-06T10:00:02.000Z" };
    const app = site.app();
    expect((await app.inject("/api/v1/boots")).json()).toMatchObject({ boots: [{ waiting }] });
    site.sessions.observe(
      { event: "download-admitted", ...machine, file, waitedMs: 6000 },
      at(site.nowMs),
    );
    expect((await app.inject("/api/v1/boots")).json()).toMatchObject({
      boots: [{ waiting: null }],
    });
  });

  test("tells a boot that is at its stage for longer than usual from one in its normal time", async () => {
    const { sessions } = site;
    const record = (stage: Stage, machine: number, ms: number) =>
      sessions.record(stage, { mac: macOf(machine), address: null }, {}, at(startedAtMs + ms));
    for (const machine of [1, 2, 3]) {
      record("script", machine, 0);
      record("kernel", machine, 4000 * machine);
      record("micro-os", machine, 30_000);
    }
    record("script", 4, 20_000);
    const app = site.app();
    const expectedAt = async (ms: number) => {
      site.nowMs = startedAtMs + ms;
      const reply = await app.inject(`/api/v1/boots?mac=${macOf(4)}`);
      return bootsReply.parse(reply.json()).boots[0]?.expected;
    };
    const usual = { usualMs: 8000, boots: 3 };
    expect(await expectedAt(30_000)).toEqual({ ...usual, elapsedMs: 10_000, isLate: false });
    expect(await expectedAt(45_000)).toEqual({ ...usual, elapsedMs: 25_000, isLate: true });
    // One that stands still as well.
    expect(await expectedAt(200_000)).toMatchObject({ isLate: true });
    record("micro-os", 4, 200_000);
    expect(await expectedAt(200_000)).toBeNull();
  });

  test("has how far a running download is, and how fast one was", async () => {
    const { sessions } = site;
    const machine = { mac, address: "192.168.77.100" };
    const detailOf = async () => {
      const { boots } = bootsReply.parse((await site.app().inject("/api/v1/boots")).json());
      return boots[0]?.steps.at(-1)?.detail;
    };
    const file = { file: "initramfs-x86_64", bytes: 400_000_000 };
    sessions.record("initramfs-start", machine, file, at(startedAtMs));
    expect(await detailOf()).toEqual(file);
    sessions.progress(machine, startedAtMs + 4_000, 100_000_000);
    const sent = { bytesSent: 100_000_000, percent: 25, bytesPerSecond: 25_000_000 };
    expect(await detailOf()).toEqual({ ...file, ...sent });
    const done = { ...file, durationMs: 10_000 };
    sessions.record("initramfs-done", machine, done, at(startedAtMs + 10_000));
    expect(await detailOf()).toEqual({ ...done, bytesPerSecond: 40_000_000 });
  });

  test("has the last boot alone of each machine that is named", async () => {
    const { sessions } = site;
    const machines = [mac, "52:54:00:12:34:57", "52:54:00:12:34:58"];
    for (let hour = 0; hour < 3; hour += 1) {
      for (const one of machines) {
        const seen = at(startedAtMs + hour * 3_600_000);
        sessions.record("discover", { mac: one, address: null }, {}, seen);
      }
    }
    const app = site.app();
    const asked = async (query: string) => {
      const { boots, next } = bootsReply.parse((await app.inject(`/api/v1/boots?${query}`)).json());
      return [boots.map((one) => `${one.mac?.slice(-2)} ${one.startedAt.slice(11, 13)}`), next];
    };
    expect(await asked("latest=true")).toEqual([["58 12", "57 12", "56 12"], null]);
    expect(await asked("latest=true&limit=2")).toEqual([["58 12", "57 12"], "8"]);
    const two = "52-54-00-12-34-58,52:54:00:12:34:56,52:54:00:12:34:56";
    expect(await asked(`latest=true&mac=${two}`)).toEqual([["58 12", "56 12"], null]);
    expect(await asked(`mac=${two}&limit=3`)).toEqual([["58 12", "56 12", "58 11"], "6"]);
    const many = Array.from({ length: 101 }, () => mac).join(",");
    for (const wrong of ["mac=", `mac=${mac},`, `mac=${mac},any`, `mac=${many}`, "latest=yes"]) {
      expect([wrong, (await app.inject(`/api/v1/boots?${wrong}`)).statusCode]).toEqual([
        wrong,
        400,
      ]);
    }
  });

  test("of one boot has all that was reported of it, and 404 says that there is none", async () => {
    const { sessions } = site;
    const boot = sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    const autoexec = {
      event: "autoexec",
      mac,
      address: null,
      file: "a",
      protocol: "tftp",
    } as const;
    sessions.observe(autoexec, at(startedAtMs + 1_000));
    const app = site.app();
    const url = `/api/v1/boots/${encodeURIComponent(boot.id)}`;
    const events = [{ at: "2026-03-06T10:00:01.000Z", ...autoexec }];
    expect((await app.inject(url)).json()).toMatchObject({ id: boot.id, mac, events });
    expect((await app.inject("/api/v1/boots/nobody")).statusCode).toBe(404);
  });

  test("can be of one machine only, in any spelling of its MAC", async () => {
    const { sessions } = site;
    sessions.record("discover", { mac, address: null }, {}, at(startedAtMs));
    sessions.record("discover", { mac: "52:54:00:00:00:01", address: null }, {}, at(startedAtMs));
    const app = site.app();
    const one = await app.inject("/api/v1/boots?mac=52-54-00-12-34-56");
    expect(one.json()).toMatchObject({ boots: [{ mac }] });
    const none = await app.inject("/api/v1/boots?mac=52:54:00:00:00:02");
    expect(none.json()).toEqual({ boots: [], next: null });
  });

  /** Of the boots of some machines, each a minute after the one before. */
  async function idsOf(query: string): Promise<{ macs: readonly string[]; next: string | null }> {
    const reply = await site.app().inject(`/api/v1/boots?${query}`);
    const { boots, next } = bootsReply.parse(reply.json());
    return { macs: boots.map(({ mac: one }) => one ?? ""), next };
  }

  test("can be of one status, stage, or time", async () => {
    for (let n = 0; n < 4; n++) {
      const nowMs = startedAtMs + n * 60_000;
      site.sessions.record("discover", { mac: macOf(n), address: null }, {}, at(nowMs));
    }
    site.sessions.record("micro-os", { mac: macOf(0), address: null }, {}, at(startedAtMs + 1));
    site.nowMs = startedAtMs + 4 * 60_000 - 1;
    expect((await idsOf("status=up")).macs).toEqual([macOf(0)]);
    expect((await idsOf("status=stalled")).macs).toEqual([macOf(2), macOf(1)]);
    expect((await idsOf("stage=discover")).macs).toEqual([macOf(3), macOf(2), macOf(1)]);
    expect((await idsOf("since=2026-03-06T10:02:00Z")).macs).toEqual([macOf(3), macOf(2)]);
    for (const plus of ["%2B", "+"]) {
      const query = `since=2026-03-06T12:02:00${plus}02:00&status=booting`;
      expect((await idsOf(query)).macs).toEqual([macOf(3)]);
    }
  });

  test("come in pages, each once and newest first, also when there are more meanwhile", async () => {
    const record = (n: number, atMs: number) =>
      site.sessions.record("discover", { mac: macOf(n), address: null }, {}, at(atMs));
    // Two that begin at the same moment are told apart.
    for (let n = 0; n < 9; n++) record(n, startedAtMs + Math.floor(n / 2) * 1000);
    const seen: string[] = [];
    let cursor = "";
    for (let page = 0; page < 5; page++) {
      const { macs, next } = await idsOf(`limit=2${cursor}`);
      seen.push(...macs);
      expect(next === null).toBe(page === 4);
      cursor = `&cursor=${encodeURIComponent(next ?? "")}`;
      record(100 + page, startedAtMs + 60_000);
    }
    expect(seen).toHaveLength(9);
    expect(seen.toSorted()).toEqual(Array.from({ length: 9 }, (_, n) => macOf(n)));
    expect(seen[0]).toBe(macOf(8));
  });

  test("field fault 53: an answer has no more of 4,096 boots than a page, however many are wanted", async () => {
    for (let n = 0; n < 4096; n++) {
      const machine = {
        mac: `02:00:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`,
        address: null,
      };
      site.sessions.record("discover", machine, {}, at(startedAtMs + n));
    }
    expect((await idsOf("limit=100000")).macs).toHaveLength(500);
    expect((await idsOf("")).macs).toHaveLength(100);
  });

  test("a page takes as much work among 10,000 boots as among 100", async () => {
    const begin = (n: number) => {
      const mac6 = n.toString(16).padStart(4, "0");
      const machine = { mac: `02:00:00:00:${mac6.slice(0, 2)}:${mac6.slice(2)}`, address: null };
      site.sessions.record("script", machine, {}, at(startedAtMs + n));
    };
    /** Machines that were looked up for one page: of each boot that is described, and of no other. */
    const lookedUp = async () => {
      const find = vi.spyOn(site.register, "find");
      const reply = await site.app().inject("/api/v1/boots?limit=100");
      const { boots } = bootsReply.parse(reply.json());
      const times = find.mock.calls.length;
      find.mockRestore();
      return { boots: boots.length, times };
    };
    for (let n = 0; n < 100; n++) begin(n);
    const few = await lookedUp();
    expect(few).toEqual({ boots: 100, times: 100 });
    for (let n = 100; n < 10_000; n++) begin(n);
    expect(await lookedUp()).toEqual(few);
    let seen = 0;
    site.sessions.newest(101, () => ++seen > 0);
    expect(seen).toBe(101);
  });

  test.each([
    "?mac=nonsense",
    "?mac=a&mac=b",
    "?limit=0",
    "?limit=-1",
    "?limit=1.5",
    "?limit=many",
    "?cursor=nonsense",
    "?status=asleep",
    "?stage=nowhere",
    "?since=yesterday",
  ])("refuses %s", async (query) => {
    const reply = await site.app().inject(`/api/v1/boots${query}`);
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });
});
