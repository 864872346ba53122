import type { TftpPacket } from "../wire/packet.ts";

/** What the host of a `ReadTransfer` has to do, in this order. */
export type TransferEffect =
  /** Send this packet to the client. */
  | { readonly kind: "send"; readonly packet: TftpPacket }
  /** Read these bytes of the file, then call `blockRead` or `readFailed`. One read at a time is asked for. */
  | { readonly kind: "read"; readonly offset: number; readonly length: number }
  /** The end: the client has the whole file, or it only wanted to know its size ("probe"). */
  | { readonly kind: "done"; readonly outcome: "complete" | "probe" }
  /** The end: the client does not have the file. `reason` is safe to log. */
  | { readonly kind: "fail"; readonly reason: string };
