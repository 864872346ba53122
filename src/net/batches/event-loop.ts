import { isMainThread } from "node:worker_threads";
import type { LibraryHandle } from "koffi";
import { InternalError } from "../../lib/errors.ts";

/*
 * Node's own event loop as a place to wait for a descriptor: libuv's `uv_poll_t`, which Node has no other way to. koffi's own
 * wrapper of it makes an object for each call, which takes as long as to receive a datagram does.
 */

/** Reports in turns of the event loop that a descriptor has something. */
export interface Watch {
  /** From now on; `forWriting`: also when the kernel takes more. */
  start(forWriting: boolean): void;
  /** Until it is started again. */
  stop(): void;
  /** For good; before the descriptor is closed. */
  end(): void;
}

export interface EventLoop {
  /** `ready` is told whether the descriptor has an error; then the watch has to be started again. It must not throw. */
  watch(descriptor: number, ready: (failed: boolean) => void): Watch;
  /** Whether anything that the loop waits for has something, without its having a turn. */
  hasEvents(): boolean;
}

// <uv.h>, the same in all versions of libuv 1.
const UV_POLL = 8;
const UV_READABLE = 1;
const UV_WRITABLE = 2;
// <poll.h>
const POLLIN = 1;

type Koffi = Pick<typeof import("koffi"), "node" | "proto" | "pointer" | "register">;

/** Null in a thread, whose event loop must not be left with what it does not know. Throws where libuv is not to be found. */
export function findEventLoop(koffi: Koffi, library: LibraryHandle): EventLoop | null {
  if (!isMainThread) return null;
  const call = {
    loop: library.func("int napi_get_uv_event_loop(void *, _Out_ void **)"),
    size: library.func("size_t uv_handle_size(int)"),
    malloc: library.func("void *malloc(size_t)"),
    init: library.func("int uv_poll_init(void *, void *, int)"),
    start: library.func("int uv_poll_start(void *, int, void *)"),
    stop: library.func("int uv_poll_stop(void *)"),
    close: library.func("void uv_close(void *, void *)"),
    descriptor: library.func("int uv_backend_fd(void *)"),
    poll: library.func("int poll(void *, unsigned long, int)"),
  };
  const free: unknown = library.symbol("free");
  const found: unknown[] = [null];
  if (Number(call.loop(koffi.node.env, found)) !== 0) return null;
  const [loop] = found;
  const watched = new Map<number, (failed: boolean) => void>();
  // `uv_poll_cb`. One for all, since their number is limited.
  const type = koffi.proto("void", ["uintptr_t", "int", "int"]);
  const polled = koffi.register((handle: number, status: number) => {
    watched.get(handle)?.(status < 0);
  }, koffi.pointer(type));
  // `struct pollfd`: the loop's own descriptor is readable when one of those that it waits for has something.
  const polls = Int32Array.of(Number(call.descriptor(loop)), POLLIN);
  return {
    hasEvents: () => Number(call.poll(polls, 1, 0)) > 0,
    watch(descriptor, ready) {
      const handle: unknown = call.malloc(call.size(UV_POLL));
      const failed = Number(call.init(loop, handle, descriptor));
      if (failed !== 0) throw new InternalError(`descriptor ${descriptor}: uv_poll_init ${failed}`);
      const start = (forWriting: boolean): void => {
        call.start(handle, UV_READABLE | (forWriting ? UV_WRITABLE : 0), polled);
      };
      watched.set(Number(handle), ready);
      start(false);
      return {
        start,
        stop: () => void call.stop(handle),
        end() {
          watched.delete(Number(handle));
          // libuv uses the handle until it says that it is closed.
          call.close(handle, free);
        },
      };
    },
  };
}
