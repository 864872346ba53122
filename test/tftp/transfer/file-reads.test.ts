import { describe, expect, it } from "vitest";
import { InternalError } from "../../../src/lib/errors.ts";
import { ReadTransfer } from "../../../src/tftp/transfer/read-transfer.ts";
import { bytes, complete, ending } from "../../support/read-transfer.ts";
import { ack, sent, termsFor } from "../../support/tftp.ts";

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
