import type { Mac } from "../../lib/mac.ts";
import type { Effect } from "../handlers/effects.ts";
import type { Offer } from "../leases/offer-table.ts";
import type { Link } from "../link.ts";
import type { Destination } from "../message/destination.ts";
import type { DhcpPacket } from "../wire/packet.ts";
import { shortened } from "./unwritten-lease.ts";

/** The request whose effects are performed. */
export interface RequestInHand {
  readonly link: Link;
  readonly mac: Mac | null;
  /** The machine looks for an address anew: what it declined is settled before. Default: it does not. */
  readonly startsOver?: boolean;
  readonly send: (packet: DhcpPacket, to: Destination) => void;
}

/** How far the effects of a request are performed, and what the later ones depend on. */
export interface Progress {
  performed: number;
  /** What the reply offers anew: it needs a lease that can be written. */
  offered: Offer | null;
  /** Whether a lease could be written, where that was asked; null: it was not. */
  isWritable: boolean | Promise<boolean> | null;
  /** What an acknowledgement may promise at most; null: what was decided. */
  atMostSeconds: number | null;
}

export function notBegun(): Progress {
  return { performed: 0, offered: null, isWritable: null, atMostSeconds: null };
}

/** The next one, as it is to be performed; null when all are. */
export function effectAt(effects: readonly Effect[], progress: Progress): Effect | null {
  const effect = effects[progress.performed] ?? null;
  const { atMostSeconds } = progress;
  return effect === null || atMostSeconds === null ? effect : shortened(effect, atMostSeconds);
}
