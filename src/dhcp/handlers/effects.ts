import type { Destination } from "../message/destination.ts";
import type { MachineStyles } from "../../boot/offer-style.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { PxeEvent } from "../../events/types.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Lease } from "../leases/lease-table.ts";
import type { Offer } from "../leases/offer-table.ts";
import type { DhcpPacket } from "../wire/packet.ts";

/**
 * What a handler wants done, in this order. Handlers are pure; `server/effect-runner.ts` performs the effects
 * and awaits each `record` before the `send` that follows it (RFC 2131 3.1: commit before DHCPACK).
 */
export type Effect =
  | { readonly kind: "offer"; readonly offer: Offer }
  | { readonly kind: "withdraw"; readonly mac: Mac; readonly address: Ip4 }
  | {
      /** Checks whether an address that is about to be offered is in use. */
      readonly kind: "check";
      readonly address: Ip4;
      /** The machine that may use it. */
      readonly mac: Mac;
      /** What becomes of the address then, and the request is decided anew; null: it is offered all the same. */
      readonly quarantine: Lease | null;
      readonly event: PxeEvent;
      /** What to do in place of all that follows when it cannot be checked; null: what follows. */
      readonly unchecked: readonly Effect[] | null;
      /** Leases may be missing here: it is checked however many checks there are, and many addresses are in use. */
      readonly recovering?: boolean;
    }
  | {
      /** A machine says that another host uses its address: this is checked before it is believed. */
      readonly kind: "decline";
      /** The machine's lease as it is now. */
      readonly lease: Lease;
      /** What becomes of the address when another host is found there. */
      readonly taken: Lease;
      /** What becomes of it when that cannot be checked. */
      readonly unchecked: Lease;
      /** What becomes of it when no host answers there. */
      readonly doubtful: Lease;
      /** An entry reserves the address for the machine. */
      readonly reserved: boolean;
      /** An entry names the machine. */
      readonly known: boolean;
    }
  | { readonly kind: "record"; readonly lease: Lease }
  | { readonly kind: "remember"; readonly machine: MachineStyles }
  | { readonly kind: "send"; readonly packet: DhcpPacket; readonly to: Destination }
  | { readonly kind: "event"; readonly event: PxeEvent }
  | { readonly kind: "ignore"; readonly reason: string };
