import { printable, toHex, toText } from "../../lib/bytes.ts";
import { formatSubnet, type Ip4 } from "../../lib/ip4.ts";
import type { AllocationContext } from "../leases/allocator.ts";
import { isActive, type Lease, type LeaseState } from "../leases/lease-table.ts";
import { OptionCode } from "../wire/option-codes.ts";
import type { DhcpRequest } from "../message/request.ts";

/** Whose request leads to a lease. */
interface Holder extends Pick<AllocationContext, "mac" | "link" | "leases" | "nowMs"> {
  readonly request: DhcpRequest;
}

/**
 * Lease records are complete: what is known of the client is written anew each time. They are bounded
 * as well: repeated options (RFC 3396) could fill a whole datagram.
 */
export function leaseOf(context: Holder, address: Ip4, state: LeaseState, forMs: number): Lease {
  const { mac, link, request, nowMs } = context;
  const former = context.leases.ofMachine(mac, link.subnet);
  const continues = former !== null && former.address === address && isActive(former, nowMs);
  const hostname = request.packet.options.get(OptionCode.HOST_NAME);
  return {
    mac,
    address,
    network: formatSubnet(link.subnet),
    state,
    expiresAtMs: nowMs + forMs,
    startedAtMs: continues ? former.startedAtMs : nowMs,
    hostname:
      hostname === undefined || hostname.length === 0
        ? (former?.hostname ?? null)
        : printable(toText(hostname), 64),
    clientId: request.clientId === null ? null : toHex(request.clientId.subarray(0, 255)),
  };
}
