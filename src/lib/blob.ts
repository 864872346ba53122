import type { FileHandle } from "node:fs/promises";

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

/** An open file of so many bytes as a blob; it stays readable after the file was removed, until it is closed. */
export function fileBlob(handle: FileHandle, size: number): BlobSource {
  return {
    size,
    read: async (offset, length) => {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = new Uint8Array(wanted);
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await handle.read(bytes, filled, wanted - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}
