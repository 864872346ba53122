import { concat, readU16, u16, u32 } from "../lib/bytes.ts";
import { ip4ToBytes } from "../lib/ip4.ts";
import { isDhcp, type SeenDatagram } from "./datagram.ts";
import { linkTypes } from "./link-layer.ts";

/*
 * A classic capture file (libpcap, draft-ietf-opsawg-pcap) of an Ethernet link. Only datagrams are recorded, so
 * each gets the headers that it had, as far as they are known: the hardware address of the machine where
 * DHCP names it, and zeros for every other one.
 */

const UDP = 17;
const IPV4 = 0x0800;
/** No datagram is longer, so none is cut. */
const SNAP_LENGTH = 65_535;

/** The bytes of a capture file; times are milliseconds since the Unix epoch. */
export function writePcap(datagrams: readonly SeenDatagram[]): Uint8Array {
  const header = [0xa1b2c3d4, 0x00020004, 0, 0, SNAP_LENGTH, linkTypes.ethernet].map(u32);
  const records = datagrams.flatMap((datagram) => {
    const frame = frameOf(datagram);
    const micros = Math.max(0, Math.round(datagram.atMs * 1000));
    const time = [u32(Math.floor(micros / 1_000_000)), u32(micros % 1_000_000)];
    return [...time, u32(frame.length), u32(frame.length), frame];
  });
  return concat([...header, ...records]);
}

function frameOf(datagram: SeenDatagram): Uint8Array {
  const { source, destination, payload } = datagram;
  const ports = [u16(source.port), u16(destination.port)];
  const udpLength = u16(8 + payload.length);
  const addresses = [ip4ToBytes(source.address), ip4ToBytes(destination.address)];
  const pseudo = [...addresses, u16(UDP), udpLength];
  const sum = checksum(concat([...pseudo, ...ports, udpLength, u16(0), payload]));
  const udp = [...ports, udpLength, u16(sum === 0 ? 0xffff : sum), payload];
  const before = [u16(0x4500), u16(28 + payload.length), u32(0), u16(0x4000 | UDP)];
  const ip = [...before, u16(checksum(concat([...before, ...addresses]))), ...addresses];
  return concat([...hardwareAddresses(datagram), u16(IPV4), ...ip, ...udp]);
}

/** Destination and source of the Ethernet header. */
function hardwareAddresses(datagram: SeenDatagram): readonly [Uint8Array, Uint8Array] {
  const { payload, destination } = datagram;
  const nobody = new Uint8Array(6);
  const broadcast = new Uint8Array(6).fill(0xff);
  if (!isDhcp(datagram) || payload.length < 34) return [nobody, nobody];
  const machine = payload.subarray(28, 34);
  // RFC 2131 2: op 1 is the machine's question, 2 a server's answer.
  const fromMachine = payload[0] === 1;
  const toAll = destination.address === "255.255.255.255";
  if (fromMachine) return [toAll ? broadcast : nobody, machine];
  return [toAll ? broadcast : machine, nobody];
}

/** RFC 1071: the one's complement of the one's complement sum of all 16-bit words. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += readU16(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
