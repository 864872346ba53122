import { concat } from "../../src/lib/bytes.ts";
import { ReadTransfer, type TransferEffect } from "../../src/tftp/transfer/read-transfer.ts";
import { randomBytes, randomNumbers } from "./random.ts";
import { ack, requestBytesFor, termsFor } from "./tftp.ts";

export const bytes = randomBytes(randomNumbers(1), 10_000);

/** A transfer of `file` whose reads are answered at once; every call gives all effects but `read`. */
export function transferOf(
  file: Uint8Array,
  options: Readonly<Record<string, string | number>> = {},
) {
  const transfer = new ReadTransfer(
    file.length,
    termsFor(file.length, options),
    requestBytesFor(options),
  );
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

export function dataOf(effects: readonly TransferEffect[]): Uint8Array {
  return concat(
    effects.map((effect) =>
      effect.kind === "send" && effect.packet.opcode === "data"
        ? effect.packet.data
        : new Uint8Array(),
    ),
  );
}

export function ending(effects: readonly TransferEffect[]): TransferEffect | undefined {
  return effects.find((effect) => effect.kind === "done" || effect.kind === "fail");
}

export const complete = { kind: "done", outcome: "complete" };
export const probe = { kind: "done", outcome: "probe" };
