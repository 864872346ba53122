import { endianness } from "node:os";
import { getSystemErrorName } from "node:util";
import { type Ip4, ip4FromBytes, ip4ToBytes } from "../lib/ip4.ts";
import { libc } from "../lib/libc/prototypes.ts";

/**
 * Addresses that a device of this host has for a while (rtnetlink(7), which iproute2 speaks as well). Each is
 * marked by its scope, by which they are found again after a crash, and which keeps the kernel from taking one as
 * the source of anything else; and each expires by itself.
 */
export interface HostAddresses {
  /** Adds an address; 0, or the name of the error: `EPERM` without the privilege, `EEXIST`. */
  add(device: number, address: Ip4): 0 | string;
  /** Takes one away; 0, or the name of the error. */
  remove(device: number, address: Ip4): 0 | string;
  /** Those of a device that were added so, by whatever process. */
  list(device: number): readonly Ip4[];
  close(): void;
}

/** Between `site` (200) and `universe` (0), where nobody else's are (<linux/rtnetlink.h>). */
const SCOPE = 77;
/** Longer than any simulation takes. */
const LIFETIME_SECONDS = 3 * 3600;

// <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_addr.h>
const AF_NETLINK = 16;
const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLM_F_DUMP = 0x300;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const headerBytes = 16;
const addressBytes = 8;

/** Null where `koffi` is not installed or the system is not Linux. */
export async function openHostAddresses(): Promise<HostAddresses | null> {
  try {
    const { load, errno } = await import("koffi");
    const library = load(null);
    const call = {
      socket: library.func(libc.socket),
      send: library.func(libc.send),
      recv: library.func(libc.recv),
      close: library.func(libc.close),
    };
    const descriptor = Number(call.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (descriptor < 0) return null;
    const answer = new Uint8Array(64 * 1024);
    const receive = (): DataView => {
      const got = Number(call.recv(descriptor, answer, answer.length, 0));
      return new DataView(answer.buffer, 0, Math.max(0, got));
    };
    const perform = (message: Uint8Array): 0 | string => {
      if (Number(call.send(descriptor, message, message.length, 0)) < 0) {
        return getSystemErrorName(-errno());
      }
      const view = receive();
      const error = view.byteLength < 20 ? -errno() : view.getInt32(headerBytes, little);
      return error === 0 ? 0 : getSystemErrorName(error);
    };
    return {
      add: (device, address) =>
        perform(
          addressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, device, address),
        ),
      remove: (device, address) => perform(addressMessage(RTM_DELADDR, NLM_F_ACK, device, address)),
      list(device) {
        const message = addressMessage(RTM_GETADDR, NLM_F_DUMP, device, null);
        call.send(descriptor, message, message.length, 0);
        const found: Ip4[] = [];
        for (;;) {
          const view = receive();
          const part = readAddresses(view, device);
          found.push(...part.addresses);
          if (part.done || view.byteLength === 0) return found;
        }
      },
      close: () => void call.close(descriptor),
    };
  } catch {
    return null;
  }
}

const little = endianness() === "LE";

function addressMessage(
  type: number,
  flags: number,
  device: number,
  address: Ip4 | null,
): Uint8Array {
  const attributes = address === null ? 0 : 8 + 8 + (type === RTM_NEWADDR ? 20 : 0);
  const bytes = new Uint8Array(headerBytes + addressBytes + attributes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, little);
  view.setUint16(4, type, little);
  view.setUint16(6, flags | NLM_F_REQUEST, little);
  bytes.set([AF_INET, 32, 0, SCOPE], headerBytes);
  view.setUint32(headerBytes + 4, device, little);
  if (address === null) return bytes;
  let at = headerBytes + addressBytes;
  for (const attribute of [IFA_LOCAL, IFA_ADDRESS]) {
    view.setUint16(at, 8, little);
    view.setUint16(at + 2, attribute, little);
    bytes.set(ip4ToBytes(address), at + 4);
    at += 8;
  }
  if (type === RTM_NEWADDR) {
    view.setUint16(at, 20, little);
    view.setUint16(at + 2, IFA_CACHEINFO, little);
    view.setUint32(at + 4, LIFETIME_SECONDS, little);
    view.setUint32(at + 8, LIFETIME_SECONDS, little);
  }
  return bytes;
}

/** The marked addresses of a device in one part of the kernel's answer, and whether it was the last one. */
function readAddresses(view: DataView, device: number): { addresses: Ip4[]; done: boolean } {
  const addresses: Ip4[] = [];
  for (let at = 0; at + headerBytes <= view.byteLength;) {
    const length = view.getUint32(at, little);
    const type = view.getUint16(at + 4, little);
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < headerBytes) {
      return { addresses, done: true };
    }
    const scope = view.getUint8(at + headerBytes + 3);
    if (scope === SCOPE && view.getUint32(at + headerBytes + 4, little) === device) {
      const end = at + length;
      for (let next = at + headerBytes + addressBytes; next + 4 <= end;) {
        const size = view.getUint16(next, little);
        if (view.getUint16(next + 2, little) === IFA_LOCAL) {
          addresses.push(ip4FromBytes(new Uint8Array(view.buffer, next + 4, 4)));
        }
        next += Math.max(4, (size + 3) & ~3);
      }
    }
    at += (length + 3) & ~3;
  }
  return { addresses, done: false };
}
