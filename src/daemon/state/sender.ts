import type { Machine } from "../../events/types.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";

/**
 * The machine that sends from an address, as DHCP or the operating system's table of neighbours tells; null: nobody
 * knows, whatever a request from there says of itself.
 */
export type SenderAt = (address: Ip4 | null) => Mac | null;

/** The machine of a request by TFTP or HTTP that may be believed; null: it names another one, or nobody knows. */
export function provedSender({ mac, address }: Machine, senderAt: SenderAt): Mac | null {
  const sender = senderAt(address);
  return mac === null || mac === sender ? sender : null;
}
