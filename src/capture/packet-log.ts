import { ip4FromNumber, ip4ToNumber } from "../lib/ip4.ts";
import type { Datagram, SeenDatagram } from "./datagram.ts";

/*
 * Packets in one piece of memory, one behind the other: a moment, both endpoints, a length, the payload. In a storm thousands of
 * packets are kept for minutes. As objects of their own, each with its addresses and its bytes, they would be moved by the garbage
 * collector twice, and looked at again whenever it runs.
 */

/** Milliseconds (8 bytes), two times address and port (4 and 2), and the payload's length (2). */
const HEAD_BYTES = 22;
/** As much as a machine with some questions and answers takes: memory of its own costs more to get than to fill. */
const LEAST_BYTES = 2048;
/** What a log takes besides: its objects, and its place in a map. */
const OWN_BYTES = 400;

/** Packets in the order in which they were added. */
export class PacketLog {
  #bytes = new Uint8Array(LEAST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** Where the oldest packet begins, and where the next one will. */
  #start = 0;
  #end = 0;
  #count = 0;
  /** Where the newest packet begins, and the one before it, as far as there are any. */
  #newest = 0;
  #second = 0;

  /** How many packets are there. */
  get length(): number {
    return this.#count;
  }

  /** The memory that it takes, in bytes. */
  get size(): number {
    return this.#bytes.length + OWN_BYTES;
  }

  /** What the packets themselves take of that. */
  get used(): number {
    return this.#end - this.#start;
  }

  /** Adds a copy of a packet, of at most 65,535 bytes. */
  add(packet: Datagram, atMs: number): void {
    const at = this.#write(packet, atMs);
    this.#second = this.#newest;
    this.#newest = at;
    this.#count += 1;
  }

  /** Puts a copy of a packet in the place of the newest one, which has to be there. */
  replaceNewest(packet: Datagram, atMs: number): void {
    this.#end = this.#newest;
    this.#newest = this.#write(packet, atMs);
  }

  /** Takes all packets away. */
  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#count = 0;
  }

  /** Takes the oldest packet away; nothing where none is left. */
  dropOldest(): void {
    if (this.#count === 0) return;
    this.#start = this.#behind(this.#start);
    this.#count -= 1;
  }

  /**
   * Whether there are two packets at least, and the newest two have these ports, fewer bytes than that, and this second one. A
   * transfer in lock-step asks for each of its blocks, so nothing is made for it.
   */
  areNewestTwo(sourcePort: number, destinationPort: number, below: number, byte: number): boolean {
    if (this.#count < 2) return false;
    const isSuch = (at: number): boolean =>
      this.#view.getUint16(at + 12) === sourcePort &&
      this.#view.getUint16(at + 18) === destinationPort &&
      this.#view.getUint16(at + 20) < below &&
      this.#bytes[at + HEAD_BYTES + 1] === byte;
    return isSuch(this.#newest) && isSuch(this.#second);
  }

  /** All packets, the oldest first, with payloads of their own. */
  all(): readonly SeenDatagram[] {
    const packets: SeenDatagram[] = [];
    for (let at = this.#start; at < this.#end; at = this.#behind(at)) {
      const packet = this.#at(at);
      packets.push({ ...packet, payload: packet.payload.slice() });
    }
    return packets;
  }

  /** Returns where it begins. */
  #write({ source, destination, payload }: Datagram, atMs: number): number {
    this.#makeRoom(HEAD_BYTES + payload.length);
    const [at, view] = [this.#end, this.#view];
    view.setFloat64(at, atMs);
    view.setUint32(at + 8, ip4ToNumber(source.address));
    view.setUint16(at + 12, source.port);
    view.setUint32(at + 14, ip4ToNumber(destination.address));
    view.setUint16(at + 18, destination.port);
    view.setUint16(at + 20, payload.length);
    this.#bytes.set(payload, at + HEAD_BYTES);
    this.#end = at + HEAD_BYTES + payload.length;
    return at;
  }

  #behind(at: number): number {
    return at + HEAD_BYTES + this.#view.getUint16(at + 20);
  }

  #at(at: number): SeenDatagram {
    const view = this.#view;
    return {
      atMs: view.getFloat64(at),
      source: { address: ip4FromNumber(view.getUint32(at + 8)), port: view.getUint16(at + 12) },
      destination: {
        address: ip4FromNumber(view.getUint32(at + 14)),
        port: view.getUint16(at + 18),
      },
      payload: this.#bytes.subarray(at + HEAD_BYTES, this.#behind(at)),
    };
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const wanted = this.used + bytes;
    // Moved to the front where a quarter was free there, so that it is not moved for each packet.
    const isRoomy = wanted <= this.#bytes.length * 0.75;
    const next = isRoomy ? this.#bytes : new Uint8Array(Math.max(this.#bytes.length * 2, wanted));
    next.set(this.#bytes.subarray(this.#start, this.#end));
    this.#newest -= this.#start;
    this.#second -= this.#start;
    this.#end -= this.#start;
    this.#start = 0;
    if (next === this.#bytes) return;
    this.#bytes = next;
    this.#view = new DataView(next.buffer);
  }
}
