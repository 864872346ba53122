import type { TftpPacket } from "../wire/packet.ts";

/** RFC 9000 8.1 sets the same limit for QUIC: three times what came from an address that may be forged. */
const MAX_FACTOR = 3;

/**
 * What may be sent to a client that never answered, so that nobody can have us flood another host by a
 * forged source address. The first packet always may: the protocol has no smaller answer to a request. Repeats
 * only as far as the factor allows, which means an OACK, but no block of 512 bytes; a client that lost that
 * repeats its request (RFC 1350 2).
 */
export class AmplificationLimit {
  readonly #maxBytes: number;
  #sentBytes = 0;
  #lastBytes = 0;

  /** @param receivedBytes the size of the datagram with the request */
  constructor(receivedBytes: number) {
    this.#maxBytes = receivedBytes * MAX_FACTOR;
  }

  sent(packet: TftpPacket): void {
    this.#lastBytes = sizeOf(packet);
    this.#sentBytes += this.#lastBytes;
  }

  /** Nothing was sent yet. */
  get unused(): boolean {
    return this.#sentBytes === 0;
  }

  /** Whether the last packet may be sent once more. */
  get allowsRepeat(): boolean {
    return this.#sentBytes + this.#lastBytes <= this.#maxBytes;
  }
}

/** Bytes of UDP payload of what a server sends first. */
function sizeOf(packet: TftpPacket): number {
  if (packet.opcode === "data") return 4 + packet.data.length;
  if (packet.opcode !== "oack") return 4;
  let size = 2;
  for (const [name, value] of packet.options) size += name.length + value.length + 2;
  return size;
}
