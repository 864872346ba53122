import { traceIn, withoutTraceparent } from "../../../src/boot/trace-context.ts";
import { reportedError } from "../../../src/boot/script/failure-report.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { DecodeError } from "../../../src/lib/errors.ts";
import { ReadTransfer, type TransferEffect } from "../../../src/tftp/transfer/read-transfer.ts";
import { negotiate } from "../../../src/tftp/wire/option-negotiation.ts";
import { decodePacket, encodePacket } from "../../../src/tftp/wire/packet.ts";
import { checkRequest } from "../../../src/tftp/wire/request-check.ts";
import { optionsOf } from "../../support/tftp.ts";
import { mayThrow, must, ofDatagrams, type Target } from "../target.ts";

const limits = { maxBlockSize: 1468, maxWindowSize: 64 };
const options = { tsize: 0, blksize: 1468, windowsize: 16, timeout: 3 };

function requests(): readonly Uint8Array[] {
  const asked = [
    "ipxe.efi",
    "/52:54:00:00:00:0a/ipxe.efi",
    "..\\boot\\undionly.kpxe",
    "eim-errno-040ee119",
  ];
  return [
    ...asked.map((filename) =>
      encodePacket({ opcode: "rrq", filename, mode: "octet", options: optionsOf(options) }),
    ),
    encodePacket({ opcode: "ack", block: 1 }),
    encodePacket({ opcode: "error", code: 8, message: "User aborted the transfer" }),
    encodePacket({ opcode: "oack", options: optionsOf({ blksize: 512 }) }),
    encodePacket({ opcode: "data", block: 1, data: fromText("data") }),
  ];
}

const packets: Target = {
  name: "tftp-packets",
  what: "a datagram becomes a packet, a file's name and the terms of a transfer",
  seeds: requests,
  words: ["octet\0", "netascii\0", "blksize\0", "windowsize\0", "tsize\0", "65464\0", "\0"],
  mostBytes: 600,
  ...ofDatagrams,
  open: () => ({
    run: (bytes) =>
      mayThrow([DecodeError], () => {
        const packet = decodePacket(bytes);
        encodePacket(packet);
        if (packet.opcode !== "rrq" && packet.opcode !== "wrq") return;
        checkRequest(packet);
        reportedError(packet.filename);
        traceIn(packet.filename);
        withoutTraceparent(packet.filename);
        const { blksize, windowsize } = negotiate(packet.options, limits, 100_000);
        must(blksize >= 8 && blksize <= 1468, "a block has 8 bytes at least, and fits");
        must(windowsize >= 1 && windowsize <= 64, "a window is within the limits");
      }),
  }),
};

/** After so many steps nothing new happens. */
const MOST_STEPS = 400;

/**
 * A transfer to a client that may say anything at any time. The input is a schedule of steps of three bytes: what
 * happens, and a number for it.
 */
const transfers: Target = {
  name: "tftp-transfers",
  what: "one transfer, to a client that acknowledges, repeats, lies, aborts or is silent",
  seeds: () => [
    Uint8Array.of(0, 3, 1, ...Array.from({ length: 12 }, (_, n) => [1, 0, n + 1]).flat()),
    Uint8Array.of(1, 9, 1, 1, 0, 0, 1, 0, 1, 2, 0, 9, 1, 0, 2, 3, 0, 1),
    Uint8Array.of(2, 0, 4, 2, 1, 0, 2, 2, 0, 2, 4, 0, 4, 0, 8),
  ],
  mostBytes: 3 * MOST_STEPS,
  open: () => ({ run: play }),
};

function play(bytes: Uint8Array): void {
  const [terms = 0, blocks = 0, window = 0] = bytes;
  const asked = {
    blksize: 8 + terms,
    windowsize: 1 + (window % 64),
    ...(terms % 2 === 0 ? {} : { tsize: 0 }),
  };
  const size = blocks * 37;
  const negotiated = negotiate(optionsOf(terms === 0 ? {} : asked), limits, size);
  const transfer = new ReadTransfer(size, negotiated, 60);
  let now = 1000;
  let isOver = false;
  let sent = 0;
  let reads: TransferEffect[] = [];
  const perform = (effects: readonly TransferEffect[]): void => {
    for (const effect of effects) {
      must(!isOver, "nothing is done after the end");
      if (effect.kind === "send") {
        const datagram = encodePacket(effect.packet);
        must(datagram.length <= 4 + Math.max(512, negotiated.blksize) + 60, "a block fits");
        if (!transfer.answered) sent += datagram.length;
      } else if (effect.kind === "read") {
        must(
          effect.offset >= 0 && effect.offset + effect.length <= size,
          "it reads inside the file",
        );
        reads.push(effect);
      } else isOver = true;
    }
  };
  perform(transfer.start(now));
  for (let at = 3, steps = 0; at + 2 < bytes.length && steps < MOST_STEPS; at += 3, steps += 1) {
    if (isOver) break;
    const [what = 0, high = 0, low = 0] = bytes.subarray(at, at + 3);
    const number = high * 256 + low;
    // A file that answers at once, or late.
    const [read] = reads;
    if (read?.kind === "read" && what % 2 === 1) {
      reads = [];
      perform(transfer.blockRead(new Uint8Array(read.length), now));
      if (isOver) break;
    }
    now += what >> 4;
    switch (what % 8) {
      case 0:
      case 1:
        perform(transfer.receive({ opcode: "ack", block: number }, now));
        break;
      case 2:
        now = Math.max(now, transfer.deadline() ?? now);
        perform(transfer.handleTimeout(now));
        break;
      case 3:
        perform(transfer.receive({ opcode: "error", code: low, message: "x".repeat(high) }, now));
        break;
      case 4:
        now += number;
        break;
      case 5:
        perform(
          transfer.receive({ opcode: "data", block: number, data: new Uint8Array(low) }, now),
        );
        break;
      case 6:
        perform(transfer.receive({ opcode: "oack", options: optionsOf({}) }, now));
        break;
      default:
        if (read?.kind === "read") {
          reads = [];
          perform(transfer.readFailed("the disk is gone"));
        }
    }
  }
  must(isOver || transfer.deadline() !== null || reads.length > 0, "it waits for something");
  must(
    sent <= 3 * 60 + 4 + Math.max(512, negotiated.blksize) * negotiated.windowsize + 600,
    "a client that never answers gets little",
  );
}

export const tftpTargets: readonly Target[] = [packets, transfers];
