import type { Negotiated } from "../wire/option-negotiation.ts";
import { encodePacket, type TftpPacket, writeData } from "../wire/packet.ts";

/** Buffers that a transfer may keep; with larger blocks, to allocate one is no longer what takes time. */
const MAX_BYTES = 128 * 1024;
const HEADER_BYTES = 4;

/**
 * Encodes the packets of one transfer. A window's DATA packets use the same buffers in turn, since to
 * allocate one for each block is most of what a block costs.
 *
 * A socket that cannot send a packet at once sends later what the buffer holds by then. When a buffer is
 * used again, its block was acknowledged; or it was a retransmission, and a later block goes in its
 * place, whole. Only a block of another length must never use one: it would be sent with the length of
 * the former.
 */
export class DataFrames {
  readonly #frameBytes: number;
  readonly #frames: Uint8Array[] = [];
  readonly #bufferCount: number;
  #next = 0;

  constructor({ blksize, windowsize }: Pick<Negotiated, "blksize" | "windowsize">) {
    this.#frameBytes = HEADER_BYTES + blksize;
    this.#bufferCount = this.#frameBytes * windowsize > MAX_BYTES ? 0 : windowsize;
  }

  /** The payload of a datagram; its bytes may change once a window of further packets was encoded. */
  encode(packet: TftpPacket): Uint8Array {
    if (packet.opcode !== "data" || this.#bufferCount === 0) return encodePacket(packet);
    if (packet.data.length + HEADER_BYTES !== this.#frameBytes) return encodePacket(packet);
    const frame = (this.#frames[this.#next] ??= new Uint8Array(this.#frameBytes));
    this.#next = this.#next + 1 === this.#bufferCount ? 0 : this.#next + 1;
    writeData(frame, packet);
    return frame;
  }
}
