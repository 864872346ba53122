import { readFileSync } from "node:fs";

/** How many file descriptors are shared out, and to whom. */
export interface DescriptorShares {
  /** TFTP transfers at the same time. */
  readonly transfers: number;
  /** HTTP connections at the same time, at all addresses. */
  readonly connections: number;
}

/** Node's own, the log, the journal, the admin port, downloads of the mirror, files that are being read. */
const OTHER_DESCRIPTORS = 112;
/** The sockets of DHCP, TFTP and HTTP of a link. */
const LINK_DESCRIPTORS = 8;
/** `net/transfer-socket.ts`: a pair. */
const TRANSFER_DESCRIPTORS = 2;
/** As many boot at once as a very small limit allows; more would find no descriptor. */
const MIN_TRANSFERS = 4;
const MIN_CONNECTIONS = 8;

/**
 * How the descriptors of this process are shared out, so that neither protocol takes all of them: half of what the
 * rest leaves is for TFTP, and what that does not need is for HTTP.
 *
 * @param limit of descriptors (`ulimit -n`)
 * @param wanted the limits without regard to descriptors; in single-port mode a transfer needs none
 */
export function shareDescriptors(
  limit: number,
  wanted: DescriptorShares & { readonly links: number; readonly singlePort: boolean },
): DescriptorShares {
  const { links, singlePort } = wanted;
  const rest = Math.max(0, limit - OTHER_DESCRIPTORS - LINK_DESCRIPTORS * links);
  const most = Math.max(MIN_TRANSFERS, Math.floor(rest / 2 / TRANSFER_DESCRIPTORS));
  const transfers = singlePort ? wanted.transfers : Math.min(wanted.transfers, most);
  const forHttp = rest - (singlePort ? 0 : transfers * TRANSFER_DESCRIPTORS);
  return {
    transfers,
    connections: Math.min(wanted.connections, Math.max(MIN_CONNECTIONS, forHttp)),
  };
}

/** How many descriptors this process may have; Infinity where the system does not tell (no `/proc`). */
export function readDescriptorLimit(file = "/proc/self/limits"): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(file, "utf8"))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
