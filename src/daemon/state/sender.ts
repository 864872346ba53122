import type { Machine } from "../../events/types.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { BootSessions } from "../../timeline/boots.ts";

/**
 * The machine that sends from an address, as DHCP or the operating system's table of neighbours tells; null: nobody
 * knows, whatever a request from there says of itself (field fault 47: anybody can write a machine's hardware address
 * into a URL, or into a file name by TFTP).
 */
export type SenderAt = (address: Ip4 | null) => Mac | null;

/** @param neighbourAt the hardware address that the operating system knows an address on a link by; null: it knows none */
export function senders(
  sessions: Pick<BootSessions, "ownerOf">,
  neighbourAt: (address: Ip4) => Mac | null,
): SenderAt {
  return (address) =>
    address === null ? null : (sessions.ownerOf(address) ?? neighbourAt(address));
}

/** The machine of a request by TFTP or HTTP that may be believed; null: it names another one, or nobody knows. */
export function provedSender({ mac, address }: Machine, senderAt: SenderAt): Mac | null {
  const sender = senderAt(address);
  return mac === null || mac === sender ? sender : null;
}
