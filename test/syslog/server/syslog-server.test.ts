import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PxeEvent } from "../../../src/events/types.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { BindError } from "../../../src/lib/errors.ts";
import { type SyslogListener, SyslogServer } from "../../../src/syslog/server/syslog-server.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeUdp } from "../../support/fake-udp.ts";

const ours = "192.168.77.1";
const noisy = "192.168.77.101";
const quiet = "192.168.77.102";

let udp: FakeUdp;
let nowMs: number;
let events: PxeEvent[];
let known: Set<string>;
let server: SyslogServer;
let listener: SyslogListener;

beforeEach(async () => {
  [udp, nowMs, events, known] = [new FakeUdp(), 1_000_000, [], new Set([noisy, quiet])];
  server = new SyslogServer({
    port: 514,
    openUdp: udp.open,
    isKnown: (address) => known.has(address),
    reportAfterMs: 1,
    emit: (event) => void events.push(event),
    clock: { now: () => nowMs },
  });
  listener = await server.open(ours);
});
afterEach(async () => {
  await listener.close();
  server.close();
});

/** Resolves when all have arrived. */
async function sends(address: string, lines: readonly string[]): Promise<void> {
  const socket = await udp.open({ address, port: 0 });
  for (const line of lines) socket.send(fromText(line), { address: ours, port: 514 });
  await Promise.resolve();
  await socket.close();
}

const many = (count: number, text = "noise") =>
  Array.from({ length: count }, (_, n) => `<13>app: ${text} ${n}`);

const linesOf = (address: string) =>
  events.flatMap((event) =>
    event.event === "syslog" && event.address === address ? [event.text] : [],
  );

const droppedOf = (address: string | null) =>
  events
    .flatMap((event) =>
      event.event === "syslog-dropped" && event.address === address ? [event.lines] : [],
    )
    .reduce((sum, lines) => sum + lines, 0);

describe("the receiver of machines' logs", () => {
  it("hands on each line with the address that it came from", async () => {
    await sends(quiet, ["<6>ipxe: ok"]);
    expect(events).toEqual([
      {
        event: "syslog",
        mac: null,
        address: quiet,
        facility: "kern",
        severity: "info",
        host: null,
        app: "ipxe",
        procid: null,
        msgid: null,
        data: null,
        text: "ok",
      },
    ]);
    expect(listener.sockets).toEqual(["syslog 192.168.77.1:514"]);
  });

  it("takes no more of 100,000 lines from one machine than its share, and all of the others' meanwhile", async () => {
    for (let round = 0; round < 100; round++) {
      await sends(noisy, many(1000));
      await sends(quiet, [`<13>app: line ${round}`]);
      nowMs += 100;
    }
    // A burst of 200, then 5 a second for ten seconds.
    expect(linesOf(noisy).length).toBeLessThanOrEqual(250);
    expect(linesOf(noisy).length).toBeGreaterThanOrEqual(240);
    expect(linesOf(quiet)).toHaveLength(100);
    await eventually(() => expect(linesOf(noisy).length + droppedOf(noisy)).toBe(100_000));
    // What was dropped is a few events, not one for each.
    expect(events.length).toBeLessThan(1000);
  });

  it("takes machines' lines while somebody makes up addresses", async () => {
    for (let n = 0; n < 5000; n++) await sends(`10.9.${n >> 8}.${n & 255}`, many(2));
    await sends(quiet, many(50));
    expect(linesOf(quiet)).toHaveLength(50);
    const others = events.filter(({ event }) => event === "syslog").length - 50;
    expect(others).toBe(400);
    await eventually(() => expect(droppedOf(null)).toBe(10_000 - others));
  });

  it("takes no line that this host sends itself, whose log may hold each line that is taken", async () => {
    await sends(ours, ["<13>eim-pxe: a machine's log says"]);
    await sends(quiet, ["<13>", "<13>\n", ""]);
    expect(events).toEqual([]);
  });

  it("tells what it dropped last when it closes", async () => {
    await sends(noisy, many(300));
    server.close();
    expect(droppedOf(noisy)).toBe(100);
  });

  it("says so where the port is in use", async () => {
    await expect(server.open(ours)).rejects.toBeInstanceOf(BindError);
  });
});
