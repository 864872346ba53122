import type { KernelBytes } from "./kernel-memory.ts";

/** What a read from disk gave, in a buffer that goes back to its pool when it was sent. */
export interface ReadBytes {
  /** Empty at the file's end. */
  readonly bytes: Uint8Array;
  /** To be called once, when nothing needs the bytes any more. */
  release(): void;
}

/** A file that is being sent to one client. It stays the same when it is removed or replaced meanwhile. */
export interface OpenFile {
  /** Length in bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly modifiedMs: number;
  /** `length` bytes from `offset`, where they are in memory; null: they have to be read. */
  inMemory(offset: number, length: number): Uint8Array | null;
  /** By which the kernel takes them without a copy, where they are in such memory; absent: it does not. */
  readonly sendTo?: KernelBytes["sendTo"] | undefined;
  /**
   * Some bytes from `offset`, at most `length`; none when there are none, or others than the file's own.
   *
   * @throws the file system's error
   */
  read(offset: number, length: number): Promise<ReadBytes>;
  /** To be called once. */
  close(): void;
}
