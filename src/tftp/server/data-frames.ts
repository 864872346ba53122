import type { Negotiated } from "../wire/option-negotiation.ts";
import { encodePacket, type TftpPacket, writeData } from "../wire/packet.ts";

/** What a transfer may keep for itself; with larger blocks, making a new buffer is no longer what takes time. */
const MOST_BYTES = 128 * 1024;
const HEADER_BYTES = 4;

/**
 * Encodes the packets of one transfer. As many DATA packets as a window has share buffers in turn, since
 * a new one for each block is most of what a block costs us.
 *
 * A socket that cannot pass a packet on at once sends later what the buffer holds by then. When a buffer
 * comes to its turn again, its block was acknowledged; or it was a copy, and a later block goes in its
 * place, whole. Only a block of another length must never share one: it would go out with the length of
 * the former.
 */
export class Frames {
  readonly #frameBytes: number;
  readonly #frames: Uint8Array[] = [];
  readonly #most: number;
  #next = 0;

  constructor({ blksize, windowsize }: Pick<Negotiated, "blksize" | "windowsize">) {
    this.#frameBytes = HEADER_BYTES + blksize;
    this.#most = this.#frameBytes * windowsize > MOST_BYTES ? 0 : windowsize;
  }

  /** The payload of a datagram; its bytes may change once as many as a window has were encoded after it. */
  encode(packet: TftpPacket): Uint8Array {
    if (packet.opcode !== "data" || this.#most === 0) return encodePacket(packet);
    if (packet.data.length + HEADER_BYTES !== this.#frameBytes) return encodePacket(packet);
    const frame = (this.#frames[this.#next] ??= new Uint8Array(this.#frameBytes));
    this.#next = this.#next + 1 === this.#most ? 0 : this.#next + 1;
    writeData(frame, packet);
    return frame;
  }
}
