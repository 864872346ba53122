import { arch, endianness } from "node:os";
import { getSystemErrorName } from "node:util";
import { ANY_ADDRESS, type Ip4, ip4FromBytes, ip4ToBytes } from "../lib/ip4.ts";
import { concat } from "../lib/bytes.ts";
import { type Mac, macToBytes } from "../lib/mac.ts";
import type { UdpEndpoint } from "./udp.ts";
import { libc } from "../lib/libc/prototypes.ts";

/*
 * Sockets as the kernel has them, without Node in between: for a load generator, whose own work would else be the
 * limit of what it measures. A datagram costs a tenth of what it costs through `dgram`, and the bytes of a
 * download are discarded in the kernel. Linux only.
 */

/** What happened on a descriptor, with the number that it was watched by. */
export interface Readiness {
  readonly id: number;
  readonly readable: boolean;
  readonly writable: boolean;
}

/** The outcome of a call: what it returned, or the name of the error (`EAGAIN`, `ECONNREFUSED`, …). */
export type Outcome = number | string;

export interface KernelSockets {
  /** A UDP socket; with a device it hears that one only and may share its port. The descriptor, or an error. */
  udp(local: UdpEndpoint, device: string | null): Outcome;
  /** A TCP socket that begins to connect; readable or writable once it is known how that went. */
  tcp(local: Ip4, remote: UdpEndpoint): Outcome;
  /** How a connection's beginning went: 0, or an error. */
  connected(descriptor: number): Outcome;
  sendTo(descriptor: number, payload: Uint8Array, to: UdpEndpoint): Outcome;
  send(descriptor: number, payload: Uint8Array): Outcome;
  /** Reads into `into`: the bytes read, 0 at the end of a stream, or an error. */
  receive(descriptor: number, into: Uint8Array): Outcome;
  /** The same, and who sent it. */
  receiveFrom(descriptor: number, into: Uint8Array): { length: Outcome; from: UdpEndpoint };
  /** Throws away up to `length` bytes of a stream; how many, 0 at its end, or an error. */
  discard(descriptor: number, length: number): Outcome;
  /** Reports readiness under `id` from now on. */
  watch(descriptor: number, id: number, forWriting: boolean): void;
  /** The same for a descriptor that is watched already. */
  rewatch(descriptor: number, id: number, forWriting: boolean): void;
  /** Waits up to so many milliseconds for what is watched. It stops this thread meanwhile. */
  wait(ms: number): Readiness[];
  close(descriptor: number): void;
  /**
   * Asks the link by ARP (RFC 826) who has `target`, as `own`: so that `target` knows where `own` is, as it does of
   * a machine that has just got its address. 0 or more, or an error.
   */
  announce(device: { readonly index: number; readonly mac: Mac }, own: Ip4, target: Ip4): Outcome;
}

// <sys/socket.h> and <sys/epoll.h> on Linux, for every architecture that Node runs on.
const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_BROADCAST = 6;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const ETH_P_ARP = 0x0806;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EINPROGRESS = 115;
const eventsAtOnce = 512;
/** A burst of answers to all machines must not overrun the socket. */
const receiveBufferBytes = 4 * 1024 * 1024;

/** Null where `koffi` is not installed, has no build for this machine, or the system is not Linux. */
export async function loadKernelSockets(): Promise<KernelSockets | null> {
  try {
    const { load, errno } = await import("koffi");
    const library = load(null);
    const call = {
      socket: library.func(libc.socket),
      bind: library.func(libc.bind),
      connect: library.func(libc.connect),
      setsockopt: library.func(libc.setsockopt),
      getsockopt: library.func(libc.getsockopt),
      send: library.func(libc.send),
      sendto: library.func(libc.sendto),
      recv: library.func(libc.recv),
      recvfrom: library.func(libc.recvfrom),
      epollCreate: library.func(libc.epoll_create1),
      epollControl: library.func(libc.epoll_ctl),
      epollWait: library.func(libc.epoll_wait),
      close: library.func(libc.close),
    };
    const outcome = (result: unknown): Outcome => {
      const number = Number(result);
      if (number >= 0) return number;
      // Node has no name for it.
      return errno() === EINPROGRESS ? "EINPROGRESS" : getSystemErrorName(-errno());
    };
    const flag = (descriptor: number, level: number, name: number, value: number): Outcome =>
      outcome(call.setsockopt(descriptor, level, name, Int32Array.of(value), 4));
    const poll = Number(call.epollCreate(0));
    // The structure is packed on x86-64 only (epoll_event, <sys/epoll.h>).
    const eventBytes = arch() === "x64" ? 12 : 16;
    const idAt = eventBytes - 8;
    const event = Buffer.alloc(eventBytes);
    const events = Buffer.alloc(eventsAtOnce * eventBytes);
    const little = endianness() === "LE";
    const control = (
      operation: number,
      descriptor: number,
      id: number,
      forWriting: boolean,
    ): void => {
      event.writeUInt32LE(forWriting ? EPOLLOUT : EPOLLIN, 0);
      event.writeUInt32LE(id, idAt);
      call.epollControl(poll, operation, descriptor, event);
    };
    let packets: number | null = null;
    const nowhere = Buffer.alloc(16);
    const sender = Buffer.alloc(16);
    const senderLength = Buffer.alloc(4);

    /** Closes the descriptor again where a step fails. */
    const prepared = (descriptor: Outcome, steps: readonly (() => Outcome)[]): Outcome => {
      if (typeof descriptor === "string") return descriptor;
      for (const step of steps) {
        const result = step();
        if (typeof result === "number" || result === "EINPROGRESS") continue;
        call.close(descriptor);
        return result;
      }
      return descriptor;
    };
    return {
      udp(local, device) {
        const descriptor = outcome(
          call.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        );
        const at = Number(descriptor);
        const name = new TextEncoder().encode(`${device ?? ""}\0`);
        const forDevice: readonly (() => Outcome)[] = [
          () => flag(at, SOL_SOCKET, SO_REUSEADDR, 1),
          () => flag(at, SOL_SOCKET, SO_BROADCAST, 1),
          () => flag(at, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes),
          () => outcome(call.setsockopt(at, SOL_SOCKET, SO_BINDTODEVICE, name, name.length)),
        ];
        const address = sockaddr(local, little);
        return prepared(descriptor, [
          ...(device === null ? [] : forDevice),
          () => outcome(call.bind(at, address, address.length)),
        ]);
      },
      tcp(local, remote) {
        const descriptor = outcome(
          call.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        );
        const at = Number(descriptor);
        const [own, peer] = [
          sockaddr({ address: local, port: 0 }, little),
          sockaddr(remote, little),
        ];
        return prepared(descriptor, [
          () => flag(at, IPPROTO_TCP, TCP_NODELAY, 1),
          () => outcome(call.bind(at, own, own.length)),
          () => outcome(call.connect(at, peer, peer.length)),
        ]);
      },
      connected(descriptor) {
        const error = new Int32Array(1);
        const result = outcome(
          call.getsockopt(descriptor, SOL_SOCKET, SO_ERROR, error, Uint32Array.of(4)),
        );
        if (typeof result === "string" || error[0] === 0) return result;
        return getSystemErrorName(-(error[0] ?? 0));
      },
      sendTo(descriptor, payload, to) {
        const address = sockaddr(to, little);
        return outcome(
          call.sendto(descriptor, payload, payload.length, 0, address, address.length),
        );
      },
      send: (descriptor, payload) =>
        outcome(call.send(descriptor, payload, payload.length, MSG_NOSIGNAL)),
      receive: (descriptor, into) => outcome(call.recv(descriptor, into, into.length, 0)),
      receiveFrom(descriptor, into) {
        senderLength.writeUInt32LE(sender.length);
        const length = outcome(
          call.recvfrom(descriptor, into, into.length, 0, sender, senderLength),
        );
        if (typeof length === "string") return { length, from: { address: ANY_ADDRESS, port: 0 } };
        const address = ip4FromBytes(sender.subarray(4, 8));
        return { length, from: { address, port: sender.readUInt16BE(2) } };
      },
      discard: (descriptor, length) =>
        // tcp(7): with MSG_TRUNC the bytes are discarded and nothing is written to the buffer.
        outcome(call.recv(descriptor, nowhere, length, MSG_TRUNC)),
      watch: (descriptor, id, forWriting) => control(EPOLL_CTL_ADD, descriptor, id, forWriting),
      rewatch: (descriptor, id, forWriting) => control(EPOLL_CTL_MOD, descriptor, id, forWriting),
      wait(ms) {
        const count = Number(
          call.epollWait(poll, events, eventsAtOnce, Math.max(0, Math.ceil(ms))),
        );
        return Array.from({ length: Math.max(0, count) }, (_, index) => {
          const bits = events.readUInt32LE(index * eventBytes);
          // A broken connection is readable and writable: the next call says what is wrong.
          const broken = (bits & ~(EPOLLIN | EPOLLOUT)) !== 0;
          return {
            id: events.readUInt32LE(index * eventBytes + idAt),
            readable: broken || (bits & EPOLLIN) !== 0,
            writable: broken || (bits & EPOLLOUT) !== 0,
          };
        });
      },
      close: (descriptor) => void call.close(descriptor),
      announce(device, own, target) {
        packets ??= Number(call.socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const to = sockaddrLink(device.index, little);
        const question = arpRequest(device.mac, own, target);
        return outcome(call.sendto(packets, question, question.length, 0, to, to.length));
      },
    };
  } catch {
    return null;
  }
}

/** `struct sockaddr_in`: the family in the machine's own byte order, port and address in the network's. */
function sockaddr({ address, port }: UdpEndpoint, little: boolean): Buffer {
  const bytes = Buffer.alloc(16);
  if (little) bytes.writeUInt16LE(AF_INET, 0);
  else bytes.writeUInt16BE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ip4ToBytes(address), 4);
  return bytes;
}

/** `struct sockaddr_ll`, packet(7): every station of a device's link, by ARP. */
function sockaddrLink(index: number, little: boolean): Buffer {
  const bytes = Buffer.alloc(20);
  if (little) {
    bytes.writeUInt16LE(AF_PACKET, 0);
    bytes.writeInt32LE(index, 4);
  } else {
    bytes.writeUInt16BE(AF_PACKET, 0);
    bytes.writeInt32BE(index, 4);
  }
  bytes.writeUInt16BE(ETH_P_ARP, 2);
  bytes[11] = 6;
  bytes.fill(0xff, 12, 18);
  return bytes;
}

/** RFC 826, for Ethernet and IPv4. */
function arpRequest(mac: Mac, own: Ip4, target: Ip4): Uint8Array {
  const unknown = new Uint8Array(6);
  const head = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1);
  return concat([head, macToBytes(mac), ip4ToBytes(own), unknown, ip4ToBytes(target)]);
}
