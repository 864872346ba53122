import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { OpenConnectedUdp, OpenUdp } from "../../net/udp.ts";
import type { Emit, Machine } from "../../events/types.ts";
import type { PortRange } from "./data-ports.ts";
import type { TftpFile, TftpRefusal } from "./transfer-driver.ts";
import type { NegotiationLimits } from "../wire/option-negotiation.ts";

export interface TftpLimits extends NegotiationLimits {
  /** Transfers at the same time, over all addresses; see `TransferSlots` for who is refused. */
  readonly maxTransfers: number;
  /** Where the ports of transfers are taken from; no more run at the same time. Null: any free port. */
  readonly dataPorts: PortRange | null;
  /** Send everything from the listening port, for clients behind NAT and load balancers. */
  readonly singlePort: boolean;
}

export interface TftpDenial {
  readonly reason: string;
  /** Told that there is no such file, instead of that it may not have it. */
  readonly asMissing: boolean;
}

export interface TftpServerOptions {
  /** One listening socket each, so that an answer always comes from the address that was asked. */
  readonly addresses: readonly Ip4[];
  /** Usually 69; 0 takes any free port, each address its own. */
  readonly port: number;
  readonly limits: TftpLimits;
  /** Whether a client's requests are answered at all; by default everybody's are. */
  readonly allows?: (client: Ip4) => boolean;
  /** Why this machine is given no file, and how it is told; null when it is. Default: every machine is. */
  readonly denies?: (machine: Machine) => TftpDenial | null;
  /**
   * The file of this name, or the one that can only be meant by it, or null; `asked` is the address of
   * ours that the request came to. The name is relative and has no `..`; several spellings of one
   * request are tried in turn. The blob that it returns is closed here. A file that is there and that
   * this machine is not given is refused, if no other spelling is served.
   */
  readonly find: (
    name: string,
    asked: Ip4,
    machine: Machine,
  ) => Promise<TftpFile | TftpRefusal | null>;
  /**
   * The largest IP packet that the link of this address of ours carries, in bytes; null when
   * unknown. Blocks are kept smaller: many boot ROMs cannot reassemble fragments.
   */
  readonly mtuAt?: (address: Ip4) => number | null;
  /** More of a loader was sent to this machine; called once a second at most for each transfer. */
  readonly moved?: (machine: Machine, bytesSent: number) => void;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly openUdp: OpenUdp;
  /**
   * Opens the socket of one transfer; a connected one notices clients that are gone. By default
   * `openUdp` is used, and transfers to such clients end after a while.
   */
  readonly openTransferUdp?: OpenConnectedUdp;
}
