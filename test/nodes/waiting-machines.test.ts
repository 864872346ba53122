import { expect, test } from "vitest";
import { WaitingMachines } from "../../src/nodes/waiting-machines.ts";

const known = { mac: "52:54:00:12:34:56", uuid: null, serial: null };
const madeUp = (n: number) => ({ mac: `52:54:00:00:00:${n}`, uuid: null, serial: null });

test("a machine waits from its first request on, and is told of once", () => {
  const waiting = new WaitingMachines();
  const isNew = [0, 4000, 12_000].map((atMs) => waiting.note(known, atMs));
  expect(isNew[0]).toBe(true);
  expect(waiting.all).toMatchObject([{ mac: known.mac, firstAtMs: 0, lastAtMs: 12_000 }]);
  waiting.remove(known.mac);
  expect(waiting.all).toEqual([]);
});

test("what is learnt of a machine later is kept", () => {
  const waiting = new WaitingMachines();
  waiting.note({ ...known, uuid: "u" }, 0);
  waiting.note({ ...known, serial: "SN1" }, 4000);
  expect(waiting.get(known.mac)).toMatchObject({ uuid: "u", serial: "SN1" });
});

test("no flood of made-up hardware addresses pushes out a machine that repeats its request", () => {
  const waiting = new WaitingMachines(4, 8);
  for (let n = 0; n < 50; n++) waiting.note(madeUp(n), n);
  waiting.note(known, 1000);
  waiting.note(known, 5000);
  // In the same moment twice is no repetition.
  for (let n = 50; n < 500; n++) for (const atMs of [5000, 5900]) waiting.note(madeUp(n), n + atMs);
  const later = { ...known, mac: "52:54:00:12:34:57" };
  for (const atMs of [6000, 7000]) waiting.note(later, atMs);
  for (let n = 50; n < 500; n++) waiting.note(madeUp(n), 7000 + n);
  expect(waiting.get(later.mac)).not.toBeNull();
  expect(waiting.get(known.mac)).not.toBeNull();
  expect(waiting.all.length).toBeLessThanOrEqual(12);
});

test("a full queue has room again when some did not ask for a week", () => {
  const waiting = new WaitingMachines(1, 8);
  for (const atMs of [0, 2000]) waiting.note(madeUp(1), atMs);
  for (const atMs of [0, 2000]) waiting.note(madeUp(2), atMs);
  const later = 8 * 24 * 3_600_000;
  waiting.note(known, later);
  waiting.note(known, later + 2000);
  for (let n = 10; n < 50; n++) waiting.note(madeUp(n), later + 3000);
  expect(waiting.all.map(({ mac }) => mac)).toContain(known.mac);
  expect(waiting.all.map(({ mac }) => mac)).not.toContain(madeUp(1).mac);
});
