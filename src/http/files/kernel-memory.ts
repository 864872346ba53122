import { arch } from "node:os";

/*
 * Memory from which the kernel sends by itself: it takes references to the pages (sendfile(2)), where a write would copy them.
 * Node has neither such memory nor the call.
 */

/** Bytes in memory, and how the kernel takes them from there. */
export interface KernelBytes {
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
}

// <sys/mman.h> on Linux, for every architecture that Node runs on.
const MFD_CLOEXEC = 1;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MADV_HUGEPAGE = 14;

/** What has to be given back, each by its own call. */
interface Mapping {
  readonly descriptor: number;
  readonly address: unknown;
  readonly size: number;
}

/** Where an offset in a file has 8 bytes, as it is declared here. */
const machines: ReadonlySet<string> = new Set(["x64", "arm64"]);

/** Null where `koffi` is not installed, the system is not Linux, and on machines that are none of those above. */
export async function loadKernelMemory(): Promise<KernelMemory | null> {
  if (!machines.has(arch())) return null;
  try {
    const { address: addressOf, load, view } = await import("koffi");
    const library = load(null);
    const call = {
      memfd: library.func("int memfd_create(const char *name, unsigned int flags)"),
      ftruncate: library.func("int ftruncate(int fd, int64_t length)"),
      mmap: library.func("void *mmap(void *, size_t, int, int, int fd, int64_t offset)"),
      madvise: library.func("int madvise(void *address, size_t length, int advice)"),
      munmap: library.func("int munmap(void *address, size_t length)"),
      sendfile: library.func("long sendfile(int to, int from, void *offset, size_t length)"),
      close: library.func("int close(int fd)"),
    };
    // Giving back gigabytes takes tenths of a second, which no machine is to wait for.
    const free = ({ descriptor, address, size }: Mapping): void => {
      call.munmap.async(address, size, () => call.close.async(descriptor, () => {}));
    };
    // A write that Node has not finished may still refer to the bytes, whoever else has done with them.
    const unused = new FinalizationRegistry(free);
    const place = new BigInt64Array(1);
    return {
      allocate(size) {
        const descriptor = Number(call.memfd("eim-pxe", MFD_CLOEXEC));
        if (descriptor < 0) return null;
        const isSized = Number(call.ftruncate(descriptor, size)) === 0;
        const address: unknown = isSized
          ? call.mmap(null, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
          : null;
        if (address === null || addressOf(address) === MAP_FAILED) {
          call.close(descriptor);
          return null;
        }
        // Fewer and larger pages, where the system has some.
        call.madvise(address, size, MADV_HUGEPAGE);
        const memory = view(address, size);
        unused.register(memory, { descriptor, address, size });
        return {
          bytes: Buffer.from(memory),
          sendTo: (connection, offset, length) => {
            place[0] = BigInt(offset);
            return Math.max(0, Number(call.sendfile(connection, descriptor, place, length)));
          },
        };
      },
    };
  } catch {
    return null;
  }
}

const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
