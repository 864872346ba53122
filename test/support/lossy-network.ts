import * as fc from "fast-check";
import { concat } from "../../src/lib/bytes.ts";
import { negotiate, type Negotiated } from "../../src/tftp/wire/option-negotiation.ts";
import {
  decodePacket,
  encodePacket,
  type RequestPacket,
  type TftpPacket,
} from "../../src/tftp/wire/packet.ts";
import { ReadTransfer, type TransferEffect } from "../../src/tftp/transfer/read-transfer.ts";

/** What happens to one datagram: how many copies arrive (0: it is lost), and how late each one is. */
export interface Fate {
  readonly copies: number;
  readonly delayMs: number;
}

/** Late enough to overtake others, to come after our retransmission, or after the client's. */
const delays = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 21, max: 3000 }) },
);

export const anyFates: fc.Arbitrary<readonly Fate[]> = fc.array(
  fc.record({
    copies: fc.oneof(
      { weight: 6, arbitrary: fc.constant(1) },
      { weight: 2, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 2, max: 3 }) },
    ),
    delayMs: delays,
  }),
  { maxLength: 120 },
);

/**
 * How a client takes a block that it did not expect: `patient` ones stay silent and leave it to the
 * timers, `repeating` ones acknowledge again what they have, once (RFC 7440 4), `edk2` does so for every
 * such block, and `lock-step` ones acknowledge the copy by its own number, as RFC 1350 describes.
 */
export type Temper = "patient" | "repeating" | "edk2" | "lock-step";

export interface Scenario {
  readonly file: Uint8Array;
  readonly blksize: number;
  readonly windowsize: number;
  /** Without options there is no OACK, and blocks have 512 bytes. */
  readonly plain?: boolean;
  readonly temper: Temper;
  readonly fates: readonly Fate[];
  /** Begin again with the first fate after the last; otherwise the network is perfect from there on. */
  readonly repeatFates?: boolean;
  /** Reads of the file take this long. */
  readonly readMs?: number;
}

export interface Outcome {
  /** How the server saw it end; null: not at all within the time that was simulated. */
  readonly server: "complete" | "probe" | "failed" | null;
  /** What the client has when it thinks that it has the whole file. */
  readonly received: Uint8Array | null;
  readonly dataSent: number;
  readonly retransmissions: number;
  readonly elapsedMs: number;
}

const LATENCY_MS = 1;
const LIMIT_MS = 600_000;
const CLIENT_TIMEOUT_MS = 1000;
const CLIENT_RETRIES = 6;

interface Event {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Joins a `ReadTransfer` and a client by a bad network, in virtual time, until both are silent. */
export function simulate(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #terms: Negotiated;
  readonly #request: RequestPacket;
  #transfer: ReadTransfer;
  readonly #client: ReadingClient;
  readonly #events: Event[] = [];
  #now = 0;
  #datagrams = 0;
  #dataSent = 0;
  #server: Outcome["server"] = null;

  constructor(scenario: Scenario) {
    const { file, blksize, windowsize, plain = false, temper } = scenario;
    const options = plain
      ? new Map<string, string>()
      : new Map([
          ["blksize", String(blksize)],
          ["windowsize", String(windowsize)],
        ]);
    const limits = { maxBlockSize: 65464, maxWindowSize: 65535 };
    const terms = negotiate(options, limits, file.length);
    this.#scenario = scenario;
    this.#terms = terms;
    this.#request = { opcode: "rrq", filename: "ipxe.efi", mode: "octet", options };
    this.#transfer = this.#newTransfer();
    const send = (packet: TftpPacket): void =>
      this.#transmit(packet, (arrived) =>
        this.#perform(this.#transfer.receive(arrived, this.#now)),
      );
    const request = (): void => this.#transmit(this.#request, () => this.#requestArrived());
    this.#client = new ReadingClient(terms.blksize, terms.windowsize, temper, send, request);
  }

  #newTransfer(): ReadTransfer {
    const requestBytes = encodePacket(this.#request).length;
    return new ReadTransfer(this.#scenario.file.length, this.#terms, requestBytes);
  }

  /** A repeated request starts over unless the transfer runs (as `Session` does). */
  #requestArrived(): void {
    if (this.#transfer.answered) return;
    this.#transfer = this.#newTransfer();
    this.#perform(this.#transfer.start(this.#now));
  }

  run(): Outcome {
    this.#perform(this.#transfer.start(this.#now));
    while (this.#now < LIMIT_MS) {
      const event = this.#takeNext();
      if (event === null) break;
      this.#now = Math.max(this.#now, event.atMs);
      event.happen();
    }
    return {
      server: this.#server,
      received: this.#client.received,
      dataSent: this.#dataSent,
      retransmissions: this.#transfer.retransmissions,
      elapsedMs: this.#now,
    };
  }

  #takeNext(): Event | null {
    const serverAt = this.#transfer.deadline() ?? Infinity;
    const clientAt = this.#client.deadline ?? Infinity;
    const eventAt = this.#events[0]?.atMs ?? Infinity;
    const atMs = Math.min(serverAt, clientAt, eventAt);
    if (atMs === Infinity) return null;
    if (atMs === eventAt) return this.#events.shift() ?? null;
    if (atMs === clientAt) return { atMs, happen: () => this.#client.timeout(this.#now) };
    return { atMs, happen: () => this.#perform(this.#transfer.handleTimeout(this.#now)) };
  }

  #later(afterMs: number, happen: () => void): void {
    const atMs = this.#now + afterMs;
    // Most are the latest so far; equal times keep their order.
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.atMs ?? 0) > atMs) place -= 1;
    this.#events.splice(place, 0, { atMs, happen });
  }

  #perform(effects: readonly TransferEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          if (effect.packet.opcode === "data") this.#dataSent += 1;
          this.#transmit(effect.packet, (arrived) => this.#client.receive(arrived, this.#now));
          break;
        case "read":
          this.#read(effect.offset, effect.length);
          break;
        case "done":
          this.#server = effect.outcome;
          break;
        case "fail":
          this.#server = "failed";
          break;
      }
    }
  }

  #read(offset: number, length: number): void {
    const bytes = this.#scenario.file.subarray(offset, offset + length);
    const { readMs } = this.#scenario;
    const transfer = this.#transfer;
    const answer = (): void => this.#perform(transfer.blockRead(bytes, this.#now));
    if (readMs === undefined) answer();
    else this.#later(readMs, answer);
  }

  #transmit(packet: TftpPacket, arrive: (packet: TftpPacket) => void): void {
    const { fates, repeatFates = false } = this.#scenario;
    const index = repeatFates ? this.#datagrams % fates.length : this.#datagrams;
    const { copies, delayMs } = fates[index] ?? { copies: 1, delayMs: 0 };
    this.#datagrams += 1;
    const bytes = encodePacket(packet);
    for (let copy = 0; copy < copies; copy++) {
      // Only the first copy is late, so that copies also overtake.
      const lateMs = copy === 0 ? delayMs : 0;
      this.#later(LATENCY_MS + lateMs, () => arrive(decodePacket(bytes)));
    }
  }
}

/** A client that reads one file, strict about order, and keeps what it received. */
class ReadingClient {
  readonly #blksize: number;
  readonly #windowsize: number;
  readonly #temper: Temper;
  readonly #send: (packet: TftpPacket) => void;
  readonly #request: () => void;
  #heard = false;
  readonly #parts: Uint8Array[] = [];
  #block = 0;
  #inWindow = 0;
  #complained = false;
  #finished = false;
  #gaveUp = false;
  #retries = 0;
  deadline: number | null = CLIENT_TIMEOUT_MS;

  constructor(
    blksize: number,
    windowsize: number,
    temper: Temper,
    send: (packet: TftpPacket) => void,
    request: () => void,
  ) {
    this.#blksize = blksize;
    this.#windowsize = windowsize;
    this.#temper = temper;
    this.#send = send;
    this.#request = request;
  }

  get received(): Uint8Array | null {
    return this.#finished ? concat(this.#parts) : null;
  }

  receive(packet: TftpPacket, now: number): void {
    if (this.#gaveUp) return;
    this.#heard = true;
    if (packet.opcode === "error") this.#giveUp();
    else if (packet.opcode === "oack") this.#receiveOack(now);
    else if (packet.opcode === "data") this.#receiveData(packet.block, packet.data, now);
  }

  timeout(now: number): void {
    this.#retries += 1;
    if (this.#finished || this.#retries > CLIENT_RETRIES) {
      this.#giveUp();
      return;
    }
    if (!this.#heard) this.#request();
    else if (this.#parts.length > 0) this.#acknowledge(this.#block);
    this.deadline = now + CLIENT_TIMEOUT_MS;
  }

  #receiveOack(now: number): void {
    if (this.#parts.length > 0) return;
    this.#acknowledge(0);
    this.deadline = now + CLIENT_TIMEOUT_MS;
  }

  #receiveData(block: number, data: Uint8Array, now: number): void {
    if (block !== ((this.#block + 1) & 0xffff)) {
      this.#unexpected(block);
      return;
    }
    if (this.#finished) return;
    this.#block = block;
    this.#parts.push(data);
    this.#inWindow += 1;
    this.#complained = false;
    this.#retries = 0;
    this.#finished = data.length < this.#blksize;
    if (this.#finished || this.#inWindow === this.#windowsize) this.#acknowledge(block);
    // A client that has everything stays a while, in case its last ACK was lost (RFC 1350 6).
    this.deadline = now + (this.#finished ? CLIENT_TIMEOUT_MS * 5 : CLIENT_TIMEOUT_MS);
  }

  #unexpected(block: number): void {
    switch (this.#temper) {
      case "patient":
        if (this.#finished) this.#acknowledge(this.#block);
        break;
      case "repeating":
        if (!this.#complained || this.#finished) this.#acknowledge(this.#block);
        this.#complained = true;
        break;
      case "edk2":
        this.#acknowledge(this.#block);
        break;
      case "lock-step":
        this.#acknowledge(block);
        break;
    }
  }

  #acknowledge(block: number): void {
    this.#inWindow = 0;
    this.#send({ opcode: "ack", block });
  }

  #giveUp(): void {
    this.#gaveUp = !this.#finished;
    this.deadline = null;
  }
}
