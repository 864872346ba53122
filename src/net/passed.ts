import { ANY_ADDRESS } from "../lib/ip4.ts";
import { adoptDgram } from "./dgram.ts";
import type { UdpSocket } from "./udp.ts";

/** A descriptor that systemd passed, with the `FileDescriptorName=` of its socket unit. */
export interface PassedDescriptor {
  readonly fd: number;
  readonly name: string;
}

/** A UDP socket that systemd passed. For DHCP its name is the network device that it is bound to. */
export interface PassedSocket {
  readonly name: string;
  readonly socket: UdpSocket;
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
 * Takes over those of the descriptors that are UDP sockets over IPv4; once for each process. What
 * does not get an owner in time hears nothing, so it is for the start of the program.
 */
export async function adoptPassed(
  descriptors: readonly PassedDescriptor[],
): Promise<PassedSocket[]> {
  const sockets: PassedSocket[] = [];
  for (const { fd, name } of descriptors) {
    try {
      const socket = await adoptDgram(fd, { address: ANY_ADDRESS, port: 0 }, null);
      // A bare port in `ListenDatagram=` is an IPv6 socket, which cannot be used here.
      if (socket.local.address.includes(":")) await socket.close();
      else sockets.push({ name, socket });
    } catch {
      // A TCP or Unix socket: somebody else's.
    }
  }
  return sockets;
}
