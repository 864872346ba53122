import { createHash } from "node:crypto";
import { printable } from "../../lib/bytes.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { OpenUdp, UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import { decodePacket, encodePacket, type TftpPacket } from "../../tftp/wire/packet.ts";
import { BootFailure } from "./failure.ts";
import { type Datagram, Inbox } from "./inbox.ts";

export interface Download {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

const waitMs = 1000;
const tries = 5;
const blockSize = 1468;

/**
 * Reads a file by TFTP in blocks of 1468 bytes, one at a time as iPXE does. Nothing of it is kept.
 *
 * @param onData is given each block's content
 * @throws BootFailure when the server refuses or falls silent
 */
export async function readByTftp(
  openUdp: OpenUdp,
  localAddress: Ip4,
  server: UdpEndpoint,
  filename: string,
  onData: (data: Uint8Array) => void = () => {},
): Promise<Download> {
  const socket = await openUdp({ address: localAddress, port: 0 });
  try {
    return await receive(socket, server, filename, onData);
  } finally {
    await socket.close();
  }
}

async function receive(
  socket: UdpSocket,
  server: UdpEndpoint,
  filename: string,
  onData: (data: Uint8Array) => void,
): Promise<Download> {
  const inbox = new Inbox(socket);
  const hash = createHash("sha256");
  const options = new Map([["blksize", String(blockSize)]]);
  let sent: TftpPacket = { opcode: "rrq", filename, mode: "octet", options };
  let peer = server;
  let agreedBlockSize = 512;
  let block = 0;
  let bytes = 0;
  while (true) {
    const { packet, from } = await ask(socket, inbox, peer, sent, filename);
    // RFC 1350 4: the server answers from a port of its own, which stays the same from then on.
    peer = from;
    switch (packet.opcode) {
      case "error":
        throw refused(filename, packet.code, printable(packet.message));
      case "oack":
        agreedBlockSize = Number(packet.options.get("blksize") ?? agreedBlockSize);
        sent = { opcode: "ack", block: 0 };
        break;
      case "data": {
        const expected = (block + 1) & 0xffff;
        if (packet.block !== expected) break;
        block = expected;
        bytes += packet.data.length;
        hash.update(packet.data);
        onData(packet.data);
        sent = { opcode: "ack", block };
        if (packet.data.length < agreedBlockSize) {
          socket.send(encodePacket(sent), peer);
          return { bytes, sha256: hash.digest("hex") };
        }
        break;
      }
      case "rrq":
      case "wrq":
      case "ack":
        throw new BootFailure(`TFTP ${filename}: the server sent ${packet.opcode}`);
    }
  }
}

async function ask(
  socket: UdpSocket,
  inbox: Inbox,
  peer: UdpEndpoint,
  packet: TftpPacket,
  filename: string,
): Promise<{ packet: TftpPacket; from: UdpEndpoint }> {
  for (let attempt = 0; attempt < tries; attempt++) {
    socket.send(encodePacket(packet), peer);
    const heard = await nextFrom(inbox, peer, packet.opcode === "rrq");
    if (heard !== null) return { packet: decoded(heard.payload, filename), from: heard.from };
  }
  throw new BootFailure(`TFTP ${filename}: no answer from ${peer.address} after ${tries} tries`, {
    fault: { kind: "silent" },
  });
}

function decoded(payload: Uint8Array, filename: string): TftpPacket {
  try {
    return decodePacket(payload);
  } catch (error) {
    throw new BootFailure(`TFTP ${filename}: ${messageOf(error)}`, { cause: error });
  }
}

function refused(filename: string, code: number, message: string): BootFailure {
  return new BootFailure(`TFTP ${filename}: error ${code}: ${message}`, {
    fault: { kind: "tftp-error", code, message },
  });
}

async function nextFrom(
  inbox: Inbox,
  peer: UdpEndpoint,
  anyPort: boolean,
): Promise<Datagram | null> {
  while (true) {
    const heard = await inbox.next(waitMs);
    if (heard === null) return null;
    if (heard.from.address === peer.address && (anyPort || heard.from.port === peer.port)) {
      return heard;
    }
  }
}
