import { InternalError } from "../lib/errors.ts";
import { printable } from "../lib/bytes.ts";
import type { Negotiated } from "./negotiate.ts";
import { type AckPacket, ErrorCode, type ErrorPacket, type TftpPacket } from "./packet.ts";

/** What the host of a `ReadTransfer` has to do, in this order. */
export type TransferEffect =
  /** Send this packet to the client. */
  | { readonly kind: "send"; readonly packet: TftpPacket }
  /** Read these bytes of the file, then call `blockRead` or `readFailed`. One read at a time is asked for. */
  | { readonly kind: "read"; readonly offset: number; readonly length: number }
  /** The end: the client has the whole file, or it only wanted to know its size ("probe"). */
  | { readonly kind: "done"; readonly outcome: "complete" | "probe" }
  /** The end: the client does not have the file. `reason` is safe to log. */
  | { readonly kind: "fail"; readonly reason: string };

const nothing: readonly TransferEffect[] = [];

/** Until a round trip was measured. RFC 6298 2.1 starts at 1 s too. */
const INITIAL_TIMEOUT_MS = 1000;
/** Below this the pauses of an idle server or a busy firmware would look like loss. */
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 8000;
/** Firmware answers unevenly, so be this many round trips patient. */
const ROUND_TRIPS_PER_TIMEOUT = 4;
/** Weight of the newest round trip in the average, as in RFC 6298 2.3. */
const NEWEST_WEIGHT = 1 / 8;

/** A client that never acknowledged anything may be a forged address: repeat little. 1+2+4+8+8+8 s. */
const MAX_RETRIES_UNPROVEN = 5;
/** On a link that was fast: 0.1+0.2+…+6.4+8 s, longer than EDK2 and iPXE wait before they repeat an ACK. */
const MAX_RETRIES = 7;

/** Bounds the retries where the client chose the interval; two are made in any case. */
const MAX_SILENCE_SECONDS = 60;

/** Lock-step reads of a file on disk are bundled to this many bytes. */
const READ_AHEAD_BYTES = 65_536;
const READ_TIMEOUT_MS = 10_000;

/**
 * The sending side of one TFTP read (RFC 1350, 2347, 2348, 2349, 7440) without a socket, a file or a
 * clock: every method takes the time and returns what is to be done. Between calls the host waits
 * for a packet of the client, for the end of a read, or until `deadline()`, whatever comes first.
 *
 * It is go-back-N: up to `windowsize` blocks are sent, then an acknowledgement is awaited. Block
 * numbers are 16 bits on the wire and wrap to 0; inside they count on.
 */
export class ReadTransfer {
  readonly #size: number;
  readonly #terms: Negotiated;
  readonly #lastBlock: number;

  /** Highest block that the client has, and all before it. The OACK counts as block 0. */
  #acked: number;
  /** Highest block that was sent since then; more than `#acked` while an answer is awaited. */
  #sent: number;
  /** Highest block that was ever sent. */
  #highest = -1;
  #answered = false;
  #over = false;

  /** Part of the file that was read last, from `#chunkAt`. */
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkAt = 0;
  #readLength: number | null = null;

  #deadline: number | null = null;
  #timeoutMs: number;
  #roundTripMs: number | null = null;
  /** When the present window left, if it left only once: what is sent twice measures nothing (Karn). */
  #measuredFrom: number | null = null;
  #retries = 0;
  #retransmissions = 0;

  /** For a file of `size` bytes, sent as `negotiate` arranged it. */
  constructor(size: number, terms: Negotiated) {
    this.#size = size;
    this.#terms = terms;
    // RFC 1350 6: a block shorter than the others ends the transfer, if need be an empty one.
    this.#lastBlock = Math.floor(size / terms.blksize) + 1;
    this.#acked = terms.oack === null ? 0 : -1;
    this.#sent = this.#acked;
    this.#timeoutMs =
      terms.timeoutSeconds === null ? INITIAL_TIMEOUT_MS : terms.timeoutSeconds * 1000;
  }

  /** When `handleTimeout` is due, on the scale of `now`; null once the transfer is over. */
  deadline(): number | null {
    return this.#deadline;
  }

  /** The client acknowledged something: it is really fetching, and its address is not forged. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Bytes of the file that were sent, each counted once. */
  get bytesSent(): number {
    return Math.min(Math.max(0, this.#highest) * this.#terms.blksize, this.#size);
  }

  /** Packets that were sent again. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /** Sends the OACK, or the first window when there is nothing to acknowledge. Call it once. */
  start(now: number): readonly TransferEffect[] {
    return this.#sendWindow(now);
  }

  /** A packet came from the client's address and port. */
  receive(packet: TftpPacket, now: number): readonly TransferEffect[] {
    if (this.#over) return nothing;
    if (packet.opcode === "ack") return this.#receiveAck(packet, now);
    if (packet.opcode === "error") return this.#receiveError(packet);
    // A reader sends nothing else; a late copy of its request is nothing to end a transfer for.
    return nothing;
  }

  /** The bytes that the last `read` effect asked for. */
  blockRead(bytes: Uint8Array, now: number): readonly TransferEffect[] {
    if (this.#over) return nothing;
    if (this.#readLength === null) throw new InternalError("no read was asked for");
    if (bytes.length < this.#readLength) {
      return this.#abort("the file became shorter while it was sent");
    }
    this.#readLength = null;
    this.#chunk = bytes;
    return this.#sendWindow(now);
  }

  /** The last `read` effect could not be done. `reason` goes to the log, not to the client. */
  readFailed(reason: string): readonly TransferEffect[] {
    return this.#over ? nothing : this.#abort(reason, "the file cannot be read");
  }

  /** Call it at `deadline()`; too early does no harm. */
  handleTimeout(now: number): readonly TransferEffect[] {
    if (this.#deadline === null || now < this.#deadline) return nothing;
    if (this.#readLength !== null) return this.#abort("the file could not be read in time");
    if (this.#retries >= this.#maxRetries()) {
      return this.#abort("the client stopped answering");
    }
    this.#retries += 1;
    // RFC 2349: an interval that the client chose is kept as it is.
    if (this.#terms.timeoutSeconds === null) {
      this.#timeoutMs = Math.min(this.#timeoutMs * 2, MAX_TIMEOUT_MS);
    }
    return this.#sendWindow(now);
  }

  #maxRetries(): number {
    const most = this.#answered ? MAX_RETRIES : MAX_RETRIES_UNPROVEN;
    const { timeoutSeconds } = this.#terms;
    // An interval of minutes must not keep a transfer alive for half an hour.
    if (timeoutSeconds === null) return most;
    return Math.max(2, Math.min(most, Math.floor(MAX_SILENCE_SECONDS / timeoutSeconds)));
  }

  #receiveAck(packet: AckPacket, now: number): readonly TransferEffect[] {
    const advance = (packet.block - this.#acked) & 0xffff;
    // Only a block of the present window moves us. A repeated ACK does not: answering it with DATA
    // doubles the traffic for the rest of the file (Sorcerer's Apprentice, RFC 1123 4.2.3.1). What
    // it may ask for, the timer sends.
    if (advance === 0 || advance > this.#sent - this.#acked) return nothing;
    this.#acked += advance;
    this.#answered = true;
    this.#retries = 0;
    this.#measureRoundTrip(now);
    if (this.#acked === this.#lastBlock) return this.#end({ kind: "done", outcome: "complete" });
    if (this.#readLength !== null) return nothing;
    // RFC 7440 4: an ACK inside the window tells of a gap behind that block; go on from there.
    return this.#sendWindow(now);
  }

  #receiveError(packet: ErrorPacket): readonly TransferEffect[] {
    // UEFI firmware asks for the size first and aborts with ERROR 8 as soon as it has it; BIOS ROMs
    // do the same with ERROR 0.
    const probed = this.#terms.sizeAsked || packet.code === ErrorCode.OPTION_NEGOTIATION;
    if (this.#acked < 1 && probed) return this.#end({ kind: "done", outcome: "probe" });
    const reason = `the client aborted: ERROR ${packet.code} ${printable(packet.message)}`;
    return this.#end({ kind: "fail", reason });
  }

  /** Sends everything from behind `#acked` to the end of the window, reading it first if need be. */
  #sendWindow(now: number): readonly TransferEffect[] {
    if (this.#acked < 0) return this.#sendOack(now);
    const { blksize, windowsize } = this.#terms;
    const last = Math.min(this.#acked + windowsize, this.#lastBlock);
    const from = this.#acked * blksize;
    const to = Math.min(last * blksize, this.#size);
    if (from < this.#chunkAt || to > this.#chunkAt + this.#chunk.length) {
      return this.#read(from, to - from, now);
    }
    const effects: TransferEffect[] = [];
    const firstTime = this.#acked >= this.#highest;
    for (let block = this.#acked + 1; block <= last; block++) {
      const start = (block - 1) * blksize - this.#chunkAt;
      const end = Math.min(start + blksize, this.#size - this.#chunkAt);
      const data = this.#chunk.subarray(start, end);
      effects.push(this.#send({ opcode: "data", block: block & 0xffff, data }, block));
    }
    this.#sent = last;
    this.#await(now, firstTime);
    return effects;
  }

  #sendOack(now: number): readonly TransferEffect[] {
    const firstTime = this.#highest < 0;
    const options = this.#terms.oack ?? new Map<string, string>();
    const effect = this.#send({ opcode: "oack", options }, 0);
    this.#sent = 0;
    this.#await(now, firstTime);
    return [effect];
  }

  #send(packet: TftpPacket, block: number): TransferEffect {
    if (block <= this.#highest) this.#retransmissions += 1;
    else this.#highest = block;
    return { kind: "send", packet };
  }

  #await(now: number, firstTime: boolean): void {
    this.#measuredFrom = firstTime ? now : null;
    this.#deadline = now + this.#timeoutMs;
  }

  #read(offset: number, atLeast: number, now: number): readonly TransferEffect[] {
    const length = Math.min(Math.max(atLeast, READ_AHEAD_BYTES), this.#size - offset);
    this.#chunk = new Uint8Array(0);
    this.#chunkAt = offset;
    this.#readLength = length;
    this.#deadline = now + READ_TIMEOUT_MS;
    return [{ kind: "read", offset, length }];
  }

  #measureRoundTrip(now: number): void {
    // After a loss nothing is measured, and the longer timeout stays until something is (RFC 6298 5.7).
    if (this.#measuredFrom === null || this.#terms.timeoutSeconds !== null) return;
    const measured = now - this.#measuredFrom;
    this.#measuredFrom = null;
    const former = this.#roundTripMs ?? measured;
    this.#roundTripMs = former + (measured - former) * NEWEST_WEIGHT;
    const timeoutMs = this.#roundTripMs * ROUND_TRIPS_PER_TIMEOUT;
    this.#timeoutMs = Math.min(Math.max(timeoutMs, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  }

  /** Gives up and tells the client, who may still be there. */
  #abort(reason: string, message = reason): readonly TransferEffect[] {
    const packet: ErrorPacket = { opcode: "error", code: ErrorCode.NOT_DEFINED, message };
    return [{ kind: "send", packet }, ...this.#end({ kind: "fail", reason })];
  }

  #end(effect: TransferEffect): readonly TransferEffect[] {
    this.#over = true;
    this.#deadline = null;
    this.#chunk = new Uint8Array(0);
    return [effect];
  }
}
