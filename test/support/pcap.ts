import { concat, readU16, u16, u32 } from "../../src/lib/bytes.ts";
import { type Ip4, ip4FromBytes, ip4ToBytes } from "../../src/lib/ip4.ts";

/** A UDP datagram with its addresses, as a capture of an Ethernet link holds it. */
export interface Datagram {
  readonly source: { readonly address: Ip4; readonly port: number };
  readonly destination: { readonly address: Ip4; readonly port: number };
  readonly payload: Uint8Array;
}

const ETHERNET = 1;
const IPV4 = 0x0800;
const UDP = 17;

/** The unfragmented UDP datagrams over IPv4 in a classic pcap file of an Ethernet link. */
export function readPcap(file: Uint8Array): readonly Datagram[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = view.getUint32(0, true) === 0xa1b2c3d4;
  if (!little && view.getUint32(0, false) !== 0xa1b2c3d4) throw new Error("not a pcap file");
  if (view.getUint32(20, little) !== ETHERNET) throw new Error("not a capture of Ethernet");
  const datagrams: Datagram[] = [];
  for (let at = 24; at + 16 <= file.length;) {
    const length = view.getUint32(at + 8, little);
    const datagram = readFrame(file.subarray(at + 16, at + 16 + length));
    if (datagram !== null) datagrams.push(datagram);
    at += 16 + length;
  }
  return datagrams;
}

function readFrame(frame: Uint8Array): Datagram | null {
  const packet = frame.subarray(14);
  if (readU16(frame, 12) !== IPV4 || packet[9] !== UDP) return null;
  const udp = packet.subarray(((packet[0] ?? 0) & 0x0f) * 4, readU16(packet, 2));
  return {
    source: { address: ip4FromBytes(packet, 12), port: readU16(udp, 0) },
    destination: { address: ip4FromBytes(packet, 16), port: readU16(udp, 2) },
    payload: concat([udp.subarray(8, readU16(udp, 4))]),
  };
}

/** A classic pcap file with one Ethernet frame a datagram, a second apart. */
export function writePcap(datagrams: readonly Datagram[]): Uint8Array {
  const header = [0xa1b2c3d4, 0x00020004, 0, 0, 65535, ETHERNET].map(u32);
  const records = datagrams.flatMap((datagram, second) => {
    const frame = frameOf(datagram);
    return [u32(second), u32(0), u32(frame.length), u32(frame.length), frame];
  });
  return concat([...header, ...records]);
}

function frameOf({ source, destination, payload }: Datagram): Uint8Array {
  const ports = [u16(source.port), u16(destination.port)];
  const udpLength = u16(8 + payload.length);
  const addresses = [ip4ToBytes(source.address), ip4ToBytes(destination.address)];
  const pseudo = [...addresses, u16(UDP), udpLength];
  const sum = checksum(concat([...pseudo, ...ports, udpLength, u16(0), payload]));
  const udp = [...ports, udpLength, u16(sum === 0 ? 0xffff : sum), payload];
  const before = [u16(0x4500), u16(28 + payload.length), u32(0), u16(0x4000 | UDP)];
  const ip = [...before, u16(checksum(concat([...before, ...addresses]))), ...addresses];
  const macs = [u32(0x02000000), u16(2), u32(0x02000000), u16(1)];
  return concat([...macs, u16(IPV4), ...ip, ...udp]);
}

/** RFC 1071: the one's complement of the one's complement sum of all 16-bit words. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += readU16(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
