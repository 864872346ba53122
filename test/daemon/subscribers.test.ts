import { PassThrough } from "node:stream";
import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { BootSessions } from "../../src/timeline/boots.ts";
import { eventCatalogue } from "../../src/events/catalogue.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { createLog, type Logger } from "../../src/observe/log.ts";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";
import { attachSubscribers } from "../../src/daemon/subscribers.ts";
import { EventBus } from "../../src/events/bus.ts";
import { say } from "../support/boot-story.ts";

const mac = "52:54:00:12:34:56";
const address = "192.168.77.100";
const unknown = { mac: null, address };
const initramfs = { file: "initramfs-x86_64", bytes: 1000 };

let nowMs: number;
let sessions: BootSessions;
let metrics: Metrics;
let bus: EventBus;
let out: PassThrough;

beforeEach(() => {
  nowMs = 1_000_000;
  sessions = new BootSessions();
  metrics = createMetrics(
    () => true,
    () => [],
    () => ({ busy: 0, idle: 0 }),
  );
  out = new PassThrough({ highWaterMark: 1_000_000 });
  const log = createLog({ level: "info", out });
  bus = busWith(log);
});

function busWith(log: Logger): EventBus {
  const clock = { now: () => nowMs, wall: () => nowMs };
  const made = new EventBus(clock);
  const ignore = () => {};
  attachSubscribers(made, {
    sessions,
    nodes: () => {},
    firmware: ignore,
    metrics,
    log,
    readiness: ignore,
    clock,
  });
  return made;
}

function lines(): Record<string, unknown>[] {
  const text: unknown = out.read();
  const written = text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : "";
  return written
    .split("\n")
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
}

async function metric(name: string): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split("\n").filter((line) => line.startsWith(name));
}

describe("a TFTP transfer", () => {
  it("is counted by file and end, with what was sent again", async () => {
    const transfer = { mac, address, file: "ipxe.efi" };
    const terms = { blksize: 1468, windowsize: 4, timeoutSeconds: null };
    const figures = { bytes: 1000, durationMs: 5, retransmissions: 2, ...terms };
    const done = { ...transfer, ...figures, event: "loader-done" } as const;
    bus.emit({ event: "tftp-probe", ...transfer });
    bus.emit({ ...done, protocol: "tftp" });
    bus.emit({
      event: "tftp-failed",
      ...transfer,
      reason: "gone",
      bytesSent: 5,
      silentMs: 0,
      ...figures,
    });
    bus.emit({ event: "autoexec", mac, address, file: "autoexec.ipxe", protocol: "tftp" });
    bus.emit({ event: "autoexec", mac, address, file: "autoexec.ipxe", protocol: "http" });
    expect(await metric("eim_pxe_tftp_transfers_total{")).toEqual([
      'eim_pxe_tftp_transfers_total{file="ipxe.efi",outcome="probe"} 1',
      'eim_pxe_tftp_transfers_total{file="ipxe.efi",outcome="complete"} 1',
      'eim_pxe_tftp_transfers_total{file="ipxe.efi",outcome="failed"} 1',
      'eim_pxe_tftp_transfers_total{file="autoexec.ipxe",outcome="complete"} 1',
    ]);
    expect(await metric("eim_pxe_tftp_retransmissions_total")).toEqual([
      "eim_pxe_tftp_retransmissions_total 4",
    ]);
    const step = sessions.list()[0]?.steps.find(({ stage }) => stage === "loader-done");
    expect(step?.detail).toMatchObject({ protocol: "tftp", ...figures });
  });
});

describe("an event", () => {
  it("becomes a log line, a count, a step of the timeline and a message", async () => {
    const heard: PxeEvent[] = [];
    const stop = bus.subscribe((event) => heard.push(event));
    const event = { event: "kernel", mac, address, file: "vmlinuz", bytes: 5, generation: "g1" };
    bus.emit({ ...event, event: "kernel" });
    stop();
    bus.emit({ event: "stopping", signal: "SIGTERM" });
    const { message } = eventCatalogue.kernel;
    expect(lines()[0]).toMatchObject({ level: "info", ...event, msg: message });
    expect(await metric('eim_pxe_events_total{event="kernel"}')).toEqual([
      'eim_pxe_events_total{event="kernel"} 1',
    ]);
    const detail = { file: "vmlinuz", bytes: 5, generation: "g1" };
    expect(sessions.list()).toMatchObject([{ mac, steps: [{ stage: "kernel", detail }] }]);
    expect(heard).toEqual([event]);
  });

  it("of an address is of the machine that the address belongs to", () => {
    bus.emit({ event: "lease-granted", mac, address, interface: "eth1", leaseSeconds: 60 });
    bus.emit({ event: "initramfs-start", ...unknown, ...initramfs, generation: "g1" });
    expect(lines()[1]).toMatchObject({ event: "initramfs-start", mac });
    expect(sessions.list()).toMatchObject([{ mac, address, stage: "initramfs-start" }]);
  });

  it("of an operating system after the last download proves that the Micro-OS is up", () => {
    const system = { event: "system-dhcp", mac, address: null, interface: "eth1" } as const;
    sessions.learnAddress(mac, address);
    bus.emit(system);
    bus.emit({ event: "initramfs-done", mac, address, ...initramfs, durationMs: 1 });
    bus.emit(system);
    bus.emit(system);
    expect(lines().map(({ event }) => event)).toEqual(["initramfs-done", "micro-os"]);
    expect(sessions.list()).toMatchObject([{ stage: "micro-os" }]);
  });

  it("that follows from another one comes after it in the log, the timeline and the stream", () => {
    const heard: PxeEvent[] = [];
    sessions.learnAddress(mac, address);
    const debug = createLog({ level: "debug", out });
    const debugging = busWith(debug);
    debugging.subscribe((event) => heard.push(event));
    debugging.emit({ event: "initramfs-done", mac, address, ...initramfs, durationMs: 1 });
    nowMs += 1000;
    debugging.emit({ event: "system-dhcp", mac, address: null, interface: "eth1" });
    const order = ["initramfs-done", "system-dhcp", "micro-os"];
    expect(lines().map(({ event }) => event)).toEqual(order);
    expect(heard.map(({ event }) => event)).toEqual(order);
    const [boot] = sessions.list();
    expect(boot?.steps.map(({ stage }) => stage)).toEqual(["initramfs-done", "micro-os"]);
    expect(boot?.steps[1]?.detail).toEqual({ evidence: "dhcp" });
  });

  it("has a boot hold its generation, although nothing is logged at any level", () => {
    const silent = pino({ level: "silent" }, out);
    const quiet = busWith(silent);
    const machine = { mac, address, uuid: null, serial: null };
    quiet.emit({ event: "script", ...machine, generation: "g1" });
    expect(sessions.generationFor(address, nowMs)).toBe("g1");
    expect(sessions.generationsInUse(nowMs)).toEqual(new Set(["g1"]));
    expect(out.read()).toBeNull();
  });

  it("that comes very often is counted, and written a hundred times a second", async () => {
    const refused = { event: "http-refused", ...unknown, path: "/", status: 404 } as const;
    for (let index = 0; index < 250; index++) bus.emit({ ...refused, reason: "not found" });
    bus.emit({ event: "stopping", signal: "SIGTERM" });
    expect(lines()).toHaveLength(101);
    nowMs += 1000;
    bus.emit({ ...refused, reason: "not found" });
    expect(lines()).toMatchObject([
      { event: "http-refused", suppressed: 150, level: "warn" },
      { event: "http-refused", reason: "not found" },
    ]);
    expect(await metric('eim_pxe_events_total{event="http-refused"}')).toEqual([
      'eim_pxe_events_total{event="http-refused"} 251',
    ]);
    expect(await metric("eim_pxe_log_lines_suppressed_total")).toEqual([
      'eim_pxe_log_lines_suppressed_total{event="http-refused"} 150',
    ]);
  });
});

describe("the metrics", () => {
  it("have no more labels than there are events and stages, whatever machines there are", async () => {
    for (let host = 0; host < 200; host++) {
      const machine = { mac: `52:54:00:00:00:${host.toString(16).padStart(2, "0")}`, address };
      bus.emit({
        event: "script",
        ...machine,
        uuid: null,
        serial: `${host}`,
        generation: "g",
      });
      bus.emit({ ...say.beacon("failed"), ...machine, stage: `${host}`, message: `${host}` });
    }
    expect(await metric("eim_pxe_events_total{")).toHaveLength(Object.keys(eventCatalogue).length);
    const counted = await metric("eim_pxe_boot_stage_seconds_count{");
    expect(counted).toEqual(['eim_pxe_boot_stage_seconds_count{stage="script"} 200']);
  });

  it("tell how long each stage took from the first sign of a boot, once for each boot", async () => {
    const machine = { mac, address, uuid: null, serial: null, generation: "g1" };
    bus.emit({ event: "script", ...machine });
    nowMs += 2500;
    const start = { event: "initramfs-start", mac, address, ...initramfs } as const;
    bus.emit({ ...start, generation: "g1" });
    nowMs += 2500;
    bus.emit({ ...start, generation: "g1" });
    expect(await metric("eim_pxe_boot_stage_seconds_sum{")).toEqual([
      'eim_pxe_boot_stage_seconds_sum{stage="script"} 0',
      'eim_pxe_boot_stage_seconds_sum{stage="initramfs-start"} 2.5',
    ]);
  });
});
