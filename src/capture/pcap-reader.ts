import { DecodeError } from "../lib/errors.ts";
import type { SeenDatagram } from "./datagram.ts";
import { datagramIn, isReadable } from "./link-layer.ts";

/*
 * Capture files: classic ones (libpcap) in either byte order with microseconds or nanoseconds, and
 * pcapng (draft-ietf-opsawg-pcapng), which Wireshark and tshark write. Whatever the bytes are, the end is a
 * `DecodeError` or the end of the file.
 */

/** A frame of a capture. */
export interface Frame {
  /** 1 for the first of the file, as Wireshark counts. */
  readonly number: number;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly linkType: number;
  /** As much of it as was captured. A view into the file. */
  readonly bytes: Uint8Array;
}

/** A UDP datagram of a capture, by the number of its frame. */
export interface CapturedDatagram extends SeenDatagram {
  readonly number: number;
}

/** A record of this size is no frame: tcpdump and Wireshark allow 256 KiB. */
const MAX_FRAME_BYTES = 262_144;

/**
 * The UDP datagrams of a capture file in its order. What stands before a damage is given first.
 *
 * @throws {DecodeError} with layer "capture", where the file is damaged or of another format
 */
export function* datagramsOf(file: Uint8Array): Generator<CapturedDatagram, void> {
  for (const { bytes, linkType, number, atMs } of framesOf(file)) {
    const datagram = datagramIn(bytes, linkType);
    if (datagram !== null) yield { ...datagram, number, atMs };
  }
}

/** The frames of a capture file. Throws as `datagramsOf`. */
export function framesOf(file: Uint8Array): Generator<Frame, void> {
  if (file.length < 24) fail(file.length, "the file is too short for a capture");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0, false);
  switch (magic) {
    case 0xa1b2c3d4:
      return classicFrames(view, false, 1000);
    case 0xd4c3b2a1:
      return classicFrames(view, true, 1000);
    case 0xa1b23c4d:
      return classicFrames(view, false, 1_000_000);
    case 0x4d3cb2a1:
      return classicFrames(view, true, 1_000_000);
    case 0x0a0d0d0a:
      return blockFrames(view);
    default:
      return fail(0, "this is no capture file (pcap or pcapng)");
  }
}

function* classicFrames(
  view: DataView,
  little: boolean,
  unitsPerMs: number,
): Generator<Frame, void> {
  // The upper bits say whether frames end with their checksum, which does not matter here.
  const linkType = readable(view.getUint32(20, little) & 0xffff, 20);
  let number = 0;
  for (let at = 24; at < view.byteLength;) {
    if (at + 16 > view.byteLength) fail(at, "the file ends within the header of a frame");
    const length = view.getUint32(at + 8, little);
    if (length > MAX_FRAME_BYTES) fail(at + 8, `a frame of ${length} bytes`);
    if (at + 16 + length > view.byteLength) fail(at + 16, "the file ends within a frame");
    number += 1;
    const seconds = view.getUint32(at, little);
    const atMs = seconds * 1000 + view.getUint32(at + 4, little) / unitsPerMs;
    yield { number, atMs, linkType, bytes: bytesOf(view, at + 16, length) };
    at += 16 + length;
  }
}

const blocks = {
  section: 0x0a0d0d0a,
  interface: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;

interface CapturedInterface {
  readonly linkType: number;
  /** How many units of its timestamps are a millisecond. */
  readonly unitsPerMs: number;
}

function* blockFrames(view: DataView): Generator<Frame, void> {
  let little = false;
  let interfaces: CapturedInterface[] = [];
  let number = 0;
  for (let at = 0; at < view.byteLength;) {
    if (at + 12 > view.byteLength) fail(at, "the file ends within the header of a block");
    if (view.getUint32(at, false) === blocks.section) {
      little = isLittle(view, at);
      interfaces = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0) fail(at + 4, `a block of ${length} bytes`);
    if (at + length > view.byteLength) fail(at, "the file ends within a block");
    if (type === blocks.interface) interfaces.push(readInterface(view, at, length, little));
    const frame = readBlock(view, { at, length, type, little, interfaces });
    if (frame !== null) {
      number += 1;
      yield { ...frame, number };
    }
    at += length;
  }
}

function isLittle(view: DataView, at: number): boolean {
  const order = view.getUint32(at + 8, false);
  if (order === 0x1a2b3c4d) return false;
  if (order === 0x4d3c2b1a) return true;
  return fail(at + 8, "a section without its byte order");
}

function readInterface(
  view: DataView,
  at: number,
  length: number,
  little: boolean,
): CapturedInterface {
  if (length < 20) fail(at, "a description of an interface that is too short");
  const linkType = readable(view.getUint16(at + 8, little), at + 8);
  let unitsPerMs = 1000;
  for (let option = at + 16; option + 4 <= at + length - 4;) {
    const code = view.getUint16(option, little);
    const bytes = view.getUint16(option + 2, little);
    if (code === 0) break;
    // if_tsresol: a power of ten, or of two where the highest bit is set.
    if (code === 9 && bytes === 1) {
      const resolution = view.getUint8(option + 4);
      const power = resolution & 0x7f;
      unitsPerMs = (resolution & 0x80 ? 2 ** power : 10 ** power) / 1000;
    }
    option += 4 + bytes + (-bytes & 3);
  }
  return { linkType, unitsPerMs };
}

interface Block {
  readonly at: number;
  readonly length: number;
  readonly type: number;
  readonly little: boolean;
  readonly interfaces: readonly CapturedInterface[];
}

/** The frame in a block; null where it is of another kind. */
function readBlock(view: DataView, block: Block): Omit<Frame, "number"> | null {
  const { at, length, type, little, interfaces } = block;
  if (type === blocks.simplePacket) {
    const captured = Math.min(view.getUint32(at + 8, little), length - 16);
    const { linkType } = interfaceAt(interfaces, 0, at);
    return { atMs: 0, linkType, bytes: bytesOf(view, at + 12, captured) };
  }
  if (type !== blocks.enhancedPacket && type !== blocks.obsoletePacket) return null;
  if (length < 32) fail(at, "a block that is too short for a frame");
  const id =
    type === blocks.enhancedPacket
      ? view.getUint32(at + 8, little)
      : view.getUint16(at + 8, little);
  const { linkType, unitsPerMs } = interfaceAt(interfaces, id, at);
  const units = view.getUint32(at + 12, little) * 2 ** 32 + view.getUint32(at + 16, little);
  const captured = view.getUint32(at + 20, little);
  if (captured > length - 32) fail(at + 20, `a frame of ${captured} bytes in a shorter block`);
  return { atMs: units / unitsPerMs, linkType, bytes: bytesOf(view, at + 28, captured) };
}

function interfaceAt(
  interfaces: readonly CapturedInterface[],
  id: number,
  at: number,
): CapturedInterface {
  return interfaces[id] ?? fail(at, `a frame of interface ${id}, which is not described`);
}

function readable(linkType: number, at: number): number {
  if (isReadable(linkType)) return linkType;
  return fail(
    at,
    `frames of link type ${linkType}; Ethernet, Linux cooked (any), raw IP and loopback are read`,
  );
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, Math.max(0, length));
}

function fail(at: number, reason: string): never {
  throw new DecodeError("capture", at, reason);
}
