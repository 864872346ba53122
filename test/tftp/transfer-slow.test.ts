import { describe, expect, it } from "vitest";
import type { TftpPacket } from "../../src/tftp/packet.ts";
import { ReadTransfer, type TransferEffect } from "../../src/tftp/transfer.ts";
import { ack, termsFor } from "../support/tftp.ts";

/* A link that sends one packet after the other, with a queue in front that loses nothing. */

const blksize = 1468;
const file = new Uint8Array(1_000_000);
const lastBlock = Math.floor(file.length / blksize) + 1;
const HEADER_BYTES = 46;
const ACK_MS = 0.2;

interface Link {
  readonly mbit: number;
  readonly windowsize: number;
}

/** The receiver is EDK2's: it acknowledges each window, and for every copy again what it has. */
class SlowLink {
  readonly #mbit: number;
  readonly #windowsize: number;
  readonly #transfer: ReadTransfer;
  readonly #events: { readonly atMs: number; readonly happen: () => void }[] = [];
  #now = 0;
  #linkFreeAt = 0;
  #received = 0;
  #inWindow = 0;
  #end: TransferEffect | null = null;

  constructor({ mbit, windowsize }: Link) {
    this.#mbit = mbit;
    this.#windowsize = windowsize;
    this.#transfer = new ReadTransfer(file.length, termsFor(file.length, { blksize, windowsize }));
  }

  run() {
    this.#perform(this.#transfer.start(0));
    while (this.#end === null) {
      const at = this.#transfer.deadline() ?? Infinity;
      const event = this.#events[0];
      if (event !== undefined && event.atMs <= at) {
        this.#events.shift();
        this.#now = event.atMs;
        event.happen();
      } else {
        this.#now = at;
        this.#perform(this.#transfer.handleTimeout(at));
      }
    }
    const end = this.#end;
    return { end, elapsedMs: this.#now, retransmissions: this.#transfer.retransmissions };
  }

  #perform(effects: readonly TransferEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#send(effect.packet);
      else if (effect.kind === "read") {
        const bytes = file.subarray(effect.offset, effect.offset + effect.length);
        this.#perform(this.#transfer.blockRead(bytes, this.#now));
      } else this.#end = effect;
    }
  }

  #send(packet: TftpPacket): void {
    const bytes = HEADER_BYTES + (packet.opcode === "data" ? packet.data.length : 0);
    this.#linkFreeAt = Math.max(this.#linkFreeAt, this.#now) + (bytes * 8) / (this.#mbit * 1000);
    this.#later(this.#linkFreeAt, () => this.#receive(packet));
  }

  #receive(packet: TftpPacket): void {
    if (packet.opcode === "oack") this.#acknowledge();
    if (packet.opcode !== "data") return;
    if (packet.block !== this.#received + 1) return this.#acknowledge();
    this.#received += 1;
    this.#inWindow += 1;
    const due = this.#inWindow === this.#windowsize || this.#received === lastBlock;
    if (due) this.#acknowledge();
  }

  #acknowledge(): void {
    this.#inWindow = 0;
    const packet = ack(this.#received);
    this.#later(this.#now + ACK_MS, () => this.#perform(this.#transfer.receive(packet, this.#now)));
  }

  #later(atMs: number, happen: () => void): void {
    this.#events.push({ atMs, happen });
    this.#events.sort((a, b) => a.atMs - b.atMs);
  }
}

describe("over a link on which a window takes longer than the first round trips", () => {
  it.each<Link & { readonly copies: number }>([
    { mbit: 10, windowsize: 64, copies: 0.3 },
    { mbit: 5, windowsize: 64, copies: 0.4 },
    { mbit: 2, windowsize: 16, copies: 0.1 },
    { mbit: 2, windowsize: 64, copies: 0.7 },
    { mbit: 0.25, windowsize: 4, copies: 0.1 },
    { mbit: 100, windowsize: 64, copies: 0 },
  ])(
    "delivers at $mbit Mbit/s with windowsize $windowsize and soon stops to send twice",
    ({ copies, ...link }) => {
      const { end, elapsedMs, retransmissions } = new SlowLink(link).run();
      expect(end).toEqual({ kind: "done", outcome: "complete" });
      expect(retransmissions).toBeLessThanOrEqual(lastBlock * copies);
      const onceMs = (lastBlock * (blksize + HEADER_BYTES) * 8) / (link.mbit * 1000);
      expect(elapsedMs).toBeLessThan(onceMs * (1.1 + copies));
    },
  );

  it.each<Link>([
    { mbit: 1, windowsize: 64 },
    { mbit: 0.5, windowsize: 64 },
  ])(
    "delivers even at $mbit Mbit/s with windowsize $windowsize, where each takes a second",
    (link) => {
      const { end, retransmissions } = new SlowLink(link).run();
      expect(end).toEqual({ kind: "done", outcome: "complete" });
      expect(retransmissions).toBeLessThan(lastBlock * 3);
    },
  );
});
