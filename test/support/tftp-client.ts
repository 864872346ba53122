import { concat } from "../../src/lib/bytes.ts";
import type { OpenUdp, UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";
import { decodePacket, encodePacket, type TftpPacket } from "../../src/tftp/wire/packet.ts";
import { optionsOf } from "./tftp.ts";

export interface Heard {
  readonly packet: TftpPacket;
  readonly from: UdpEndpoint;
}

/** One port of a TFTP client, for tests that play the packets one by one. */
export class TftpClient {
  readonly #socket: UdpSocket;
  readonly #inbox: Heard[] = [];
  readonly #waiting: ((heard: Heard) => void)[] = [];

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.onMessage((payload, from) => {
      const heard = { packet: decodePacket(payload), from };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#inbox.push(heard);
      else waiting(heard);
    });
  }

  static async open(openUdp: OpenUdp, address = "127.0.0.1"): Promise<TftpClient> {
    return new TftpClient(await openUdp({ address, port: 0 }));
  }

  get endpoint(): UdpEndpoint {
    return this.#socket.local;
  }

  /** What came and was not looked at yet. */
  get unread(): readonly TftpPacket[] {
    return this.#inbox.map(({ packet }) => packet);
  }

  send(packet: TftpPacket, to: UdpEndpoint): void {
    this.#socket.send(encodePacket(packet), to);
  }

  sendBytes(payload: Uint8Array, to: UdpEndpoint): void {
    this.#socket.send(payload, to);
  }

  request(
    server: UdpEndpoint,
    filename: string,
    options: Readonly<Record<string, string | number>> = {},
  ): void {
    const packet = { opcode: "rrq", filename, mode: "octet", options: optionsOf(options) } as const;
    this.send(packet, server);
  }

  next(): Promise<Heard> {
    const heard = this.#inbox.shift();
    if (heard !== undefined) return Promise.resolve(heard);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Requests and takes part until the end: the bytes, or the packet that was no part of a download. */
  async fetch(
    server: UdpEndpoint,
    filename: string,
    options: Readonly<Record<string, string | number>> = {},
  ): Promise<Uint8Array | TftpPacket> {
    this.request(server, filename, options);
    return this.finish();
  }

  /** Takes part in a download of which `block` blocks are here already, acknowledging every block. */
  async finish(block = 0): Promise<Uint8Array | TftpPacket> {
    const parts: Uint8Array[] = [];
    let blksize = 512;
    for (;;) {
      const { packet, from } = await this.next();
      if (packet.opcode === "oack") {
        blksize = Number(packet.options.get("blksize") ?? blksize);
        this.send({ opcode: "ack", block: 0 }, from);
      } else if (packet.opcode === "data") {
        // A copy (of a window that was sent again under load) is not for us a second time.
        if (packet.block !== ((block + parts.length + 1) & 0xffff)) continue;
        parts.push(packet.data);
        this.send({ opcode: "ack", block: packet.block }, from);
        if (packet.data.length < blksize) return concat(parts);
      } else {
        return packet;
      }
    }
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
