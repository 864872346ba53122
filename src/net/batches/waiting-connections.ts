import { type Server, Socket } from "node:net";
import { platform } from "node:os";
import { descriptorOf } from "../../lib/descriptors.ts";
import { libc } from "../../lib/libc/prototypes.ts";

/**
 * Accepts connections that wait at a listening server, beside the one that Node has just accepted. `allowHalfOpen` is as the
 * server's own.
 */
export type AcceptWaiting = (server: Server, allowHalfOpen: boolean) => readonly Socket[];

// <sys/socket.h> on Linux.
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
/** In one turn of the event loop, in which others have theirs, too. */
const MOST_AT_ONCE = 64;

/**
 * libuv accepts one connection in a turn of the event loop (since 1.45). Where turns are long because much else goes on, a
 * machine's connection would wait behind all that somebody opens in vain; so those that wait are accepted together, and
 * whose share is used up is seen at once. Null where koffi is not installed, or the system is not Linux.
 */
export async function loadAcceptWaiting(): Promise<AcceptWaiting | null> {
  if (platform() !== "linux") return null;
  try {
    const koffi = await import("koffi");
    const library = koffi.load(null);
    const accept4 = library.func(libc.accept4);
    const close = library.func(libc.close);
    const socketOf = (descriptor: number, allowHalfOpen: boolean): Socket | null => {
      try {
        const both = { readable: true, writable: true };
        return new Socket({ fd: descriptor, allowHalfOpen, ...both }).setNoDelay(true);
      } catch {
        close(descriptor);
        return null;
      }
    };
    return (server, allowHalfOpen) => {
      const listening = descriptorOf(server);
      const sockets: Socket[] = [];
      if (listening === null) return sockets;
      while (sockets.length < MOST_AT_ONCE) {
        const accepted = Number(accept4(listening, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC));
        // None waits, or there are too many descriptors: libuv hears of that, too.
        if (accepted < 0) break;
        const socket = socketOf(accepted, allowHalfOpen);
        if (socket !== null) sockets.push(socket);
      }
      return sockets;
    };
  } catch {
    return null;
  }
}
