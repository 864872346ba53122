import { printable } from "../../lib/bytes.ts";
import { decodedOrNull } from "../../lib/errors.ts";
import { decodePacket, encodePacket, ErrorCode, type TftpPacket } from "../../tftp/wire/packet.ts";

/** The options that a client asks for, as firmware does. */
export interface TftpAsked {
  readonly blksize: number;
  /** 1: the option is not sent. */
  readonly windowsize: number;
}

/** What a packet leads to. */
export type TftpStep =
  | { readonly kind: "send"; readonly payload: Uint8Array }
  | { readonly kind: "none" }
  | { readonly kind: "done"; readonly payload: Uint8Array; readonly bytes: number }
  | { readonly kind: "fail"; readonly reason: string };

const none = { kind: "none" } as const;

/**
 * A TFTP client (RFC 1350, 2347 to 2349, 7440) without sockets and clock: packets in, packets out. Contents are
 * counted and not kept.
 */
export class TftpReceiver {
  /** What is repeated when nothing comes. */
  last: Uint8Array;
  #bytes = 0;
  #blksize = 512;
  #windowsize = 1;
  /** The last block that came in order; not cut to 16 bits. */
  #block = 0;
  #inWindow = 0;
  #size: number | null = null;
  #opened = false;
  /** The block after which a gap was reported already. */
  #reported = -1;

  constructor(filename: string, { blksize, windowsize }: TftpAsked) {
    const options = new Map([
      ["tsize", "0"],
      ["blksize", String(blksize)],
    ]);
    if (windowsize > 1) options.set("windowsize", String(windowsize));
    this.last = encodePacket({ opcode: "rrq", filename, mode: "octet", options });
  }

  /** Bytes that came so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a packet came already: from then on the server's port is fixed. */
  get opened(): boolean {
    return this.#opened;
  }

  receive(datagram: Uint8Array): TftpStep {
    // DATA without decoding: it is nearly all that comes.
    if (datagram.length >= 4 && datagram[0] === 0 && datagram[1] === 3) {
      return this.#data(((datagram[2] ?? 0) << 8) | (datagram[3] ?? 0), datagram.length - 4);
    }
    const packet = decodedOrNull(() => decodePacket(datagram));
    return packet === null ? none : this.#other(packet);
  }

  #data(block: number, length: number): TftpStep {
    this.#opened = true;
    if (block !== ((this.#block + 1) & 0xffff)) {
      // RFC 7440 4: after a gap the last block in order is acknowledged, once.
      if (this.#windowsize === 1 || this.#reported === this.#block) return none;
      this.#reported = this.#block;
      return this.#acknowledge();
    }
    this.#block += 1;
    this.#bytes += length;
    this.#inWindow += 1;
    if (length < this.#blksize) {
      const { payload } = this.#acknowledge();
      if (this.#size === null || this.#size === this.#bytes) {
        return { kind: "done", payload, bytes: this.#bytes };
      }
      return {
        kind: "fail",
        reason: `it ended after ${this.#bytes} of the ${this.#size} bytes that were announced`,
      };
    }
    return this.#inWindow >= this.#windowsize ? this.#acknowledge() : none;
  }

  #acknowledge(): { readonly kind: "send"; readonly payload: Uint8Array } {
    this.#inWindow = 0;
    this.last = Uint8Array.of(0, 4, (this.#block >> 8) & 0xff, this.#block & 0xff);
    return { kind: "send", payload: this.last };
  }

  #other(packet: TftpPacket): TftpStep {
    switch (packet.opcode) {
      case "oack": {
        if (this.#block > 0) return none;
        this.#opened = true;
        const number = (name: string) => Number(packet.options.get(name) ?? Number.NaN);
        if (number("blksize") >= 8) this.#blksize = number("blksize");
        if (number("windowsize") >= 1) this.#windowsize = number("windowsize");
        if (number("tsize") >= 0) this.#size = number("tsize");
        return this.#acknowledge();
      }
      case "error": {
        const { code, message } = packet;
        return { kind: "fail", reason: `error ${code}: ${printable(message, 200)}` };
      }
      case "data":
      case "rrq":
      case "wrq":
      case "ack":
        return none;
    }
  }
}

/** How EDK2 asks for a file's size before it fetches it: a request that it breaks off at the answer. */
export const brokenOff: Uint8Array = encodePacket({
  opcode: "error",
  code: ErrorCode.OPTION_NEGOTIATION,
  message: "User aborted the transfer",
});
