import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { messageOf } from "../../lib/errors.ts";
import { hashBeginning, onDisk } from "./disk.ts";
import { type HashJob, type HashOrder, hashReply } from "./hash-messages.ts";

/** Takes a file's bytes as they come, puts them behind what is there, and makes the SHA-256 of it all. */
export interface FileSink {
  /** Returns when there is room for more. @throws SyncError when the disk refuses */
  write(batch: readonly Uint8Array[]): Promise<void>;
  /** The SHA-256 in hex, when all is written. */
  finish(): Promise<string>;
  /** Ends it, with what was given so far written or not. */
  close(): Promise<void>;
}

export interface SinkTarget {
  /** For messages. */
  readonly name: string;
  readonly path: string;
  readonly handle: FileHandle;
  /** How much of the file is there already. */
  readonly offset: number;
}

/** From here on a thread is worth its start. */
const THREAD_FROM_BYTES = 16 * 1024 * 1024;
/** Batches that the thread may be behind. */
const BACKLOG = 4;
/** More than any chunk has, and most batches. */
const BUFFER_BYTES = 1024 * 1024;

/** @param bytes that will come; null when that is not known */
export async function openSink(target: SinkTarget, bytes: number | null): Promise<FileSink> {
  return bytes === null || bytes < THREAD_FROM_BYTES ? sinkHere(target) : sinkInThread(target);
}

async function sinkHere({ name, path, handle, offset }: SinkTarget): Promise<FileSink> {
  const hash: Hash = offset === 0 ? createHash("sha256") : await hashBeginning(path, offset);
  let position = offset;
  // One write runs while the next bytes come in.
  let writing: Promise<void> = Promise.resolve();
  return {
    write: async (batch) => {
      const at = position;
      for (const chunk of batch) {
        hash.update(chunk);
        position += chunk.length;
      }
      await writing;
      writing = onDisk(name, writeAll(handle, batch, at, position - at));
      // It is awaited before the next one; until then nobody looks at it.
      writing.catch(() => {});
    },
    finish: async () => {
      await writing;
      return hash.digest("hex");
    },
    close: () => writing.catch(() => {}),
  };
}

/** The disk's refusal as the thread met it. */
class ThreadError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "ThreadError";
    this.code = code;
  }
}

/** The same beside the thread that decrypts. */
function sinkInThread({ name, handle, offset }: SinkTarget): FileSink {
  // Shared: to hand over others costs more than the copy into them.
  const buffers = Array.from({ length: BACKLOG }, () => new SharedArrayBuffer(BUFFER_BYTES));
  const job: HashJob = { fd: handle.fd, offset, buffers };
  const worker = new Worker(new URL("./hash-thread.js", import.meta.url), {
    workerData: job,
    // It works on buffers, which are not on its heap.
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  const state: ThreadState = {
    underWay: 0,
    failure: null,
    sha256: null,
    free: [...buffers.keys()],
    wake: null,
  };
  worker.on("message", (message: unknown) => {
    const found = hashReply.parse(message);
    state.underWay -= 1;
    if ("code" in found) state.failure ??= new ThreadError(found.code, found.message);
    else if ("sha256" in found) state.sha256 = found.sha256;
    else state.free.push(found.slot);
    state.wake?.();
  });
  worker.on("error", (error) => {
    state.failure ??= new ThreadError("EIO", messageOf(error));
    state.wake?.();
  });
  const post = (order: HashOrder): void => worker.postMessage(order, []);
  const until = async (done: () => boolean): Promise<void> => {
    while (state.failure === null && !done()) {
      await new Promise<void>((resolve) => (state.wake = resolve));
    }
    if (state.failure !== null) await onDisk(name, Promise.reject(state.failure));
  };
  return {
    write: async (batch) => {
      let slot: number | undefined;
      let length = 0;
      const send = (): void => {
        if (slot === undefined) return;
        state.underWay += 1;
        post({ slot, length });
        slot = undefined;
      };
      for (const chunk of batch) {
        if (slot !== undefined && length + chunk.length > BUFFER_BYTES) send();
        if (slot === undefined) {
          await until(() => state.free.length > 0);
          slot = state.free.pop();
          length = 0;
        }
        new Uint8Array(buffers[slot ?? 0] ?? new SharedArrayBuffer(0)).set(chunk, length);
        length += chunk.length;
      }
      send();
    },
    finish: async () => {
      state.underWay += 1;
      post("finish");
      await until(() => state.sha256 !== null);
      return state.sha256 ?? "";
    },
    close: async () => {
      // What it was given is a part of the file that may be resumed from: let it write that.
      await until(() => state.underWay === 0).catch(() => {});
      await worker.terminate();
    },
  };
}

interface ThreadState {
  /** Messages without an answer. */
  underWay: number;
  failure: Error | null;
  sha256: string | null;
  /** Buffers that nobody works on, by their number. */
  readonly free: number[];
  wake: (() => void) | null;
}

async function writeAll(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
  bytes: number,
): Promise<void> {
  const { bytesWritten } = await handle.writev(chunks, position);
  if (bytesWritten === bytes) return;
  // A short write is what a disk does that is about to be full.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let at = 0; at < rest.length;) {
    at += (await handle.write(rest, at, rest.length - at, position + bytesWritten + at))
      .bytesWritten;
  }
}
