import { InternalError } from "../../lib/errors.ts";
import { AmplificationLimit } from "./amplification-limit.ts";
import { printable } from "../../lib/bytes.ts";
import { ReadAhead } from "./read-ahead.ts";
import { CongestionWindow } from "./congestion-window.ts";
import type { Negotiated } from "../wire/option-negotiation.ts";
import { type AckPacket, ErrorCode, errorPacket, type ErrorPacket } from "../wire/packet.ts";
import type { TftpPacket } from "../wire/packet.ts";
import { GiveUpPolicy } from "./give-up.ts";
import { RetransmissionTimeout } from "./retransmission-timeout.ts";
import type { TransferEffect } from "./transfer-effect.ts";

export type { TransferEffect } from "./transfer-effect.ts";

const nothing: readonly TransferEffect[] = [];

/** A client that sends nothing for this long and then repeats an ACK is waiting for us. */
const QUIET_MS = 2000;

const READ_TIMEOUT_MS = 10_000;

/**
 * The sending side of one TFTP read (RFC 1350, 2347, 2348, 2349, 7440) without a socket, a file or a
 * clock: every method takes the time and returns what is to be done. Between calls the host waits
 * for a packet of the client, for the end of a read, or until `deadline()`, whatever comes first.
 *
 * It is go-back-N: up to `windowsize` blocks are sent, then an acknowledgement is awaited; what a gap
 * or a silence shows to be lost is sent again from the first missing block. What leaves at once is a
 * flight: the whole window, or a part of it (`CongestionWindow`). Block numbers are 16 bits on the wire and
 * wrap to 0; inside they count on.
 */
export class ReadTransfer {
  readonly #size: number;
  readonly #terms: Negotiated;
  readonly #lastBlock: number;

  /** Highest block that the client has together with all before it. The OACK counts as block 0. */
  #acked: number;
  /** Highest block that was ever sent. */
  #sent: number;
  /** The next block to send: behind the last flight, or further back after a loss. */
  #next = 1;
  /** Blocks up to this one were under way when we last went back, so they may arrive twice. */
  #resentUpTo = -1;
  readonly #window: CongestionWindow;
  /** Nothing is sent before the deadline (`#waitForQueue`). */
  #holding = false;
  #over = false;

  readonly #readAhead: ReadAhead;

  #deadline: number | null = null;
  readonly #timeout: RetransmissionTimeout;
  /** When the last flight left. */
  #sentAt = 0;
  readonly #giveUp = new GiveUpPolicy();
  readonly #amplification: AmplificationLimit;
  #retransmissions = 0;

  /**
   * For a file of `size` bytes, sent as `negotiate` arranged it.
   *
   * @param requestBytes the size of the datagram with the request; by default nothing is repeated to a client
   *   that never answered
   * @param leastTimeoutMs for how long an answer is waited for at least, as things are now
   */
  constructor(size: number, terms: Negotiated, requestBytes = 0, leastTimeoutMs?: () => number) {
    this.#amplification = new AmplificationLimit(requestBytes);
    this.#size = size;
    this.#terms = terms;
    // RFC 1350 6: a block shorter than the others ends the transfer, if need be an empty one.
    this.#lastBlock = Math.floor(size / terms.blksize) + 1;
    this.#acked = terms.oack === null ? 0 : -1;
    this.#sent = this.#acked;
    this.#timeout = new RetransmissionTimeout(terms.timeoutSeconds, leastTimeoutMs);
    this.#window = new CongestionWindow(terms.windowsize);
    this.#readAhead = new ReadAhead(size);
  }

  /** When `handleTimeout` is due, on the scale of `now`; null once the transfer is over. */
  deadline(): number | null {
    return this.#deadline;
  }

  /** The client acknowledged something: it really downloads, and its address is not forged. */
  get answered(): boolean {
    return this.#giveUp.answered;
  }

  /** When the client acknowledged anything, old or new. */
  get heardAt(): number {
    return this.#giveUp.heardAt;
  }

  /** Bytes of the file that were sent, each counted once. */
  get bytesSent(): number {
    return Math.min(Math.max(0, this.#sent) * this.#terms.blksize, this.#size);
  }

  /** Every block was sent at least once: the client may lack the last ones, or only their ACK was lost. */
  get allSent(): boolean {
    return this.#sent === this.#lastBlock;
  }

  /** Packets that were sent again. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /** Sends the OACK, or the first window when there is nothing to acknowledge. Call it once. */
  start(now: number): readonly TransferEffect[] {
    return this.#sendOn(now);
  }

  /** A packet came from the client's address and port. */
  receive(packet: TftpPacket, now: number): readonly TransferEffect[] {
    if (this.#over) return nothing;
    if (packet.opcode === "ack") return this.#receiveAck(packet, now);
    if (packet.opcode === "error") return this.#receiveError(packet);
    // A reader sends nothing else; a late copy of its request must not end the transfer.
    return nothing;
  }

  /** The bytes that the last `read` effect asked for. */
  blockRead(bytes: Uint8Array, now: number): readonly TransferEffect[] {
    if (this.#over) return nothing;
    if (!this.#readAhead.reading) throw new InternalError("no read was asked for");
    if (!this.#readAhead.take(bytes))
      return this.#abort("the file became shorter while it was sent");
    return this.#sendOn(now);
  }

  /** The last `read` effect could not be done. `reason` goes to the log, not to the client. */
  readFailed(reason: string): readonly TransferEffect[] {
    return this.#over ? nothing : this.#abort(reason, "the file cannot be read");
  }

  /** Call it at `deadline()`; too early does no harm. */
  handleTimeout(now: number): readonly TransferEffect[] {
    if (this.#deadline === null || now < this.#deadline) return nothing;
    if (this.#readAhead.reading) return this.#abort("the file could not be read in time");
    const hopeless = this.#giveUp.reason(now);
    if (hopeless !== null) return this.#abort(hopeless);
    if (this.#holding) return this.#sendOn(now);
    this.#giveUp.retried();
    this.#timeout.backOff();
    if (!this.#mayRepeat()) {
      this.#deadline = now + this.#timeout.ms;
      return nothing;
    }
    this.#window.randomLoss();
    this.#goBack();
    return this.#sendOn(now);
  }

  #mayRepeat(): boolean {
    return this.#giveUp.answered || this.#amplification.allowsRepeat;
  }

  #receiveAck(packet: AckPacket, now: number): readonly TransferEffect[] {
    const advance = (packet.block - this.#acked) & 0xffff;
    if (advance === 0) return this.#receiveRepeatedAck(now);
    // Of a block that we did not send yet, or long ago.
    if (advance > this.#sent - this.#acked) return nothing;
    this.#acked += advance;
    const silent = this.#giveUp.retries > 0;
    this.#giveUp.progressed(now);
    const flightEnd = this.#next - 1;
    // After a silence it is the first answer to the flight before we went back.
    const missing = (silent ? this.#resentUpTo : flightEnd) - this.#acked;
    // Copies measure nothing (Karn): only the answer to a block that was sent once does.
    const once = this.#acked === flightEnd && this.#acked > this.#resentUpTo;
    const { reading } = this.#readAhead;
    const tailLost = silent && !reading && this.#window.tailLost(advance, missing);
    if (once) this.#timeout.measured(now - this.#sentAt);
    // An ACK inside the flight shows a gap; one of all of it, or after many copies, a slow link.
    else this.#timeout.recovered((missing > 0 && !tailLost) || this.#answersCopy(now));
    if (this.#acked === this.#lastBlock) return this.#end({ kind: "done", outcome: "complete" });
    if (reading) return nothing;
    if (tailLost) return this.#waitForQueue(now);
    // RFC 7440 4: an ACK inside the window shows a gap behind that block: go back. But EDK2 sends
    // one for every block that it did not expect, copies included; going back for those too would
    // send the rest of the file `windowsize` times.
    if (this.#acked < flightEnd && this.#acked > this.#resentUpTo) {
      this.#window.randomLoss();
      this.#goBack();
    }
    return this.#sendOn(now);
  }

  /**
   * A duplicate ACK. To answer every one with DATA doubles the traffic for the rest of the file
   * (Sorcerer's Apprentice, RFC 1123 4.2.3.1): EDK2 sends one for each copy, and where a window takes
   * longer than our timer those come in a stream. So only one is answered that comes when neither side
   * has sent anything for a while: then the client waits for us.
   */
  #receiveRepeatedAck(now: number): readonly TransferEffect[] {
    const silentSince = Math.max(this.#sentAt, this.#giveUp.heardAt);
    this.#giveUp.heard(now);
    const early = now < silentSince + Math.min(this.#timeout.ms, QUIET_MS);
    if (early || this.#readAhead.reading) return nothing;
    if (!this.#mayRepeat() || !this.#giveUp.answersRepeatedAck()) return nothing;
    this.#goBack();
    return this.#sendOn(now);
  }

  /** It came one round trip after the last copy, so what was sent before was lost. */
  #answersCopy(now: number): boolean {
    return this.#window.small && this.#timeout.provesLoss(now - this.#sentAt);
  }

  #goBack(): void {
    this.#resentUpTo = Math.max(this.#resentUpTo, this.#next - 1);
    this.#next = this.#acked + 1;
  }

  /** Goes back to what is certainly lost, once the copies sent at `#sentAt` have left the path. */
  #waitForQueue(now: number): readonly TransferEffect[] {
    this.#next = this.#acked + 1;
    this.#resentUpTo = this.#acked;
    this.#holding = true;
    this.#deadline = Math.max(now, this.#sentAt + this.#timeout.ms);
    return nothing;
  }

  #receiveError(packet: ErrorPacket): readonly TransferEffect[] {
    // UEFI firmware asks for the size first and aborts with ERROR 8 as soon as it has it; BIOS ROMs
    // do the same with ERROR 0.
    const probed = this.#terms.sizeAsked || packet.code === ErrorCode.OPTION_NEGOTIATION;
    if (this.#acked < 1 && probed) return this.#end({ kind: "done", outcome: "probe" });
    const reason = `the client aborted: ERROR ${packet.code} ${printable(packet.message)}`;
    return this.#end({ kind: "fail", reason });
  }

  /** Sends a flight from block `#next` on, after reading what is not in memory. */
  #sendOn(now: number): readonly TransferEffect[] {
    if (this.#acked < 0) return this.#sendOack(now);
    const { blksize, windowsize } = this.#terms;
    const first = Math.max(this.#next, this.#acked + 1);
    const windowEnd = Math.min(this.#acked + windowsize, this.#lastBlock);
    const last = Math.min(first + this.#window.blocksAfter(this.#giveUp.retries) - 1, windowEnd);
    const from = (first - 1) * blksize;
    const to = Math.min(last * blksize, this.#size);
    if (first <= last && !this.#readAhead.holds(from, to)) {
      this.#deadline = now + READ_TIMEOUT_MS;
      return [{ kind: "read", ...this.#readAhead.ask(from, to) }];
    }
    this.#awaitAnswer(now);
    const effects: TransferEffect[] = [];
    for (let block = first; block <= last; block++) {
      const start = (block - 1) * blksize;
      const data = this.#readAhead.slice(start, Math.min(start + blksize, this.#size));
      effects.push(this.#send({ opcode: "data", block: block & 0xffff, data }, block));
    }
    // The client acknowledges a window only when it has all of it, but a copy at once, with what it has.
    const final = effects.at(-1);
    if (this.#window.narrow && last < this.#lastBlock && final !== undefined) {
      this.#retransmissions += 1;
      effects.push(final);
    }
    this.#next = last + 1;
    return effects;
  }

  #sendOack(now: number): readonly TransferEffect[] {
    const options = this.#terms.oack ?? new Map<string, string>();
    this.#awaitAnswer(now);
    return [this.#send({ opcode: "oack", options }, 0)];
  }

  #send(packet: TftpPacket, block: number): TransferEffect {
    if (block <= this.#sent) this.#retransmissions += 1;
    else this.#sent = block;
    if (!this.#giveUp.answered) this.#amplification.sent(packet);
    return { kind: "send", packet };
  }

  /** Called before packets are sent that the client has to answer. */
  #awaitAnswer(now: number): void {
    this.#holding = false;
    this.#sentAt = now;
    this.#giveUp.sent(now);
    this.#deadline = now + this.#timeout.ms;
  }

  /** Gives up, and sends the client an ERROR unless its address may be forged and has got something already. */
  #abort(reason: string, message = reason): readonly TransferEffect[] {
    const end = this.#end({ kind: "fail", reason });
    if (!this.#giveUp.answered && !this.#amplification.unused) return end;
    return [{ kind: "send", packet: errorPacket(ErrorCode.NOT_DEFINED, message) }, ...end];
  }

  #end(effect: TransferEffect): readonly TransferEffect[] {
    this.#over = true;
    this.#deadline = null;
    this.#readAhead.drop();
    return [effect];
  }
}
