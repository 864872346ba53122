import { closeSync, openSync } from "node:fs";
import { arch } from "node:os";
import { libc } from "../../lib/libc/prototypes.ts";

/*
 * Memory from which the kernel sends by itself: it takes references to the pages, where a write would copy them. By vmsplice(2)
 * a pipe gets the references, by splice(2) the connection gets them from the pipe. Of sendfile(2) from a memfd that is two thirds
 * of the cost: such a file's pages are small ones, these are huge where the system has some. Node has neither such memory nor
 * the calls.
 */

/** Bytes in memory, and how the kernel takes them from there. */
export interface KernelBytes {
  /** Not to be changed any more once some were sent: what the other end has not acknowledged is not copied anywhere. */
  readonly bytes: Buffer;
  /**
   * Hands bytes from `offset` to a TCP connection, without waiting: how many of at most `length` the kernel took. None where the
   * connection has no room for any, or is gone: whoever writes to it hears that.
   */
  readonly sendTo: (connection: number, offset: number, length: number) => number;
}

export interface KernelMemory {
  /** Memory for so many bytes, freed when nothing refers to them; null: the system gives none. */
  allocate(size: number): KernelBytes | null;
  /** Gives its descriptors back: nothing is taken from any of its memory any more. */
  close(): void;
}

// <sys/mman.h> and <fcntl.h> on Linux, for every architecture that Node runs on.
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MADV_DONTFORK = 10;
const MADV_HUGEPAGE = 14;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;
const F_SETPIPE_SZ = 1031;
const SPLICE_F_NONBLOCK = 2;

/** As large as a pipe may be without a privilege. */
const PIPE_BYTES = 1024 * 1024;

/** Whose addresses have 8 bytes, and flags those values. */
const machines: ReadonlySet<string> = new Set(["x64", "arm64"]);

/** Null where `koffi` is not installed, the system is not Linux or has not those calls, and on machines that are none of those above. */
export async function loadKernelMemory(): Promise<KernelMemory | null> {
  if (!machines.has(arch())) return null;
  const opened: number[] = [];
  const close = (): void => opened.splice(0).forEach((descriptor) => closeSync(descriptor));
  try {
    const { address: addressOf, load, view } = await import("koffi");
    const library = load(null);
    const call = {
      mmap: library.func(libc.mmap),
      madvise: library.func(libc.madvise),
      munmap: library.func(libc.munmap),
      pipe2: library.func(libc.pipe2),
      fcntl: library.func(libc.fcntl),
      vmsplice: library.func(libc.vmsplice),
      splice: library.func(libc.splice),
    };
    const ends = new Int32Array(2);
    if (Number(call.pipe2(ends, O_NONBLOCK | O_CLOEXEC)) !== 0) return null;
    const [from = -1, into = -1] = ends;
    opened.push(from, into);
    call.fcntl(into, F_SETPIPE_SZ, "int", PIPE_BYTES);
    const nowhere = openSync("/dev/null", "w");
    opened.push(nowhere);
    /** `struct iovec` */
    const vector = new BigUint64Array(2);
    /** Lets the pipe have references to bytes: to how many. */
    const fill = (address: bigint, length: number): number => {
      vector[0] = address;
      vector[1] = BigInt(length);
      return Math.max(0, Number(call.vmsplice(into, vector, 1, SPLICE_F_NONBLOCK)));
    };
    /** Takes them from the pipe, as many as `to` has room for. */
    const empty = (to: number, length: number): number => {
      let taken = 0;
      while (taken < length) {
        const more = Number(call.splice(from, null, to, null, length - taken, SPLICE_F_NONBLOCK));
        if (more <= 0) break;
        taken += more;
      }
      return taken;
    };
    /** What is left in the pipe would go to the next connection. */
    let isEmpty = true;
    const isUsable = (): boolean => isEmpty && opened.length > 0;
    const send = (connection: number, address: bigint, length: number): number => {
      let sent = 0;
      while (sent < length && isUsable()) {
        const filled = fill(address + BigInt(sent), length - sent);
        const taken = empty(connection, filled);
        sent += taken;
        if (filled === 0) break;
        if (filled === taken) continue;
        isEmpty = empty(nowhere, filled - taken) === filled - taken;
        break;
      }
      return sent;
    };
    // Giving back gigabytes takes tenths of a second, which no machine is to wait for.
    const free = ({ address, size }: Mapping): void => call.munmap.async(address, size, () => {});
    // A write that Node has not finished may still refer to the bytes, whoever else has done with them.
    const unused = new FinalizationRegistry(free);
    const allocate = (size: number): KernelBytes | null => {
      const protection = PROT_READ | PROT_WRITE;
      const address: unknown = call.mmap(
        null,
        size,
        protection,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0,
      );
      const at = address === null ? MAP_FAILED : addressOf(address);
      if (at === MAP_FAILED) return null;
      // Fewer and larger pages, where the system has some; and programs that are started need none of them.
      call.madvise(address, size, MADV_HUGEPAGE);
      call.madvise(address, size, MADV_DONTFORK);
      const memory = view(address, size);
      unused.register(memory, { address, size });
      return {
        bytes: Buffer.from(memory),
        sendTo: (connection, offset, length) => send(connection, at + BigInt(offset), length),
      };
    };
    // A sandbox may let a program have none of these calls.
    if (allocate(1)?.sendTo(nowhere, 0, 1) === 1) return { allocate, close };
  } catch {
    // There is no koffi, no such call, or no descriptor left.
  }
  close();
  return null;
}

/** What has to be given back. */
interface Mapping {
  readonly address: unknown;
  readonly size: number;
}

const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
