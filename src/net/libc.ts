import { endianness } from "node:os";
import { getSystemErrorName } from "node:util";
import { ip4ToBytes } from "../lib/ip4.ts";
import { bindCallError } from "../lib/bind-error.ts";
import type { UdpEndpoint } from "./udp.ts";
import { libc } from "../lib/libc/prototypes.ts";

/** The few things that we need from the C library that Node does not offer. */
export interface Libc {
  /**
   * A UDP socket that receives and sends on one network device only and may send broadcasts. With
   * `share` it takes a port that is in use by others who allow that, too. The descriptor is the
   * caller's to close. Throws `BindError`.
   */
  bindToDevice(device: string, local: UdpEndpoint, share: boolean): number;
  /**
   * A socket that sends ICMP echo requests and receives their answers on one network device, without any
   * privilege; null where `net.ipv4.ping_group_range` does not let this process have one.
   */
  pingSocket(device: string): number | null;
  /** Lets later sockets share this one's port, or not. */
  setShared(descriptor: number, share: boolean): void;
  /**
   * Sends a datagram to a Unix socket, which Node cannot. A path that begins with `@` is in the abstract
   * namespace. Returns whether it could be sent.
   */
  sendToUnixSocket(path: string, payload: Uint8Array): boolean;
  /** Closes a descriptor that nothing else took over. */
  close(descriptor: number): void;
}

// <sys/socket.h> on Linux, for every architecture that Node runs on.
const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_ICMP = 1;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;

/** Null where `koffi` is not installed, has no build for this machine, or the system is not Linux. */
export async function loadLibc(): Promise<Libc | null> {
  try {
    const { load, errno } = await import("koffi");
    const library = load(null);
    const call = {
      socket: library.func(libc.socket),
      setsockopt: library.func(libc.setsockopt),
      bind: library.func(libc.bind),
      sendto: library.func(libc.sendto),
      close: library.func(libc.close),
    };
    const setFlag = (descriptor: number, flag: number, on: boolean): unknown =>
      call.setsockopt(descriptor, SOL_SOCKET, flag, Int32Array.of(on ? 1 : 0), 4);
    return {
      bindToDevice(device, local, share) {
        const descriptor = Number(call.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (descriptor < 0) throw failed("socket");
        const name = new TextEncoder().encode(`${device}\0`);
        const address = sockaddr(local);
        const steps: readonly [string, () => unknown][] = [
          ["SO_REUSEADDR", () => setFlag(descriptor, SO_REUSEADDR, share)],
          ["SO_BROADCAST", () => setFlag(descriptor, SO_BROADCAST, true)],
          [
            "SO_BINDTODEVICE",
            () => call.setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length),
          ],
          ["bind", () => call.bind(descriptor, address, address.length)],
        ];
        for (const [step, perform] of steps) {
          if (Number(perform()) === 0) continue;
          const error = failed(step);
          call.close(descriptor);
          throw error;
        }
        return descriptor;

        function failed(step: string): Error {
          const wanted = { transport: "UDP", ...local, device } as const;
          return bindCallError(wanted, step, getSystemErrorName(-errno()));
        }
      },
      pingSocket(device) {
        const descriptor = Number(call.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP));
        if (descriptor < 0) return null;
        const name = new TextEncoder().encode(`${device}\0`);
        const bound = call.setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
        if (Number(bound) === 0) return descriptor;
        call.close(descriptor);
        return null;
      },
      sendToUnixSocket(path, payload) {
        const descriptor = Number(call.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (descriptor < 0) return false;
        const to = sockaddrUnix(path);
        const sent = call.sendto(descriptor, payload, payload.length, 0, to, to.length);
        call.close(descriptor);
        return Number(sent) === payload.length;
      },
      setShared: (descriptor, share) => void setFlag(descriptor, SO_REUSEADDR, share),
      close: (descriptor) => void call.close(descriptor),
    };
  } catch {
    return null;
  }
}

/** `struct sockaddr_in`: the family in the machine's own byte order, port and address in the network's. */
function sockaddr(local: UdpEndpoint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, endianness() === "LE");
  view.setUint16(2, local.port);
  bytes.set(ip4ToBytes(local.address), 4);
  return bytes;
}

/** `struct sockaddr_un`, unix(7): the family and the path; an abstract one begins with a NUL. */
function sockaddrUnix(path: string): Uint8Array {
  const name = new TextEncoder().encode(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const bytes = new Uint8Array(2 + name.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, endianness() === "LE");
  bytes.set(name, 2);
  return bytes;
}
