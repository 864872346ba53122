import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answerNow,
  askedBootServer,
  askedToBoot,
  loaderDone,
  loaderRuns,
  loaderStarted,
  type MachineWays,
  type Way,
  type WayAnswer,
  ways,
  WayTable,
} from "../../src/boot/ways.ts";

const mac = "08:00:27:29:4e:67";
const start = 1_800_000_000_000;
const stranger: MachineWays = { mac, proven: null, attempt: null };

/** Asks at these seconds, without progress in between. */
function ask(machine: MachineWays, ...seconds: number[]) {
  let now = machine;
  const answers: WayAnswer[] = [];
  for (const second of seconds) {
    const asked = askedToBoot(now, start + second * 1000);
    now = asked.machine;
    answers.push(asked.answer);
  }
  return { machine: now, answers, told: answers.map(({ way }) => way) };
}

function proven(way: Way): MachineWays {
  return { ...stranger, proven: { mac, way, provenAtMs: start } };
}

describe("a machine that asks as EDK2 does, at 0, 4, 12 and 28 s", () => {
  test("is answered in every way in turn while nothing helps", () => {
    const { told, answers } = ask(stranger, 0, 4, 12, 28);
    expect(told).toEqual(["direct", "boot-server", "menu", "direct"]);
    expect(answers.map(({ turn }) => turn)).toEqual(["same", "other", "other", "other"]);
  });

  test("goes on where it stopped when it is switched on again within minutes", () => {
    expect(ask(stranger, 0, 4, 12, 28, 120, 124).told.slice(4)).toEqual(["boot-server", "menu"]);
  });

  test("begins anew after a long silence, and when the clock was set back", () => {
    expect(ask(stranger, 0, 4, 3600).told).toEqual(["direct", "boot-server", "direct"]);
    expect(ask(stranger, 0, 4, -3600).told).toEqual(["direct", "boot-server", "direct"]);
  });

  test("is told the same twice when its request comes twice", () => {
    expect(ask(stranger, 0, 0.5, 4, 4.2).told).toEqual([
      "direct",
      "direct",
      "boot-server",
      "boot-server",
    ]);
  });

  test("is told in its DHCPREQUEST what it was told last", () => {
    expect(answerNow(ask(stranger, 0, 4).machine)).toMatchObject({ way: "boot-server" });
    expect(answerNow(stranger)).toEqual({ way: "direct", script: false, turn: "same" });
    expect(answerNow(proven("menu")).way).toBe("menu");
  });
});

describe("what worked", () => {
  test.each(ways)("is remembered and said first: %s", (way) => {
    const seconds = [0, 4, 12].slice(0, ways.indexOf(way) + 1);
    const { machine } = ask(stranger, ...seconds);
    const learnt = loaderStarted(machine, start + 13_000);
    expect(learnt.proven).toEqual({ mac, way, provenAtMs: start + 13_000 });
    expect(ask(learnt, 600).told).toEqual([way]);
  });

  test("is said twice before others are tried: the site's server may be slow", () => {
    const told = ask(proven("boot-server"), 0, 4, 12, 28, 60).told;
    expect(told).toEqual(["boot-server", "boot-server", "direct", "menu", "boot-server"]);
  });

  test("is what the machine followed, not what was said last", () => {
    const { machine } = ask(stranger, 0, 4, 12);
    const plain = loaderStarted(askedBootServer(machine, false), start);
    expect(plain.proven?.way).toBe("boot-server");
    const item = loaderStarted(askedBootServer(machine, true), start);
    expect(item.proven?.way).toBe("menu");
    const direct = loaderStarted(askedBootServer(ask(stranger, 0).machine, false), start);
    expect(direct.proven?.way).toBe("direct");
  });

  test("keeps its date when it works again", () => {
    const again = loaderStarted(ask(proven("menu"), 10).machine, start + 11_000);
    expect(again.proven?.provenAtMs).toBe(start);
  });

  test("is nothing that a machine which was told nothing does", () => {
    expect(loaderStarted(stranger, start)).toBe(stranger);
    expect(loaderDone(stranger)).toBe(stranger);
    expect(loaderRuns(stranger)).toBe(stranger);
    expect(askedBootServer(stranger, true)).toBe(stranger);
    const once = loaderStarted(ask(stranger, 0).machine, start);
    expect(loaderStarted(once, start + 1)).toBe(once);
  });
});

describe("a client that knows one way only", () => {
  test("is never answered otherwise, and its success proves nothing", () => {
    let machine = proven("menu");
    for (const second of [0, 4, 12]) {
      const asked = askedToBoot(machine, start + second * 1000, false);
      expect(asked.answer.turn).toBe("same");
      machine = asked.machine;
    }
    expect(loaderStarted(machine, start).proven?.way).toBe("menu");
    expect(loaderStarted({ ...machine, proven: null }, start).proven).toBeNull();
  });

  test("is told the script, too, when its loader says nothing", () => {
    let { machine } = askedToBoot(stranger, start, false);
    machine = loaderDone(machine);
    machine = loaderDone(askedToBoot(machine, start + 10_000, false).machine);
    expect(askedToBoot(machine, start + 20_000, false).answer).toMatchObject({ script: true });
  });
});

describe("a loader that does not say that it is one", () => {
  /** Asks, fetches what it is told, and asks again after it. */
  function load(machine: MachineWays, second: number): MachineWays {
    return loaderDone(loaderStarted(ask(machine, second).machine, start + second * 1000));
  }

  test("is told the script the third time, and the loader again after that", () => {
    const twice = load(load(stranger, 0), 10);
    const third = ask(twice, 20);
    expect(third.answers).toEqual([{ way: "direct", script: true, turn: "loop" }]);
    expect(answerNow(third.machine).script).toBe(true);
    expect(ask(third.machine, 24).answers[0]).toMatchObject({ script: false });
  });

  test("is forgotten as soon as iPXE is heard, and after a long silence", () => {
    expect(ask(loaderRuns(load(load(stranger, 0), 10)), 20).answers[0]?.script).toBe(false);
    expect(ask(load(load(stranger, 0), 10), 3600).answers[0]?.script).toBe(false);
  });

  test("is no machine that boots again and again as it should", () => {
    let machine = stranger;
    for (let boot = 0; boot < 10; boot++) machine = loaderRuns(load(machine, boot * 60));
    expect(ask(machine, 600).answers[0]).toMatchObject({ way: "direct", script: false });
  });
});

describe("WayTable", () => {
  test("knows what is news", () => {
    const table = new WayTable();
    expect(table.of(mac)).toEqual(stranger);
    expect(table.put(ask(stranger, 0).machine)).toBe(false);
    expect(table.put(loaderStarted(table.of(mac), start))).toBe(true);
    expect(table.put(table.of(mac))).toBe(false);
    expect(table.proven()).toEqual([{ mac, way: "direct", provenAtMs: start }]);
  });

  test("forgets a machine when it is told to, and says whether it knew it", () => {
    const table = new WayTable();
    table.restore([{ mac, way: "menu", provenAtMs: start }]);
    table.put(ask(table.of(mac), 0, 4, 12).machine);
    expect(table.forget(mac)).toBe(true);
    expect(table.of(mac)).toEqual(stranger);
    expect(table.forget(mac)).toBe(false);
  });

  test("keeps what worked through a flood of strangers", () => {
    const table = new WayTable(100);
    table.restore([{ mac, way: "menu", provenAtMs: start }]);
    for (let i = 0; i < 1000; i++) {
      const one = `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;
      table.put(ask(table.of(one), 0).machine);
    }
    expect(ask(table.of(mac), 0).told).toEqual(["menu"]);
    expect(table.of("02:00:00:00:00:01").attempt).toBeNull();
  });
});

type Happening = "ask" | "plain" | "item" | "start" | "done" | "runs";

/** Goes through what happened; false when an answer or a proof makes no sense. */
function makesSense(happenings: readonly { afterMs: number; what: Happening }[]): boolean {
  let machine = stranger;
  let nowMs = start;
  let offered = new Set<Way | undefined>();
  let sense = true;
  for (const { afterMs, what } of happenings) {
    nowMs += afterMs;
    const before = machine.proven;
    switch (what) {
      case "ask": {
        const asked = askedToBoot(machine, nowMs);
        machine = asked.machine;
        offered.add(asked.answer.way);
        sense &&= ways.includes(asked.answer.way);
        break;
      }
      case "start":
        machine = loaderStarted(machine, nowMs);
        sense &&= machine.proven === before || offered.has(machine.proven?.way);
        offered = new Set();
        break;
      case "done":
        machine = loaderDone(machine);
        break;
      case "runs":
        machine = loaderRuns(machine);
        break;
      case "plain":
      case "item":
        machine = askedBootServer(machine, what === "item");
    }
  }
  return sense && (machine.attempt?.offered.length ?? 0) <= ways.length;
}

test("whatever happens, an answer is one of the ways, and progress proves one that was offered", () => {
  const happening = fc.record({
    afterMs: fc.integer({ min: -1000, max: 700_000 }),
    what: fc.constantFrom<Happening[]>("ask", "plain", "item", "start", "done", "runs"),
  });
  expect(() => fc.assert(fc.property(fc.array(happening), makesSense))).not.toThrow();
});
