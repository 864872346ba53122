/** Bytes to hand out, wherever they are kept. Closed by whoever asked for it. */
export interface BlobSource {
  /** Length in bytes. */
  readonly size: number;
  /** Up to `length` bytes from `offset`; fewer only at the end. Synchronous when they are in memory. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A blob that is in memory; nothing to close. */
export function memoryBlob(bytes: Uint8Array): BlobSource {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    close: () => Promise.resolve(),
  };
}
