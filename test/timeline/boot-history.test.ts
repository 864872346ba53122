import { expect, test } from "vitest";
import { BootSessions } from "../../src/timeline/boots.ts";

const macOf = (n: number) =>
  `52:54:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;

function begin(sessions: BootSessions, from: number, count: number): void {
  for (let n = from; n < from + count; n += 1) {
    sessions.record("script", { mac: macOf(n), address: null }, {}, { nowMs: n, wallMs: n });
  }
}

test("boots that begin while others are read are no reason to give one twice, or in another order", () => {
  const sessions = new BootSessions({ keepBoots: 100 });
  begin(sessions, 0, 250);
  const read: number[] = [];
  for (const { number } of sessions.newestFirst()) {
    read.push(number);
    // Half of those that are not read yet are forgotten, and the numbers are put together anew.
    if (read.length % 20 === 0) begin(sessions, 250 + read.length * 10, 10);
  }
  expect(read.length).toBeGreaterThan(50);
  expect(read).toEqual([...new Set(read)].toSorted((a, b) => b - a));
  expect(sessions.byNumber(1)).toBeNull();
});

test("machines are listed by MAC, each once, as long as a boot of theirs is kept", () => {
  const sessions = new BootSessions({ keepBoots: 100 });
  begin(sessions, 0, 150);
  begin(sessions, 140, 10);
  sessions.record("kernel", { mac: null, address: "10.0.0.9" }, {}, { nowMs: 1, wallMs: 1 });
  const macs = [...sessions.macsAfter("")];
  const kept = [...sessions.current()].flatMap(({ mac }) => mac ?? []);
  expect(macs).toEqual(kept.toSorted());
  expect(macs).not.toContain(macOf(0));
  const [, second = ""] = macs;
  expect([...sessions.macsAfter(second)]).toEqual(macs.slice(2));
});

test("a machine whose MAC becomes known later is listed from then on", () => {
  const sessions = new BootSessions();
  const address = "10.0.0.9";
  sessions.record("kernel", { mac: null, address }, {}, { nowMs: 1, wallMs: 1 });
  expect([...sessions.macsAfter("")]).toEqual([]);
  sessions.learnAddress(macOf(7), address);
  expect([...sessions.macsAfter("")]).toEqual([macOf(7)]);
});
