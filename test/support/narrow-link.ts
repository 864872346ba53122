import type { TftpPacket } from "../../src/tftp/wire/packet.ts";
import { ReadTransfer, type TransferEffect } from "../../src/tftp/transfer/read-transfer.ts";
import { type Random, randomNumbers } from "./random.ts";
import { ack, requestBytesFor, termsFor } from "./tftp.ts";

/**
 * How a client takes a block that it did not expect: RFC 7440's acknowledges once what it has, EDK2 does so
 * for every such block, a `patient` one leaves it to the timers. So does barebox, which also keeps what comes
 * before its turn, and repeats its ACK after a second.
 */
export type NarrowClient = "rfc7440" | "edk2" | "patient" | "barebox";

/** A link that sends one packet after the other, with a queue in front, both ways with the same delay. */
export interface NarrowLink {
  readonly mbit: number;
  /** Packets that wait behind the one that is being sent; what comes when it is full is lost. */
  readonly queue: number;
  readonly delayMs: number;
  readonly client: NarrowClient;
  readonly blksize: number;
  readonly windowsize: number;
  readonly fileBytes: number;
  /** Lost by chance in each direction, whatever the queue. */
  readonly lossPercent?: number;
  readonly seed?: number;
}

export interface NarrowRun {
  readonly end: TransferEffect;
  readonly elapsedMs: number;
  readonly retransmissions: number;
  /** Packets that found the queue full. */
  readonly dropped: number;
  readonly blocks: number;
}

/** IPv4, UDP, TFTP and Ethernet around a block. */
const HEADER_BYTES = 46;
/** EDK2 repeats an ACK after 4 s, atftp and curl after 5 s. */
const CLIENT_WAITS_MS = 5000;
const BAREBOX_WAITS_MS = 1000;
/** Timers of the host ring at whole milliseconds. */
const TIMER_MS = 1;
const LIMIT_MS = 3_600_000;

/** How long the same transfer takes where nothing is lost and each window leaves at once. */
export function idealMs({ mbit, delayMs, blksize, windowsize, fileBytes }: NarrowLink): number {
  const blocks = Math.floor(fileBytes / blksize) + 1;
  const bytes = fileBytes + blocks * HEADER_BYTES;
  return (bytes * 8) / (mbit * 1000) + (Math.ceil(blocks / windowsize) + 1) * 2 * delayMs;
}

/** Plays a transfer to its end in virtual time. */
export function overNarrowLink(link: NarrowLink): NarrowRun {
  return new NarrowSimulation(link).run();
}

class NarrowSimulation {
  readonly #link: NarrowLink;
  readonly #file: Uint8Array;
  readonly #transfer: ReadTransfer;
  readonly #random: Random;
  readonly #lastBlock: number;
  readonly #events: { readonly atMs: number; readonly happen: () => void }[] = [];
  #now = 0;
  /** When each packet that is queued or being sent has left. */
  readonly #departures: number[] = [];
  #dropped = 0;
  #received = 0;
  #inWindow = 0;
  #complained = false;
  /** Blocks that came before their turn. */
  readonly #kept = new Set<number>();
  #clientWakesAt = Infinity;
  #end: TransferEffect | null = null;

  constructor(link: NarrowLink) {
    const { blksize, windowsize, fileBytes } = link;
    this.#link = link;
    this.#file = new Uint8Array(fileBytes);
    this.#random = randomNumbers(link.seed ?? 1);
    this.#lastBlock = Math.floor(fileBytes / blksize) + 1;
    this.#transfer = new ReadTransfer(
      fileBytes,
      termsFor(fileBytes, { blksize, windowsize }),
      requestBytesFor({ blksize, windowsize }),
    );
  }

  run(): NarrowRun {
    this.#perform(this.#transfer.start(0));
    while (this.#end === null && this.#now < LIMIT_MS) this.#step();
    return {
      end: this.#end ?? { kind: "fail", reason: "endless" },
      elapsedMs: this.#now,
      retransmissions: this.#transfer.retransmissions,
      dropped: this.#dropped,
      blocks: this.#lastBlock,
    };
  }

  #step(): void {
    const deadline = this.#transfer.deadline() ?? Infinity;
    const serverAt = Math.max(Math.ceil(deadline / TIMER_MS) * TIMER_MS, this.#now);
    const event = this.#events[0];
    if (event !== undefined && event.atMs <= Math.min(serverAt, this.#clientWakesAt)) {
      this.#events.shift();
      this.#now = event.atMs;
      event.happen();
    } else if (this.#clientWakesAt < serverAt) {
      this.#now = this.#clientWakesAt;
      this.#acknowledge();
    } else {
      this.#now = serverAt;
      this.#perform(this.#transfer.handleTimeout(serverAt));
    }
  }

  #perform(effects: readonly TransferEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#send(effect.packet);
      else if (effect.kind === "read") {
        const bytes = this.#file.subarray(effect.offset, effect.offset + effect.length);
        this.#perform(this.#transfer.blockRead(bytes, this.#now));
      } else this.#end = effect;
    }
  }

  #send(packet: TftpPacket): void {
    const { mbit, queue, delayMs } = this.#link;
    const departures = this.#departures;
    while ((departures[0] ?? Infinity) <= this.#now) departures.shift();
    if (departures.length > queue) {
      this.#dropped += 1;
      return;
    }
    const bytes = HEADER_BYTES + (packet.opcode === "data" ? packet.data.length : 0);
    const leaves = Math.max(departures.at(-1) ?? 0, this.#now) + (bytes * 8) / (mbit * 1000);
    departures.push(leaves);
    if (!this.#lostByChance()) this.#at(leaves + delayMs, () => this.#receive(packet));
  }

  #receive(packet: TftpPacket): void {
    if (packet.opcode === "oack" && this.#received === 0) this.#acknowledge();
    if (packet.opcode !== "data") return;
    if (packet.block !== ((this.#received + 1) & 0xffff)) return this.#unexpected(packet.block);
    this.#wait();
    do {
      this.#received += 1;
      this.#inWindow += 1;
    } while (this.#kept.delete(this.#received + 1));
    this.#complained = false;
    const { windowsize } = this.#link;
    if (this.#inWindow === windowsize || this.#received === this.#lastBlock) this.#acknowledge();
  }

  #unexpected(block: number): void {
    const { client, windowsize } = this.#link;
    if (client === "barebox") {
      const ahead = (block - this.#received) & 0xffff;
      if (ahead <= windowsize - this.#inWindow) this.#kept.add(this.#received + ahead);
      return;
    }
    this.#wait();
    if (client === "patient" || (client === "rfc7440" && this.#complained)) return;
    this.#complained = true;
    this.#acknowledge();
  }

  #wait(): void {
    const { client } = this.#link;
    this.#clientWakesAt = this.#now + (client === "barebox" ? BAREBOX_WAITS_MS : CLIENT_WAITS_MS);
  }

  #acknowledge(): void {
    this.#wait();
    this.#inWindow = 0;
    if (this.#lostByChance()) return;
    const packet = ack(this.#received & 0xffff);
    this.#at(this.#now + this.#link.delayMs, () =>
      this.#perform(this.#transfer.receive(packet, this.#now)),
    );
  }

  #lostByChance(): boolean {
    const { lossPercent = 0 } = this.#link;
    return lossPercent > 0 && this.#random(10_000) < lossPercent * 100;
  }

  #at(atMs: number, happen: () => void): void {
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.atMs ?? 0) > atMs) place -= 1;
    this.#events.splice(place, 0, { atMs, happen });
  }
}
