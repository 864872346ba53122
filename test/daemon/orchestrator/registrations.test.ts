import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { HostApi } from "../../../src/daemon/orchestrator/host-api.ts";
import {
  type Pace,
  Registrations,
  usualPace,
} from "../../../src/daemon/orchestrator/registrations.ts";
import { EventBus } from "../../../src/events/bus.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../../src/timeline/recorder.ts";
import { makeCertificate } from "../../../src/lib/certificate.ts";
import { eventually } from "../../support/eventually.ts";
import { HostApiDouble } from "../../support/host-api.ts";

let folder: string;
let double: HostApiDouble;
let events: PxeEvent[];
let bus: EventBus;
let sessions: BootSessions;
const stops: (() => Promise<void>)[] = [];
const clock = {
  now: () => double.now,
  wall: () => Date.parse("2026-03-06T10:00:00Z") + double.now,
};
const pace: Pace = { ...usualPace, betweenMs: 1, backoffMs: [5], notRegisteredMs: 20 };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-registrations-"));
  writeFileSync(join(folder, "user"), "reader\n");
  writeFileSync(join(folder, "password"), "s3cret\n");
  double = new HostApiDouble();
  await double.open();
  events = [];
  bus = new EventBus(clock);
  sessions = new BootSessions();
  bus.attach([
    new TimelineRecorder({
      sessions,
      clock,
      neighbourAt: () => null,
      emit: bus.emit,
      stageReached: () => {},
    }),
    { name: "test", hears: "every", hear: (event) => events.push(event) },
  ]);
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await double.close();
  rmSync(folder, { recursive: true, force: true });
});

function follow(more: object = {}, chosen: Partial<Pace> = {}, wholeMs = 60_000): Registrations {
  const orchestrator = {
    apiUrl: double.apiUrl,
    issuerUrl: double.issuerUrl,
    project: "site-1",
    usernameFile: join(folder, "user"),
    passwordFile: join(folder, "password"),
    ...more,
  };
  const { nodes } = parseConfig(JSON.stringify({ nodes: { orchestrator } }), null);
  if (nodes.orchestrator === null) throw new Error("it is configured");
  const api = new HostApi(nodes.orchestrator, {
    proxy: { proxy: null, environment: noProxies },
    now: clock.now,
    wholeMs,
  });
  const registrations = new Registrations({
    find: (filter) => api.find(filter),
    source: double.apiUrl,
    sessions,
    emit: bus.emit,
    clock,
    pace: { ...pace, ...chosen },
  });
  const stopHearing = bus.subscribe(registrations.hear);
  stops.push(async () => {
    stopHearing();
    const stopped = registrations.stop();
    api.close();
    await stopped;
  });
  return registrations;
}

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0");
const machine = (n: number) => ({
  mac: `52:54:00:00:${hex(n >> 8, 2)}:${hex(n & 255, 2)}`,
  address: `10.0.${n >> 8}.${n & 255}`,
  uuid: `4c4c4544-0000-1000-8000-00000000${hex(n, 4)}`,
  serial: `SERIAL${n}`,
});
type Machine = ReturnType<typeof machine>;

/** It fetches its script, by which it tells what it is. */
function boots({ mac, address, uuid, serial }: Machine): void {
  bus.emit({ event: "script", mac, address, uuid, serial, generation: "g1" });
}

/** What its last boot's timeline has beside the stages. */
const told = ({ mac }: Machine) => {
  const boot = sessions.latest({ mac, address: null });
  const all = boot === null ? [] : sessions.eventsOf(boot);
  return all
    .map((text): Record<string, unknown> => JSON.parse(text))
    .filter(({ event }) => /regist/.test(String(event)));
};
const soonTold = (one: Machine, expected: readonly object[]) =>
  eventually(() => expect(told(one)).toMatchObject(expected));
const register = ({ uuid, serial }: Machine, currentState = "HOST_STATE_REGISTERED") =>
  double.hosts.push({ resourceId: `host-${serial}`, uuid, serialNumber: serial, currentState });

describe("the timeline of a machine says", () => {
  const one = machine(1);

  test("that it is registered, by UUID and serial number", async () => {
    register(one);
    follow();
    boots(one);
    await soonTold(one, [
      { event: "registered", host: "host-SERIAL1", by: "uuid", state: "registered", token: "new" },
    ]);
    expect(double.filters).toEqual([
      "uuid='4c4c4544-0000-1000-8000-000000000001' OR uuid='44454c4c-0000-0010-8000-000000000001' OR serialNumber='SERIAL1'",
    ]);
    expect(double.grants).toEqual(["password"]);
  });

  test("that it is registered, by a UUID in the other byte order", async () => {
    register({ ...one, uuid: "44454c4c-0000-0010-8000-000000000001" });
    follow();
    boots({ ...one, serial: "" });
    await soonTold(one, [{ event: "registered", by: "uuid" }]);
    expect(double.filters[0]).not.toContain("serialNumber");
  });

  test("that it is not registered yet, so that the Micro-OS will wait, and later that it is", async () => {
    follow();
    boots(one);
    const reason = expect.stringMatching(
      /not registered at the orchestrator yet: the Micro-OS will wait/,
    );
    await soonTold(one, [{ event: "not-registered", reason, serial: "SERIAL1" }]);
    register(one);
    await soonTold(one, [{ event: "not-registered" }, { event: "registered", token: "kept" }]);
  });

  test("that it is onboarded already, or known with other data", async () => {
    register(one, "HOST_STATE_ONBOARDED");
    const [two, three] = [machine(2), machine(3)];
    register({ ...two, uuid: machine(9).uuid });
    register({ ...three, serial: "OTHER3" });
    follow();
    for (const each of [one, two, three]) boots(each);
    const event = "registration-conflict";
    await soonTold(one, [{ event, code: "already-onboarded", host: "host-SERIAL1" }]);
    const said = (reason: RegExp) => ({ reason: expect.stringMatching(reason) });
    await soonTold(two, [
      {
        event,
        code: "registered-otherwise",
        ...said(/says UUID 4c4c4544-.*09, and the machine says UUID .*02/),
      },
    ]);
    await soonTold(three, [{ event, ...said(/serial number OTHER3.*serial number SERIAL3/) }]);
  });

  test("that the credentials are wrong, and what it is when they are mended in their file", async () => {
    register(one);
    writeFileSync(join(folder, "password"), "wrong");
    follow();
    boots(one);
    const reason = expect.stringMatching(/refused with 401: Invalid user credentials/);
    await soonTold(one, [
      { event: "registration-unknown", code: "orchestrator-login-refused", reason },
    ]);
    writeFileSync(join(folder, "password"), "s3cret");
    await soonTold(one, [{ event: "registration-unknown" }, { event: "registered" }]);
    expect(events.filter(({ event }) => event === "orchestrator-answers")).toHaveLength(1);
    expect(JSON.stringify(events)).not.toMatch(/s3cret|wrong|token-1|refresh-1/);
  });

  test("that the token had expired, which is refreshed", async () => {
    register(one);
    register(machine(2));
    follow();
    boots(one);
    await soonTold(one, [{ event: "registered", token: "new" }]);
    double.now += 3600_000;
    boots(machine(2));
    await soonTold(machine(2), [{ event: "registered", token: "renewed" }]);
    expect(double.grants).toEqual(["password", "refresh_token"]);
  });

  test("that the token was taken back before its time, which is a new login", async () => {
    register(one);
    register(machine(2));
    follow();
    boots(one);
    await soonTold(one, [{ event: "registered" }]);
    double.revokeTokens();
    boots(machine(2));
    await soonTold(machine(2), [{ event: "registered", token: "renewed" }]);
    expect(double.grants).toEqual(["password", "password"]);
  });

  test("that the orchestrator is down, and what it is when it is back", async () => {
    register(one);
    follow();
    await double.close();
    boots(one);
    await soonTold(one, [{ event: "registration-unknown", code: "orchestrator-unreachable" }]);
    boots(machine(2));
    await soonTold(machine(2), [{ event: "registration-unknown" }]);
    await double.open();
    await soonTold(one, [{ event: "registration-unknown" }, { event: "registered" }]);
    await soonTold(machine(2), [{ event: "registration-unknown" }, { event: "not-registered" }]);
    expect(events.filter(({ event }) => event === "orchestrator-answers")).toHaveLength(1);
  });

  test.each([
    [403, "orchestrator-forbidden"],
    [404, "orchestrator-project-unknown"],
    [429, "orchestrator-busy"],
    [503, "orchestrator-busy"],
    [401, "orchestrator-token-refused"],
    [302, "orchestrator-answer-odd"],
  ])("why the orchestrator was not asked when its answer is %i", async (status, code) => {
    double.refuses = status;
    follow();
    boots(one);
    await soonTold(one, [{ event: "registration-unknown", code }]);
    expect(told(one)).toHaveLength(1);
  });

  test("that it tells neither a UUID nor a serial number of its own", async () => {
    follow();
    boots({
      ...one,
      uuid: "03000200-0400-0500-0006-000700080009",
      serial: "To be filled by O.E.M.",
    });
    await soonTold(one, [{ event: "registration-unknown", code: "orchestrator-not-asked" }]);
    expect(double.filters).toEqual([]);
  });

  test("it of each of its boots, of which the orchestrator is asked once", async () => {
    register(one);
    follow({}, { registeredMs: 600_000 });
    boots(one);
    await soonTold(one, [{ event: "registered" }]);
    const { mac, address } = one;
    bus.emit({ event: "micro-os", mac, address, evidence: "dhcp" });
    double.now += 120_000;
    boots(one);
    await soonTold(one, [{ event: "registered", token: "kept" }]);
    expect(double.filters).toHaveLength(1);
  });
});

test("a machine that is not registered has a diagnosis when its Micro-OS is up", async () => {
  const { diagnose } = await import("../../../src/timeline/rules.ts");
  const one = machine(1);
  follow();
  boots(one);
  await soonTold(one, [{ event: "not-registered" }]);
  bus.emit({ event: "micro-os", mac: one.mac, address: one.address, evidence: "dhcp" });
  const found = () => {
    const boot = sessions.latest(one);
    return boot === null ? null : diagnose(sessions.evidence(boot, double.now), double.now);
  };
  expect(found()).toMatchObject({ code: "not-registered", who: "orchestrator" });
  register(one);
  await soonTold(one, [{ event: "not-registered" }, { event: "registered" }]);
  expect(found()).toBeNull();
});

describe("the orchestrator", () => {
  test("is never waited for: a machine goes on while it does not answer", async () => {
    double.refuses = "silence";
    follow();
    const one = machine(1);
    boots(one);
    await eventually(() => expect(double.filters).toHaveLength(1));
    const { mac, address } = one;
    // All of this is heard, and returns, before any answer can come.
    for (const event of ["kernel", "initramfs-start"] as const) {
      bus.emit({ event, mac, address, file: event, bytes: 1, generation: "g1" });
    }
    bus.emit({ event: "micro-os", mac, address, evidence: "dhcp" });
    expect(sessions.latest(one)?.stage).toBe("micro-os");
    expect(told(one)).toEqual([]);
  });

  test("that does not answer is given up, and that is said", async () => {
    double.refuses = "silence";
    follow({}, {}, 20);
    boots(machine(1));
    const reason = expect.stringMatching(/does not answer/);
    await soonTold(machine(1), [{ event: "registration-unknown", reason }]);
  });

  test("is asked for 200 machines that come together by few requests, each of which it takes", async () => {
    for (let n = 0; n < 200; n += 2) register(machine(n));
    follow({}, { notRegisteredMs: 60_000 });
    for (let n = 0; n < 200; n += 1) boots(machine(n));
    for (let n = 0; n < 200; n += 1) {
      await soonTold(machine(n), [{ event: n % 2 === 0 ? "registered" : "not-registered" }]);
    }
    expect(double.filters.length).toBeLessThanOrEqual(40);
    expect(Math.max(...double.filters.map(({ length }) => length))).toBeLessThanOrEqual(1000);
  });

  test("is not flooded by one sender that names ten thousand machines", async () => {
    follow({}, { notRegisteredMs: 60_000 });
    for (let n = 0; n < 10_000; n += 1) boots({ ...machine(n), address: "10.9.9.9" });
    await eventually(() =>
      expect(events.some(({ event }) => event === "not-registered")).toBe(true),
    );
    const asked = new Set(double.filters.flatMap((one) => one.match(/SERIAL\d+/g) ?? []));
    expect(asked.size).toBeLessThanOrEqual(4);
  });

  test("is asked by TLS with the site's own CA, and one that it does not cover is said", async () => {
    await double.close();
    const certificate = await makeCertificate(["localhost"], Date.now());
    double = new HostApiDouble(certificate);
    await double.open();
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, certificate.cert);
    register(machine(1));
    follow({ caFile });
    boots(machine(1));
    await soonTold(machine(1), [{ event: "registered" }]);
    follow();
    boots(machine(2));
    await eventually(() =>
      expect(told(machine(2))).toContainEqual(
        expect.objectContaining({ code: "orchestrator-untrusted" }),
      ),
    );
  });

  test("is logged in to as a client with a secret", async () => {
    double.clientSecret = "a-client-secret";
    writeFileSync(join(folder, "client"), "a-client-secret\n");
    register(machine(1));
    follow({ usernameFile: null, passwordFile: null, clientSecretFile: join(folder, "client") });
    boots(machine(1));
    await soonTold(machine(1), [{ event: "registered" }]);
    expect(double.grants).toEqual(["client_credentials"]);
  });

  test("that is another issuer than it is asked for gets no password", async () => {
    double.issuer = "https://elsewhere.example/realms/master";
    follow();
    boots(machine(1));
    await soonTold(machine(1), [
      { event: "registration-unknown", code: "orchestrator-answer-odd" },
    ]);
    expect(double.grants).toEqual([]);
  });
});
