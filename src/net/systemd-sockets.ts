import { ANY_ADDRESS } from "../lib/ip4.ts";
import { dgramSockets } from "./dgram.ts";
import type { UdpEndpoint, UdpSocket, UdpSockets } from "./udp.ts";

/** A descriptor that systemd passed, with the `FileDescriptorName=` of its socket unit. */
export interface PassedDescriptor {
  readonly fd: number;
  readonly name: string;
}

/** The present user of a passed socket. */
interface Borrower {
  readonly hear: ((payload: Uint8Array, from: UdpEndpoint) => void)[];
  readonly fail: ((error: Error) => void)[];
}

/**
 * A UDP socket that systemd passed. For DHCP its name is the network device that it is bound to. It has
 * one user after the other and stays open in between: systemd holds the port in any case, so that it
 * could not be bound again. What is received while nothing uses it is lost.
 */
export class PassedSocket {
  readonly name: string;
  readonly #socket: UdpSocket;
  #borrower: Borrower | null = null;
  /** The device that it was used for, by the kernel's number. */
  #device: { readonly index: number | null } | null = null;

  constructor(name: string, socket: UdpSocket) {
    this.name = name;
    this.#socket = socket;
    socket.onMessage((payload, from) => {
      for (const handler of this.#borrower?.hear ?? []) handler(payload, from);
    });
    socket.onError((error) => {
      for (const handler of this.#borrower?.fail ?? []) handler(error);
    });
  }

  get local(): UdpEndpoint {
    return this.#socket.local;
  }

  /**
   * Whether it receives from the device of this number. The kernel binds a socket to a device, not to its name:
   * one that was created again is another one.
   */
  hears(index: number | null): boolean {
    return this.#device === null || this.#device.index === index;
  }

  /** The socket for a new user, from now on instead of the former one; to close it gives it back. */
  lend(index: number | null): UdpSocket {
    const borrower: Borrower = { hear: [], fail: [] };
    this.#borrower = borrower;
    this.#device ??= { index };
    return {
      local: this.#socket.local,
      send: (payload, to) => {
        if (this.#borrower === borrower) this.#socket.send(payload, to);
      },
      onMessage: (handler) => void borrower.hear.push(handler),
      onError: (handler) => void borrower.fail.push(handler),
      gather: () => this.#socket.gather?.(),
      close: () => {
        if (this.#borrower === borrower) this.#borrower = null;
        return Promise.resolve();
      },
    };
  }

  /** Closes the socket itself. */
  close(): Promise<void> {
    return this.#socket.close();
  }
}

/** The environment variables of `sd_listen_fds(3)`. */
export interface ListenEnvironment {
  readonly LISTEN_PID?: string | undefined;
  readonly LISTEN_FDS?: string | undefined;
  readonly LISTEN_FDNAMES?: string | undefined;
}

const FIRST_DESCRIPTOR = 3;

/** What the environment says was passed to the process `pid`; none when it was meant for another. */
export function passedDescriptors(environment: ListenEnvironment, pid: number): PassedDescriptor[] {
  const count = Number(environment.LISTEN_FDS ?? 0);
  if (environment.LISTEN_PID !== String(pid) || !Number.isInteger(count) || count < 1) return [];
  const names = environment.LISTEN_FDNAMES?.split(":") ?? [];
  return Array.from({ length: count }, (_, i) => ({
    fd: FIRST_DESCRIPTOR + i,
    name: names[i] ?? "",
  }));
}

/**
 * Takes over those of the descriptors that are UDP sockets over IPv4; once for each process. They
 * are the caller's to close.
 */
export async function adoptPassed(
  descriptors: readonly PassedDescriptor[],
  udp: UdpSockets = dgramSockets,
): Promise<PassedSocket[]> {
  const sockets: PassedSocket[] = [];
  for (const { fd, name } of descriptors) {
    try {
      const socket = await udp.adopt(fd, { address: ANY_ADDRESS, port: 0 }, null);
      // A bare port in `ListenDatagram=` is an IPv6 socket, which cannot be used here.
      if (socket.local.address.includes(":")) await socket.close();
      else sockets.push(new PassedSocket(name, socket));
    } catch {
      // A TCP or Unix socket: somebody else's.
    }
  }
  return sockets;
}
