import type { NodeEntry } from "../../boot/node.ts";
import { readU32, u32 } from "../../lib/bytes.ts";
import type { FullLink } from "../link.ts";
import type { DhcpRequest } from "../message/request.ts";
import { OptionCode } from "../wire/option-codes.ts";

/** The shortest lease that a client gets by asking for a short one. */
const LEAST_REQUESTED_SECONDS = 60;

/**
 * For how long the machine gets its address: firmware and iPXE for a short time, since their machine
 * becomes another one soon; an operating system for a longer one; or what its entry says. A client
 * that asks for less gets less.
 */
export function leaseSecondsFor({
  request,
  link,
  node,
}: {
  readonly request: DhcpRequest;
  /** The network that the address is in. */
  readonly link: FullLink;
  readonly node: NodeEntry | null;
}): number {
  const { leaseSeconds, netbootLeaseSeconds } = link.full;
  const boots = request.client.transport !== null || request.client.ipxe;
  const given = node?.leaseSeconds ?? (boots ? netbootLeaseSeconds : leaseSeconds);
  const option = request.packet.options.get(OptionCode.LEASE_TIME);
  const requested = option?.length === 4 ? readU32(option, 0) : given;
  return Math.min(given, Math.max(requested, LEAST_REQUESTED_SECONDS));
}

/** Options 51, 58 and 59. RFC 2131 4.4.5: renew at half of the time, rebind at seven eighths. */
export function leaseTimeOptions(
  leaseSeconds: number,
): readonly (readonly [code: number, value: Uint8Array])[] {
  return [
    [OptionCode.LEASE_TIME, u32(leaseSeconds)],
    [OptionCode.RENEWAL_TIME, u32(Math.floor(leaseSeconds / 2))],
    [OptionCode.REBINDING_TIME, u32(Math.floor((leaseSeconds * 7) / 8))],
  ];
}
