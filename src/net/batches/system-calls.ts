import { arch } from "node:os";
import { getSystemErrorName } from "node:util";
import { ip4FromNumber, ip4ToNumber } from "../../lib/ip4.ts";
import type { UdpEndpoint } from "../udp.ts";
import { type EventLoop, findEventLoop } from "./event-loop.ts";

/*
 * The calls of Linux by which datagrams come and go in batches (recvmmsg(2), sendmmsg(2)), over memory that all sockets of a
 * process share: a batch is handled before the next one is asked for, and one that is sent is the kernel's when the call returns.
 */

/** What a call returned: 0 or more, or the name of the error (`EAGAIN`, `ECONNREFUSED`, …). */
export type Outcome = number | string;

export interface BatchCalls extends EventLoop {
  /** A new UDP socket over IPv4. */
  socket(): Outcome;
  /** Sets an option of `SOL_SOCKET`. */
  option(descriptor: number, name: number, value: number): Outcome;
  bind(descriptor: number, local: UdpEndpoint): Outcome;
  connect(descriptor: number, peer: UdpEndpoint): Outcome;
  /** Where a UDP socket over IPv4 is bound; null: it is none. */
  local(descriptor: number): UdpEndpoint | null;
  /** Takes up to `BATCH` datagrams from the kernel: how many, or an error. Never waits. */
  receive(descriptor: number): Outcome;
  /** Takes one datagram, or gives the error; null: there is none. The bytes are there until the next call. Never waits. */
  receiveOne(descriptor: number): Uint8Array | string | null;
  /** One of those that were taken last; its bytes are a copy. */
  payload(index: number): Uint8Array;
  sender(index: number): UdpEndpoint;
  /** Puts a copy of a datagram at this place of the batch that is sent next; `to` null: to the socket's peer. */
  put(index: number, payload: Uint8Array, to: UdpEndpoint | null): void;
  /** Sends those from `first` to before `end`: how many the kernel took, or why not even the first. Never waits. */
  send(descriptor: number, first: number, end: number): Outcome;
  /** Sends one that is too large for a batch. */
  sendLarge(descriptor: number, payload: Uint8Array, to: UdpEndpoint | null): Outcome;
  close(descriptor: number): void;
  /** Lets another program that is ready have this core (sched_yield(2)); returns at once where there is none. */
  yieldCore(): void;
}

/** Datagrams that one call takes or sends. */
export const BATCH = 64;
/** The largest datagram of a batch that is sent: more than DHCP and TFTP send over Ethernet. */
export const LARGEST_IN_BATCH = 2048;
/** No datagram is larger. Memory that none ever filled is none of the process's. */
const LARGEST = 65_536;

// <sys/socket.h> on Linux.
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const EAGAIN = 11;
const MSG_DONTWAIT = 0x40;
const ADDRESS_BYTES = 16;
// `struct mmsghdr` and `struct iovec` with pointers of 8 bytes: places of 4 bytes, of which a header has 16 and a vector 4.
const HEADER_BYTES = 64;
const VECTOR_BYTES = 16;
const NAME_LENGTH = 2;
const LENGTH = 14;
const VECTOR_LENGTH = 2;

/** Where `struct mmsghdr` is as it is written here. On others Node's own sockets do. */
const machines: ReadonlySet<string> = new Set(["x64", "arm64"]);

/** Null where `koffi` is not installed, in a thread, on another system than Linux, and on machines that are none of those above. */
export async function loadBatchCalls(): Promise<BatchCalls | null> {
  if (!machines.has(arch())) return null;
  try {
    const koffi = await import("koffi");
    const { errno, address } = koffi;
    const library = koffi.load(null);
    const eventLoop = findEventLoop(koffi, library);
    if (eventLoop === null) return null;
    const call = {
      socket: library.func("int socket(int, int, int)"),
      bind: library.func("int bind(int, const void *, unsigned int)"),
      connect: library.func("int connect(int, const void *, unsigned int)"),
      setsockopt: library.func("int setsockopt(int, int, int, const void *, unsigned int)"),
      getsockopt: library.func("int getsockopt(int, int, int, void *, void *)"),
      getsockname: library.func("int getsockname(int, void *, void *)"),
      recvmmsg: library.func("int recvmmsg(int, void *, unsigned int, int, void *)"),
      sendmmsg: library.func("int sendmmsg(int, void *, unsigned int, int)"),
      sendto: library.func(
        "long sendto(int, const void *, size_t, int, const void *, unsigned int)",
      ),
      recv: library.func("long recv(int, void *, size_t, int)"),
      send: library.func("long send(int, const void *, size_t, int)"),
      close: library.func("int close(int)"),
      yieldCore: library.func("int sched_yield()"),
    };
    const outcome = (result: unknown): Outcome => {
      const number = Number(result);
      return number >= 0 ? number : getSystemErrorName(-errno());
    };
    const incoming = new MessageMemory(LARGEST, address);
    const outgoing = new MessageMemory(LARGEST_IN_BATCH, address);
    // A sandbox may let a program have none of these calls; else each would fail for ever.
    const probe = Number(call.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const receives = outcome(call.recvmmsg(probe, incoming.headers, BATCH, MSG_DONTWAIT, null));
    const sends = outcome(call.sendmmsg(probe, outgoing.headers, 0, MSG_DONTWAIT));
    call.close(probe);
    if (receives !== "EAGAIN" || sends !== 0) return null;
    const single = new Uint8Array(LARGEST);
    let view = single;
    const name = new Uint8Array(ADDRESS_BYTES);
    const named = (endpoint: UdpEndpoint): Uint8Array => {
      writeAddress(name, 0, endpoint);
      return name;
    };
    return {
      ...eventLoop,
      socket: () => outcome(call.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      option: (descriptor, option, value) =>
        outcome(call.setsockopt(descriptor, SOL_SOCKET, option, Int32Array.of(value), 4)),
      bind: (descriptor, local) => outcome(call.bind(descriptor, named(local), ADDRESS_BYTES)),
      connect: (descriptor, peer) => outcome(call.connect(descriptor, named(peer), ADDRESS_BYTES)),
      local(descriptor) {
        const [type, length] = [new Int32Array(1), Uint32Array.of(4)];
        call.getsockopt(descriptor, SOL_SOCKET, SO_TYPE, type, length);
        const bytes = new Uint8Array(ADDRESS_BYTES);
        const result = outcome(call.getsockname(descriptor, bytes, Uint32Array.of(ADDRESS_BYTES)));
        const isOurs = result === 0 && bytes[0] === AF_INET && type[0] === SOCK_DGRAM;
        return isOurs ? readAddress(bytes, 0) : null;
      },
      receive: (descriptor) =>
        outcome(call.recvmmsg(descriptor, incoming.headers, BATCH, MSG_DONTWAIT, null)),
      receiveOne(descriptor) {
        const received = Number(call.recv(descriptor, single, LARGEST, MSG_DONTWAIT));
        // Acknowledgements are of one length, and to make a view of one takes as long as to decode it.
        if (received === view.length) return view;
        if (received >= 0) return (view = single.subarray(0, received));
        const code = errno();
        return code === EAGAIN ? null : getSystemErrorName(-code);
      },
      payload: (index) => incoming.payload(index),
      sender: (index) => incoming.sender(index),
      put: (index, payload, to) => outgoing.put(index, payload, to),
      send(descriptor, first, end) {
        const count = end - first;
        const only = count === 1 ? outgoing.toPeer(first) : null;
        if (only === null) {
          return outcome(
            call.sendmmsg(descriptor, outgoing.headersFrom(first), count, MSG_DONTWAIT),
          );
        }
        const sent = outcome(call.send(descriptor, only, only.length, MSG_DONTWAIT));
        return typeof sent === "number" ? 1 : sent;
      },
      sendLarge(descriptor, payload, to) {
        const [at, length] = to === null ? [null, 0] : [named(to), ADDRESS_BYTES];
        return outcome(call.sendto(descriptor, payload, payload.length, MSG_DONTWAIT, at, length));
      },
      close: (descriptor) => void call.close(descriptor),
      yieldCore: () => void call.yieldCore(),
    };
  } catch {
    return null;
  }
}

/** The structures of a batch: for each datagram its bytes, the address of its sender or receiver, and the header that points to both. */
class MessageMemory {
  readonly headers = new Uint8Array(BATCH * HEADER_BYTES);
  readonly #headerWords: Uint32Array;
  readonly #vectorWords = new Uint32Array((BATCH * VECTOR_BYTES) / 4);
  readonly #addresses = new Uint8Array(BATCH * ADDRESS_BYTES);
  readonly #bytes: Uint8Array;
  readonly #largest: number;
  #view: Uint8Array = new Uint8Array(0);
  #viewed = 0;
  /** The headers from each on. */
  readonly #from: readonly Uint8Array[];

  /** @param addressOf where such memory is; it stays there as long as it is used */
  constructor(largest: number, addressOf: (memory: Uint8Array) => bigint) {
    this.#largest = largest;
    this.#bytes = new Uint8Array(BATCH * largest);
    this.#headerWords = new Uint32Array(this.headers.buffer);
    this.#from = Array.from({ length: BATCH }, (_, n) => this.headers.subarray(n * HEADER_BYTES));
    const [pointers, vectors] = [
      new BigUint64Array(this.headers.buffer),
      new BigUint64Array(this.#vectorWords.buffer),
    ];
    const [names, bytes, vectorsAt] = [
      addressOf(this.#addresses),
      addressOf(this.#bytes),
      addressOf(new Uint8Array(this.#vectorWords.buffer)),
    ];
    for (let n = 0; n < BATCH; n += 1) {
      vectors.set([bytes + BigInt(n * largest), BigInt(largest)], n * 2);
      const nameLength = BigInt(ADDRESS_BYTES);
      const header = [
        names + BigInt(n * ADDRESS_BYTES),
        nameLength,
        vectorsAt + BigInt(n * VECTOR_BYTES),
        1n,
      ];
      pointers.set(header, n * 8);
    }
  }

  payload(index: number): Uint8Array {
    const at = index * this.#largest;
    return this.#bytes.slice(at, at + (this.#headerWords[index * 16 + LENGTH] ?? 0));
  }

  sender(index: number): UdpEndpoint {
    return readAddress(this.#addresses, index * ADDRESS_BYTES);
  }

  put(index: number, payload: Uint8Array, to: UdpEndpoint | null): void {
    this.#bytes.set(payload, index * this.#largest);
    this.#vectorWords[index * 4 + VECTOR_LENGTH] = payload.length;
    this.#headerWords[index * 16 + NAME_LENGTH] = to === null ? 0 : ADDRESS_BYTES;
    if (to !== null) writeAddress(this.#addresses, index * ADDRESS_BYTES, to);
  }

  /** What was put at this place, if it goes to the socket's peer. */
  toPeer(index: number): Uint8Array | null {
    if (this.#headerWords[index * 16 + NAME_LENGTH] !== 0) return null;
    const length = this.#vectorWords[index * 4 + VECTOR_LENGTH] ?? 0;
    // Blocks have the same length but for the last one.
    if (index !== this.#viewed || this.#view.length !== length) {
      const at = index * this.#largest;
      this.#viewed = index;
      this.#view = this.#bytes.subarray(at, at + length);
    }
    return this.#view;
  }

  headersFrom(index: number): Uint8Array {
    return this.#from[index] ?? this.headers;
  }
}

/** `struct sockaddr_in`: the family in the machine's own byte order, port and address in the network's. */
function writeAddress(bytes: Uint8Array, at: number, { address, port }: UdpEndpoint): void {
  const number = ip4ToNumber(address);
  bytes[at] = AF_INET;
  bytes[at + 1] = 0;
  bytes[at + 2] = port >>> 8;
  bytes[at + 3] = port;
  bytes[at + 4] = number >>> 24;
  bytes[at + 5] = number >>> 16;
  bytes[at + 6] = number >>> 8;
  bytes[at + 7] = number;
}

function readAddress(bytes: Uint8Array, at: number): UdpEndpoint {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  const number = (byte(4) << 24) | (byte(5) << 16) | (byte(6) << 8) | byte(7);
  return { address: ip4FromNumber(number), port: (byte(2) << 8) | byte(3) };
}
