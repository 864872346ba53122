import { describe, expect, it } from "vitest";
import { ReadTransfer } from "../../../src/tftp/transfer/read-transfer.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { bytes, complete, dataOf, ending, probe, transferOf } from "../../support/read-transfer.ts";
import { ack, edk2Packets, sent, termsFor } from "../../support/tftp.ts";

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
