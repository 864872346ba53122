import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { HostApi } from "../../../src/daemon/orchestrator/host-api.ts";
import { StageReports } from "../../../src/daemon/orchestrator/stage-reports.ts";
import { EventBus } from "../../../src/events/bus.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../../src/timeline/recorder.ts";
import { eventually } from "../../support/eventually.ts";
import { HostApiDouble } from "../../support/host-api.ts";

const mac = "52:54:00:00:00:01";
const uuid = "4c4c4544-0000-1000-8000-000000000001";
const machine = { mac, address: "10.0.0.1" };
const host = "host-1";

let folder: string;
let double: HostApiDouble;
let bus: EventBus;
let events: PxeEvent[];
let sessions: BootSessions;
let reports: StageReports;
let api: HostApi;
const clock = {
  now: () => double.now,
  wall: () => Date.parse("2026-03-06T10:00:00Z") + double.now,
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-stages-"));
  writeFileSync(join(folder, "user"), "reader\n");
  writeFileSync(join(folder, "password"), "s3cret\n");
  double = new HostApiDouble();
  await double.open();
  double.hosts.push({ resourceId: host, uuid, serialNumber: "SERIAL1" });
  [bus, events, sessions] = [new EventBus(clock), [], new BootSessions()];
  const orchestrator = {
    apiUrl: double.apiUrl,
    issuerUrl: double.issuerUrl,
    project: "site-1",
    usernameFile: join(folder, "user"),
    passwordFile: join(folder, "password"),
    reportStages: true,
  };
  const { nodes } = parseConfig(JSON.stringify({ nodes: { orchestrator } }), null);
  if (nodes.orchestrator === null) throw new Error("it is configured");
  const proxy = { proxy: null, environment: noProxies };
  api = new HostApi(nodes.orchestrator, { proxy, now: clock.now, wholeMs: 60_000 });
  reports = new StageReports({
    write: (id, metadata) => api.writeMetadata(id, metadata),
    source: double.apiUrl,
    sessions,
    emit: bus.emit,
    clock,
    pace: { betweenMs: 1, backoffMs: [5] },
  });
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: () => null,
      emit: bus.emit,
      stageReached: () => {},
    }),
    { name: "test", hears: "every", hear: (event) => void events.push(event) },
    { name: "stages", hears: "every", hear: reports.hear },
  ]);
});
afterEach(async () => {
  const stopped = reports.stop();
  api.close();
  await stopped;
  await double.close();
  rmSync(folder, { recursive: true, force: true });
});

const asks: PxeEvent = {
  ...machine,
  address: null,
  event: "discover",
  interface: "eth1",
  architecture: "x86-64 UEFI",
  firmware: "PXEClient",
  uuid,
  broadcast: true,
  userClass: null,
  secs: 0,
};
const registered: PxeEvent = {
  ...machine,
  event: "registered",
  host,
  name: null,
  state: null,
  by: "uuid",
  token: "new",
};
const kernel: PxeEvent = { ...machine, event: "kernel", file: "k", bytes: 1, generation: "g1" };
const lease: PxeEvent = { ...machine, event: "lease-granted", interface: "eth1", leaseSeconds: 60 };

function boots(): void {
  for (const event of [lease, asks, registered]) bus.emit(event);
}
const written = () =>
  Object.fromEntries((double.metadata.get(host) ?? []).map(({ key, value }) => [key, value]));
const soonWritten = (expected: object) => eventually(() => expect(written()).toEqual(expected));

describe("the orchestrator's host of a machine that boots", () => {
  test("has the last stage and its time, beside what others noted there", async () => {
    double.metadata.set(host, [{ key: "site", value: "hall-3" }]);
    boots();
    const at = { "eim-pxe-stage-at": "2026-03-06t10.00.00z" };
    await soonWritten({ site: "hall-3", "eim-pxe-stage": "discover", ...at });
    double.now += 61_000;
    bus.emit(kernel);
    const later = { "eim-pxe-stage-at": "2026-03-06t10.01.01z" };
    await soonWritten({ site: "hall-3", "eim-pxe-stage": "kernel", ...later });
    expect(events.some(({ event }) => event === "stages-untold")).toBe(false);
  });

  test("has the cause while the boot stands still, and no longer when it goes on", async () => {
    boots();
    const boot = sessions.latest(machine)?.id ?? "";
    const why = { code: "loader-refused", cause: "", remedy: "", who: "site" } as const;
    bus.emit({ ...machine, event: "boot-stalled", boot, stage: "discover", ...why });
    await eventually(() => expect(written()).toMatchObject({ "eim-pxe-cause": "loader-refused" }));
    bus.emit({ ...machine, event: "micro-os", evidence: "dhcp" });
    await eventually(() => expect(written()).toMatchObject({ "eim-pxe-stage": "micro-os" }));
    expect(written()).not.toHaveProperty("eim-pxe-cause");
  });

  test("is written once for what comes together, and not again for the same", async () => {
    boots();
    for (let n = 0; n < 100; n++) bus.emit(kernel);
    await eventually(() => expect(written()).toMatchObject({ "eim-pxe-stage": "kernel" }));
    const { writes } = double;
    expect(writes).toBeLessThanOrEqual(2);
    bus.emit(kernel);
    await reports.stop();
    expect(double.writes).toBe(writes);
  });

  test("is not written for a machine that nobody registered, or that only calls itself by that UUID", async () => {
    bus.emit(asks);
    bus.emit({ ...registered, mac: "52:54:00:00:00:02", address: "10.0.0.2" });
    const claimed = { event: "script", mac: "52:54:00:00:00:02", address: "10.0.0.2" } as const;
    bus.emit({ ...claimed, uuid, serial: null, generation: null });
    boots();
    await eventually(() => expect(written()).toMatchObject({ "eim-pxe-stage": "discover" }));
    expect(double.writes).toBe(1);
  });

  test("is forgotten where it was deleted there, and machines boot on", async () => {
    boots();
    await eventually(() => expect(double.writes).toBe(1));
    double.hosts.splice(0);
    bus.emit(kernel);
    bus.emit({ ...machine, event: "micro-os", evidence: "dhcp" });
    expect(sessions.latest(machine)?.stage).toBe("micro-os");
    await reports.stop();
    expect(double.writes).toBe(1);
    expect(events.some(({ event }) => event === "stages-untold")).toBe(false);
  });
});

describe("an orchestrator that takes nothing", () => {
  test.each([
    [503, "orchestrator-busy"],
    [403, "orchestrator-read-only"],
    [400, "orchestrator-answer-odd"],
  ])(
    "with status %d is said why, and gets the last stage when it does again",
    async (status, code) => {
      double.refusesWrites = status;
      boots();
      await eventually(() =>
        expect(events).toContainEqual(expect.objectContaining({ event: "stages-untold", code })),
      );
      bus.emit(kernel);
      double.refusesWrites = null;
      await eventually(() => expect(written()).toMatchObject({ "eim-pxe-stage": "kernel" }));
      await eventually(() =>
        expect(events.at(-1)).toMatchObject({ event: "orchestrator-answers" }),
      );
    },
  );

  test("holds no more than 512 machines back, the latest ones", async () => {
    double.refuses = 503;
    for (let n = 0; n < 1000; n++) {
      const digits = n.toString(16).padStart(4, "0");
      const one = {
        mac: `02:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}`,
        uuid: `4c4c4544-0000-1000-8000-00000000${digits}`,
        address: null,
      };
      bus.emit({ ...asks, ...one });
      bus.emit({ ...registered, mac: one.mac, address: null });
    }
    const waiting = () =>
      events.flatMap((event) => (event.event === "stages-untold" ? [event.waiting] : []));
    await eventually(() => expect(waiting().length).toBeGreaterThan(0));
    expect(Math.max(...waiting())).toBeLessThanOrEqual(513);
  });

  test("does not keep the server from stopping, however long it is silent", async () => {
    double.refuses = "silence";
    boots();
    await eventually(() => expect(double.grants.length).toBeGreaterThan(0));
    const stopped = reports.stop();
    api.close();
    await stopped;
    expect(double.writes).toBe(0);
  });
});
