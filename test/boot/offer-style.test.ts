import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answerNow,
  askedBootServer,
  askedToBoot,
  loaderDone,
  loaderRuns,
  loaderStarted,
  type MachineStyles,
  type Question,
  type OfferStyle,
  type StyleAnswer,
  offerStyles,
  OfferStyleTable,
} from "../../src/boot/offer-style.ts";

const mac = "08:00:27:29:4e:67";
const start = 1_800_000_000_000;
const stranger: MachineStyles = { mac, proven: null, attempt: null };

const loader = "ipxe.efi";

/** A question at a second; nobody hears what other servers offer. */
function at(second: number, changes: Partial<Question> = {}): Question {
  const nowMs = start + second * 1000;
  return { nowMs, loader, choosing: true, addressOfferedAtMs: null, ...changes };
}

/** Asks at these seconds, without progress in between. */
function ask(machine: MachineStyles, ...questions: (number | Question)[]) {
  let now = machine;
  const answers: StyleAnswer[] = [];
  for (const question of questions) {
    const asked = askedToBoot(now, typeof question === "number" ? at(question) : question);
    now = asked.machine;
    answers.push(asked.answer);
  }
  return { machine: now, answers, told: answers.map(({ style }) => style) };
}

function started(machine: MachineStyles, second: number): MachineStyles {
  return loaderStarted(machine, loader, start + second * 1000);
}

function done(machine: MachineStyles, second: number): MachineStyles {
  return loaderDone(machine, loader, start + second * 1000);
}

function proven(style: OfferStyle): MachineStyles {
  return { ...stranger, proven: { mac, style, provenAtMs: start } };
}

describe("a machine that asks as EDK2 does, at 0, 4, 12 and 28 s", () => {
  test("is answered in every style in turn while nothing helps", () => {
    const { told, answers } = ask(stranger, 0, 4, 12, 28);
    expect(told).toEqual(["direct", "boot-server", "menu", "direct"]);
    expect(answers.map(({ turn }) => turn)).toEqual(["same", "other", "other", "other"]);
  });

  test("goes on where it stopped when it is switched on again within minutes", () => {
    expect(ask(stranger, 0, 4, 12, 28, 120, 124).told.slice(4)).toEqual(["boot-server", "menu"]);
  });

  test("begins anew after a day, and when the clock was set back", () => {
    expect(ask(stranger, 0, 4, 90_000).told).toEqual(["direct", "boot-server", "direct"]);
    expect(ask(stranger, 0, 4, -3600).told).toEqual(["direct", "boot-server", "direct"]);
  });

  test("is told the next style as well when it comes back an hour later and has not booted", () => {
    expect(ask(stranger, 0, 4, 3600).told).toEqual(["direct", "boot-server", "menu"]);
  });

  test("is told the same as long as nobody offers it an address: it asks again for that", () => {
    const never = { addressOfferedAtMs: 0 };
    const slow = ask(stranger, at(0, never), at(4, never), at(12, never));
    expect(slow.told).toEqual(["direct", "direct", "direct"]);
    const offered = { addressOfferedAtMs: start + 12_500 };
    expect(ask(slow.machine, at(28, offered)).told).toEqual(["boot-server"]);
    // An offer before its last question was for another one.
    expect(ask(slow.machine, at(28, { addressOfferedAtMs: start + 11_000 })).told).toEqual([
      "direct",
    ]);
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
    expect(answerNow(ask(stranger, 0, 4).machine)).toMatchObject({ style: "boot-server" });
    expect(answerNow(stranger)).toEqual({ style: "direct", script: false, turn: "same" });
    expect(answerNow(proven("menu")).style).toBe("menu");
  });
});

describe("what worked", () => {
  test.each(offerStyles)("is remembered and said first: %s", (style) => {
    const seconds = [0, 4, 12].slice(0, offerStyles.indexOf(style) + 1);
    const { machine } = ask(stranger, ...seconds);
    const learnt = started(machine, 13);
    expect(learnt.proven).toEqual({ mac, style, provenAtMs: start + 13_000 });
    expect(ask(learnt, 600).told).toEqual([style]);
  });

  test("is said twice before others are tried: something may be slow that day", () => {
    const told = ask(proven("boot-server"), 0, 4, 12, 28, 60).told;
    expect(told).toEqual(["boot-server", "boot-server", "direct", "menu", "boot-server"]);
  });

  test("is given up by a machine that it does not boot any more, however long that waits", () => {
    // Twice at each power-on, eleven minutes apart.
    const { machine, told } = ask(proven("boot-server"), 0, 4, 660, 664);
    expect(told).toEqual(["boot-server", "boot-server", "direct", "menu"]);
    expect(started(machine, 665).proven?.style).toBe("menu");
  });

  test("is what the machine followed, not what was said last", () => {
    const { machine } = ask(stranger, 0, 4, 12);
    const plain = started(askedBootServer(machine, false), 13);
    expect(plain.proven?.style).toBe("boot-server");
    const item = started(askedBootServer(machine, true), 13);
    expect(item.proven?.style).toBe("menu");
    const direct = started(askedBootServer(ask(stranger, 0).machine, false), 1);
    expect(direct.proven?.style).toBe("direct");
  });

  test("is not the boot server whose answer was lost, when another style leads on afterwards", () => {
    const lost = askedBootServer(ask(proven("boot-server"), 0, 4).machine, false);
    expect(started(ask(lost, 12).machine, 13).proven?.style).toBe("direct");
  });

  test("keeps its date when it works again", () => {
    const again = started(ask(proven("menu"), 10).machine, 11);
    expect(again.proven?.provenAtMs).toBe(start);
  });

  test("is nothing that a machine does which was told nothing, or of another file, or much later", () => {
    expect(started(stranger, 0)).toBe(stranger);
    expect(done(stranger, 0)).toBe(stranger);
    expect(loaderRuns(stranger)).toBe(stranger);
    expect(askedBootServer(stranger, true)).toBe(stranger);
    const { machine } = ask(stranger, 0);
    const once = started(machine, 1);
    expect(started(once, 2)).toBe(once);
    expect(loaderStarted(machine, "grubx64.efi", start).proven).toBeNull();
    expect(started(machine, 700).proven).toBeNull();
  });
});

describe("a client that knows one style only", () => {
  const only = { choosing: false };

  test("is never answered otherwise, and its success proves nothing", () => {
    const { machine, answers } = ask(proven("menu"), at(0, only), at(4, only), at(12, only));
    expect(answers.map(({ turn }) => turn)).toEqual(["same", "same", "same"]);
    expect(started(machine, 13).proven?.style).toBe("menu");
    expect(started({ ...machine, proven: null }, 13).proven).toBeNull();
  });

  test("is told the script, too, when its loader says nothing", () => {
    const first = done(ask(stranger, at(0, only)).machine, 1);
    const second = done(ask(first, at(10, only)).machine, 11);
    expect(ask(second, at(20, only)).answers[0]).toMatchObject({ script: true });
  });
});

describe("a loader that does not say that it is one", () => {
  /** Asks, fetches what it is told, and asks again after it. */
  function load(machine: MachineStyles, second: number): MachineStyles {
    return done(started(ask(machine, second).machine, second), second);
  }
  const twice = load(load(stranger, 0), 10);

  test("is told the script the third time, and the loader again after that", () => {
    const third = ask(twice, 20);
    expect(third.answers).toEqual([{ style: "direct", script: true, turn: "loop" }]);
    expect(answerNow(third.machine).script).toBe(true);
    expect(ask(third.machine, 24).answers[0]).toMatchObject({ script: false });
  });

  test("is forgotten as soon as iPXE is heard, and when the machine restarts", () => {
    expect(ask(loaderRuns(twice), 20).answers[0]?.script).toBe(false);
    expect(ask(twice, 90).answers[0]?.script).toBe(false);
  });

  test("is not what loads a second file after its first", () => {
    let machine = stranger;
    for (const second of [0, 30]) {
      machine = load(machine, second);
      machine = loaderDone(machine, "grubx64.efi", start + second * 1000);
      expect(ask(machine, second + 20).answers[0]?.script).toBe(second === 30);
    }
    const { machine: asked } = ask(stranger, 0);
    const two = loaderDone(done(asked, 1), "grubx64.efi", start + 2000);
    expect(ask(two, 10).answers[0]?.script).toBe(false);
  });

  test("is no machine that boots again and again as it should", () => {
    let machine = stranger;
    for (let boot = 0; boot < 10; boot++) machine = loaderRuns(load(machine, boot * 30));
    expect(ask(machine, 310).answers[0]).toMatchObject({ style: "direct", script: false });
  });
});

describe("OfferStyleTable", () => {
  test("knows what is news", () => {
    const table = new OfferStyleTable();
    expect(table.of(mac)).toEqual(stranger);
    expect(table.put(ask(stranger, 0).machine)).toBe(false);
    expect(table.put(started(table.of(mac), 1))).toBe(true);
    expect(table.put(table.of(mac))).toBe(false);
    expect(table.proven()).toEqual([{ mac, style: "direct", provenAtMs: start + 1000 }]);
  });

  test("forgets a machine when it is told to, and says whether it knew it", () => {
    const table = new OfferStyleTable();
    table.restore([{ mac, style: "menu", provenAtMs: start }]);
    table.put(ask(table.of(mac), 0, 4, 12).machine);
    expect(table.forget(mac)).toBe(true);
    expect(table.of(mac)).toEqual(stranger);
    expect(table.forget(mac)).toBe(false);
  });

  const numbered = (i: number) =>
    `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`;

  test("keeps what has worked for long through a flood of strangers, who learn as well", () => {
    const table = new OfferStyleTable(100);
    table.restore([{ mac, style: "menu", provenAtMs: start }]);
    for (let i = 0; i < 1000; i++) {
      const { machine } = ask(table.of(numbered(i)), 0);
      table.put(machine);
      table.put(started(table.of(numbered(i)), 1));
    }
    expect(ask(table.of(mac), 0).told).toEqual(["menu"]);
    expect(table.of(numbered(1)).attempt).toBeNull();
    expect(table.proven()).toHaveLength(100);
    // The latest finds its place as well.
    expect(table.provenOf(numbered(999))?.style).toBe("direct");
  });
});

type Happening = "ask" | "plain" | "item" | "start" | "done" | "runs";

/** Goes through what happened; false when an answer or a proof makes no sense. */
function makesSense(happenings: readonly { afterMs: number; what: Happening }[]): boolean {
  let machine = stranger;
  let nowMs = start;
  let offered = new Set<OfferStyle | undefined>();
  let sense = true;
  for (const { afterMs, what } of happenings) {
    nowMs += afterMs;
    const before = machine.proven;
    switch (what) {
      case "ask": {
        const asked = askedToBoot(machine, { ...at(0), nowMs });
        machine = asked.machine;
        offered.add(asked.answer.style);
        sense &&= offerStyles.includes(asked.answer.style);
        break;
      }
      case "start":
        machine = loaderStarted(machine, loader, nowMs);
        sense &&= machine.proven === before || offered.has(machine.proven?.style);
        offered = new Set();
        break;
      case "done":
        machine = loaderDone(machine, loader, nowMs);
        break;
      case "runs":
        machine = loaderRuns(machine);
        break;
      case "plain":
      case "item":
        machine = askedBootServer(machine, what === "item");
    }
  }
  return sense && (machine.attempt?.offered.length ?? 0) <= offerStyles.length;
}

test("whatever happens, an answer is one of the offerStyles, and progress proves one that was offered", () => {
  const happening = fc.record({
    afterMs: fc.integer({ min: -1000, max: 700_000 }),
    what: fc.constantFrom<Happening[]>("ask", "plain", "item", "start", "done", "runs"),
  });
  expect(() => fc.assert(fc.property(fc.array(happening), makesSense))).not.toThrow();
});
