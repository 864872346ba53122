import { describe, expect, it } from "vitest";
import { concat } from "../../../src/lib/bytes.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { ReadTransfer, type TransferEffect } from "../../../src/tftp/transfer/read-transfer.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { ack, edk2Packets, sent, termsFor } from "../../support/tftp.ts";

const bytes = randomBytes(randomNumbers(1), 10_000);

/** A transfer of `file` whose reads are answered at once; every call gives all effects but `read`. */
function transferOf(file: Uint8Array, options: Readonly<Record<string, string | number>> = {}) {
  const transfer = new ReadTransfer(file.length, termsFor(file.length, options));
  const settle = (effects: readonly TransferEffect[], now: number): readonly TransferEffect[] =>
    effects.flatMap((effect) =>
      effect.kind === "read"
        ? settle(
            transfer.blockRead(file.subarray(effect.offset, effect.offset + effect.length), now),
            now,
          )
        : [effect],
    );
  return {
    transfer,
    start: (now = 0) => settle(transfer.start(now), now),
    ack: (block: number, now = 0) => settle(transfer.receive(ack(block), now), now),
    error: (code: number, message = "", now = 0) =>
      settle(transfer.receive({ opcode: "error", code, message }, now), now),
    wait: () => {
      const now = transfer.deadline() ?? Number.NaN;
      return { now, effects: settle(transfer.handleTimeout(now), now) };
    },
  };
}

function dataOf(effects: readonly TransferEffect[]): Uint8Array {
  return concat(
    effects.map((effect) =>
      effect.kind === "send" && effect.packet.opcode === "data"
        ? effect.packet.data
        : new Uint8Array(),
    ),
  );
}

function ending(effects: readonly TransferEffect[]): TransferEffect | undefined {
  return effects.find((effect) => effect.kind === "done" || effect.kind === "fail");
}

const complete = { kind: "done", outcome: "complete" };
const probe = { kind: "done", outcome: "probe" };

describe("a transfer without options", () => {
  it("sends blocks of 512 bytes in lock-step and ends with the short one", () => {
    const run = transferOf(bytes.subarray(0, 1200));
    const effects = [run.start(), run.ack(1), run.ack(2)];
    expect(effects.map(sent)).toEqual([["data 1"], ["data 2"], ["data 3"]]);
    expect(dataOf(effects.flat())).toEqual(bytes.subarray(0, 1200));
    expect(run.ack(3)).toEqual([complete]);
    expect(run.transfer.deadline()).toBeNull();
  });

  it.each([
    [0, 1],
    [1, 1],
    [511, 1],
    [512, 2],
    [513, 2],
    [1024, 3],
  ])("sends %i bytes in %i blocks, the last one short or empty", (size, blocks) => {
    const run = transferOf(bytes.subarray(0, size));
    let effects = run.start();
    const all = [...effects];
    for (let block = 1; block < blocks; block++) {
      expect(sent(effects)).toEqual([`data ${block}`]);
      effects = run.ack(block);
      all.push(...effects);
    }
    expect(dataOf(effects).length).toBe(size - (blocks - 1) * 512);
    expect(run.ack(blocks)).toEqual([complete]);
    expect(dataOf(all)).toEqual(bytes.subarray(0, size));
  });
});

describe("an option acknowledgement", () => {
  it("comes first, is acknowledged as block 0, and costs no read before that", () => {
    const transfer = new ReadTransfer(5000, termsFor(5000, { tsize: 0, blksize: 1024 }));
    const options = new Map([
      ["tsize", "5000"],
      ["blksize", "1024"],
    ]);
    expect(transfer.start(0)).toEqual([{ kind: "send", packet: { opcode: "oack", options } }]);
    expect(transfer.answered).toBe(false);
    expect(transfer.receive(ack(0), 1)).toEqual([{ kind: "read", offset: 0, length: 5000 }]);
    expect(transfer.answered).toBe(true);
    expect(sent(transfer.blockRead(bytes.subarray(0, 5000), 2))).toEqual(["data 1"]);
  });

  it("is repeated when it was lost", () => {
    const run = transferOf(bytes, { blksize: 1024 });
    expect(sent(run.start())).toEqual(["oack"]);
    expect(run.wait()).toMatchObject({ now: 1000 });
    expect(sent(run.wait().effects)).toEqual(["oack"]);
    expect(sent(run.ack(0, 3500))).toEqual(["data 1"]);
    expect(run.transfer.retransmissions).toBe(2);
  });

  it("is not taken for acknowledged by an ACK of block 1", () => {
    const run = transferOf(bytes, { blksize: 1024 });
    run.start();
    expect(run.ack(1)).toEqual([]);
    expect(run.transfer.answered).toBe(false);
  });
});

describe("the size probe of firmware", () => {
  it("of EDK2 is no failure, and the transfer after it runs in windows of 4", () => {
    const [first, abort, second, ...acks] = edk2Packets();
    if (first?.opcode !== "rrq" || second?.opcode !== "rrq" || abort === undefined) {
      throw new Error("the fixture does not begin with probe, abort and request");
    }
    const size = 300_000;
    const probed = new ReadTransfer(size, termsFor(size, Object.fromEntries(first.options)));
    expect(sent(probed.start(0))).toEqual(["oack"]);
    expect(probed.receive(abort, 1)).toEqual([probe]);
    expect(probed.answered).toBe(false);

    const file = randomBytes(randomNumbers(2), size);
    const transfer = new ReadTransfer(size, termsFor(size, Object.fromEntries(second.options)));
    transfer.start(0);
    let block = 0;
    for (const packet of acks) {
      let effects = transfer.receive(packet, 1);
      const [effect] = effects;
      if (effect?.kind === "read") {
        effects = transfer.blockRead(
          file.subarray(effect.offset, effect.offset + effect.length),
          1,
        );
      }
      expect(sent(effects)).toEqual([1, 2, 3, 4].map((more) => `data ${block + more}`));
      block += 4;
    }
    expect(block).toBe(36);
  });

  it("may end with any error code where the size was asked for", () => {
    const run = transferOf(bytes, { tsize: 0 });
    run.start();
    expect(run.error(0, "TFTP Aborted")).toEqual([probe]);
  });

  it("may come as ERROR 8 without the size having been asked for", () => {
    const run = transferOf(bytes, { blksize: 1024 });
    run.start();
    expect(run.error(8, "no")).toEqual([probe]);
  });

  it("may be aborted after the first block was sent", () => {
    const run = transferOf(bytes, { tsize: 0 });
    run.start();
    run.ack(0);
    expect(run.error(4, "User aborted download")).toEqual([probe]);
  });
});

describe("an ERROR of the client", () => {
  it("after data was acknowledged is a failure, told in safe text", () => {
    const run = transferOf(bytes, { tsize: 0 });
    run.start();
    run.ack(0);
    run.ack(1);
    expect(run.error(3, "disk\nfull\x1b[2J")).toEqual([
      { kind: "fail", reason: "the client aborted: ERROR 3 disk\\x0afull\\x1b[2J" },
    ]);
    expect(run.transfer.deadline()).toBeNull();
  });

  it("before any data, of a client that did not ask for the size, is a failure", () => {
    const run = transferOf(bytes);
    run.start();
    expect(ending(run.error(0, "bye"))).toMatchObject({ kind: "fail" });
  });
});

describe("windows", () => {
  const options = { blksize: 100, windowsize: 4 };

  function running() {
    const run = transferOf(bytes.subarray(0, 1950), options);
    run.start();
    expect(sent(run.ack(0))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
    return run;
  }

  it("are sent whole, one for each acknowledgement, and the last one is shorter", () => {
    const run = running();
    for (const block of [4, 8, 12]) expect(sent(run.ack(block)).length).toBe(4);
    expect(sent(run.ack(16))).toEqual(["data 17", "data 18", "data 19", "data 20"]);
    expect(run.ack(20)).toEqual([complete]);
  });

  it("begin behind the block that an ACK inside the window names (RFC 7440 4)", () => {
    const run = running();
    expect(sent(run.ack(2))).toEqual(["data 3", "data 4", "data 5", "data 6"]);
  });

  it("do not go back twice for copies of the blocks that were sent twice", () => {
    const run = running();
    run.ack(2);
    expect(sent(run.ack(3))).toEqual(["data 7"]);
    expect(sent(run.ack(4))).toEqual(["data 8"]);
    expect(sent(run.ack(5))).toEqual(["data 6", "data 7", "data 8", "data 9"]);
  });

  it("are repeated from the first missing block when nothing is heard", () => {
    const run = running();
    run.ack(4);
    expect(sent(run.wait().effects)).toEqual(["data 5", "data 6", "data 7", "data 8"]);
    expect(run.transfer.retransmissions).toBe(4);
  });

  it("are not moved by ACKs of blocks outside of them", () => {
    const run = running();
    run.ack(4);
    for (const block of [0, 3, 9, 1000, 65_535]) expect(run.ack(block)).toEqual([]);
  });

  it("are not moved by ACKs of blocks behind the end of the file", () => {
    const run = running();
    for (const block of [4, 8, 12, 16]) run.ack(block);
    expect(sent(run.ack(18))).toEqual(["data 19", "data 20"]);
    expect(run.ack(21)).toEqual([]);
    expect(run.ack(20)).toEqual([complete]);
  });
});

describe("a repeated ACK", () => {
  it("sends nothing while the answer to the first one is on its way (Sorcerer's Apprentice)", () => {
    const run = transferOf(bytes);
    run.start();
    expect(sent(run.ack(1, 1))).toEqual(["data 2"]);
    expect(run.ack(1, 1)).toEqual([]);
    expect(run.ack(1, 50)).toEqual([]);
    expect(run.transfer.deadline()).toBe(51);
    expect(sent(run.ack(2, 50))).toEqual(["data 3"]);
  });

  it("is answered when it comes so late that the client must be waiting", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    for (let i = 0; i < 4; i++) run.wait();
    expect(run.transfer.deadline()).toBe(51 + 100 + 200 + 400 + 800);
    // Half of that wait is over, and nobody said anything for longer than the client bears.
    for (let i = 0; i < 3; i++) run.wait();
    expect(run.transfer.deadline()).toBe(12_751);
    expect(sent(run.ack(1, 9000))).toEqual(["data 2"]);
    // The backoff stays until a round trip is measured (RFC 6298 5.7).
    expect(run.transfer.deadline()).toBe(9000 + 6400);
  });

  it("sends nothing where many come one after the other, as from EDK2 for the copies of a window", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    for (let i = 0; i < 4; i++) run.wait();
    for (let now = 760; now < 1551; now += 10) expect(run.ack(1, now)).toEqual([]);
  });

  it("is answered at once where the client chose a long interval for us and is itself more eager", () => {
    const run = transferOf(bytes, { timeout: 250, windowsize: 4 });
    run.start();
    expect(sent(run.ack(0, 1))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
    expect(run.ack(0, 40)).toEqual([]);
    expect(sent(run.ack(0, 251))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
  });

  it("is answered only so often without progress", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 1);
    let answers = 0;
    for (let now = 1000; now < 100_000; now += 1000) answers += sent(run.ack(1, now)).length;
    expect(answers).toBe(20);
  });
});

describe("silence", () => {
  it("ends a transfer that nobody ever answered after six sends", () => {
    const run = transferOf(bytes);
    const waits: number[] = [];
    run.start();
    for (;;) {
      const { now, effects } = run.wait();
      waits.push(now);
      const end = ending(effects);
      if (end === undefined) continue;
      expect(sent(effects)).toEqual(["error 0"]);
      expect(end).toEqual({ kind: "fail", reason: "the client stopped answering" });
      break;
    }
    expect(waits).toEqual([1000, 3000, 7000, 15_000, 23_000, 31_000]);
  });

  it("of a client that answered quickly is met quickly, and borne for twenty seconds", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 0);
    const waits: number[] = [];
    let end: TransferEffect | undefined;
    while (end === undefined) {
      const { now, effects } = run.wait();
      waits.push(now);
      end = ending(effects);
    }
    expect(waits).toEqual([50, 150, 350, 750, 1550, 3150, 6350, 12_750, 20_750]);
    expect(end).toMatchObject({ kind: "fail" });
  });

  it("is met no later than the client chose, and borne as long as without its choice", () => {
    const run = transferOf(bytes, { timeout: 1 });
    run.start();
    run.ack(0, 1);
    const waits: number[] = [];
    let end: TransferEffect | undefined;
    while (end === undefined) {
      const { now, effects } = run.wait();
      waits.push(now);
      end = ending(effects);
    }
    expect(waits.slice(0, 7)).toEqual([51, 151, 351, 751, 1551, 2551, 3551]);
    expect(waits.at(-1)).toBe(20_551);
  });

  it("is met by what was measured where the client chose the longest interval", () => {
    const run = transferOf(bytes, { timeout: 255 });
    run.start();
    expect([run.wait().now, run.wait().now]).toEqual([1000, 3000]);
    run.ack(0, 3001);
    run.ack(1, 3002);
    expect(run.wait().now).toBe(3052);
  });

  it("is not judged by answers to what was sent twice (Karn)", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 200);
    expect(run.wait().now).toBe(800);
    // The answer to the first copy after 601 ms, or to the second one after 1 ms?
    run.ack(2, 801);
    expect(run.transfer.deadline()).toBe(1801);
  });

  it("is a loss for certain where the answer to the copy takes as long as answers do", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 200);
    expect(run.wait().now).toBe(800);
    run.ack(2, 1000);
    expect(run.transfer.deadline()).toBe(1600);
  });

  it("of a path that becomes slower than the wait does not send all twice from then on", () => {
    const run = transferOf(new Uint8Array(200 * 512));
    run.start();
    let now = 0;
    for (let block = 1; block <= 200; block++) {
      now += block < 50 ? 10 : 60;
      while ((run.transfer.deadline() ?? Infinity) < now) run.wait();
      run.ack(block, now);
    }
    expect(run.transfer.retransmissions).toBeLessThan(5);
  });

  it("is not what a client keeps that repeats its ACK; but it may not stand still for minutes", () => {
    const run = transferOf(bytes);
    run.start();
    run.ack(1, 0);
    let end: TransferEffect | undefined;
    let endedAt = 0;
    while (end === undefined) {
      const { now, effects } = run.wait();
      end = ending(effects);
      if (end === undefined) run.ack(1, now);
      endedAt = now;
    }
    expect(endedAt).toBeGreaterThan(120_000);
    expect(endedAt).toBeLessThan(130_000);
    const reason = "the client repeats the same acknowledgement and does not get on";
    expect(end).toEqual({ kind: "fail", reason });
  });

  it("is not assumed before its time", () => {
    const run = transferOf(bytes);
    run.start();
    expect(run.transfer.handleTimeout(999)).toEqual([]);
    expect(sent(run.transfer.handleTimeout(1000))).toEqual(["data 1"]);
  });
});

describe("block numbers", () => {
  it("wrap from 65535 to 0", () => {
    const size = 65_540 * 8;
    const run = transferOf(new Uint8Array(size), { blksize: 8, windowsize: 1 });
    run.start();
    run.ack(0);
    for (let block = 1; block < 65_535; block++) run.ack(block);
    expect(sent(run.ack(65_535))).toEqual(["data 0"]);
    expect(sent(run.ack(0))).toEqual(["data 1"]);
    for (let block = 1; block < 4; block++) run.ack(block);
    expect(sent(run.ack(4))).toEqual(["data 5"]);
    expect(run.ack(5)).toEqual([complete]);
    expect(run.transfer.bytesSent).toBe(size);
  });
});

describe("reading the file", () => {
  it("is done in larger pieces than blocks", () => {
    const transfer = new ReadTransfer(200_000, termsFor(200_000));
    const file = new Uint8Array(200_000);
    const reads: number[] = [];
    let effects = transfer.start(0);
    for (let block = 1; block <= 391; block++) {
      const [effect] = effects;
      if (effect?.kind === "read") {
        reads.push(effect.offset);
        effects = transfer.blockRead(
          file.subarray(effect.offset, effect.offset + effect.length),
          0,
        );
      }
      expect(sent(effects)).toEqual([`data ${block}`]);
      effects = transfer.receive(ack(block), 0);
    }
    expect(effects).toEqual([complete]);
    expect(reads).toEqual([0, 65_536, 131_072, 196_608]);
  });

  it("takes ACKs that come meanwhile into account", () => {
    const file = bytes.subarray(0, 800);
    const transfer = new ReadTransfer(800, termsFor(800, { blksize: 100, windowsize: 4 }));
    transfer.start(0);
    transfer.receive(ack(0), 0);
    expect(transfer.receive(ack(0), 5000)).toEqual([]);
    expect(sent(transfer.blockRead(file, 5001)).length).toBe(4);
  });

  it("fails cleanly when the file became shorter", () => {
    const transfer = new ReadTransfer(1000, termsFor(1000));
    transfer.start(0);
    const effects = transfer.blockRead(bytes.subarray(0, 999), 0);
    expect(sent(effects)).toEqual(["error 0"]);
    expect(ending(effects)).toMatchObject({ kind: "fail" });
  });

  it("fails cleanly when it is refused, and keeps the reason from the client", () => {
    const transfer = new ReadTransfer(1000, termsFor(1000));
    transfer.start(0);
    const message = "the file cannot be read";
    expect(transfer.readFailed("EIO /srv/secret")).toEqual([
      { kind: "send", packet: { opcode: "error", code: 0, message } },
      { kind: "fail", reason: "EIO /srv/secret" },
    ]);
  });

  it("fails cleanly when it takes for ever", () => {
    const transfer = new ReadTransfer(1000, termsFor(1000));
    transfer.start(0);
    expect(ending(transfer.handleTimeout(10_000))).toMatchObject({ kind: "fail" });
    expect(transfer.blockRead(bytes.subarray(0, 1000), 10_001)).toEqual([]);
  });

  it("is not answered where it was not asked for", () => {
    const transfer = new ReadTransfer(0, termsFor(0));
    transfer.start(0);
    expect(() => transfer.blockRead(bytes, 0)).toThrow(InternalError);
  });
});

describe("a transfer that is over", () => {
  it("does nothing more", () => {
    const run = transferOf(bytes.subarray(0, 10));
    run.start();
    expect(run.ack(1)).toEqual([complete]);
    expect(run.ack(1)).toEqual([]);
    expect(run.error(0)).toEqual([]);
    expect(run.transfer.handleTimeout(99_999)).toEqual([]);
    expect(run.transfer.readFailed("late")).toEqual([]);
  });

  it("does not end because of packets that a reader never sends", () => {
    const run = transferOf(bytes);
    run.start();
    const options = new Map<string, string>();
    const request = { opcode: "rrq", filename: "a", mode: "octet", options } as const;
    expect(run.transfer.receive(request, 0)).toEqual([]);
    expect(run.transfer.receive({ opcode: "data", block: 1, data: bytes }, 0)).toEqual([]);
    expect(run.transfer.receive({ opcode: "oack", options }, 0)).toEqual([]);
    expect(sent(run.ack(1))).toEqual(["data 2"]);
  });
});
