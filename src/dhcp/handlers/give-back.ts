import { isNamed } from "../../boot/node.ts";
import { type AllocationContext, poolUse } from "../leases/allocator.ts";
import { isActive, type Lease } from "../leases/lease-table.ts";
import { namesAnotherServer } from "../message/relay.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { ignored } from "./boot-events.ts";
import type { Effect } from "./effects.ts";
import type { Answer } from "./full-reply.ts";
import { leaseOf } from "./lease-from-request.ts";

/* How a machine ends its lease: DHCPDECLINE and DHCPRELEASE. Only the machine that has the lease may do so. */

/** For how long an address that another host was found to use is not handed out. */
export const QUARANTINE_MS = 3_600_000;
/** The same for a reserved address: its machine has no other. */
const RESERVED_QUARANTINE_MS = 600_000;
/** The same for an address that its machine declined, and at which no host answers. */
const DOUBTFUL_QUARANTINE_MS = 600_000;

type Context = Answer & AllocationContext;

/** RFC 2131 4.3.3: the machine found its address in use by another host. */
export function decline(context: Context): readonly Effect[] {
  const { node, mac, nowMs } = context;
  const lease = leaseFor(context, context.request.requestedAddress);
  if (lease === null) return ignored("it declines an address that it does not have");
  const { address } = lease;
  const reserved = context.reservedFor(address) !== null;
  const takenForMs = reserved ? RESERVED_QUARANTINE_MS : QUARANTINE_MS;
  const taken = leaseOf(context, address, "declined", takenForMs);
  const doubtful = { ...taken, expiresAtMs: nowMs + DOUBTFUL_QUARANTINE_MS };
  // Nobody can put more than half of a pool out of use by words alone.
  const { addresses, quarantined } = poolUse(context);
  const isTooMuch = !reserved && quarantined > 0 && quarantined * 2 >= addresses;
  const unchecked = isTooMuch ? { ...taken, expiresAtMs: nowMs } : taken;
  const known = isNamed(node, mac);
  return [{ kind: "decline", lease, taken, unchecked, doubtful, reserved, known }];
}

/** RFC 2131 4.3.4: given back, but kept on record, so that the machine gets its address again. */
export function release(context: Context): readonly Effect[] {
  const { mac, link, request } = context;
  const lease = leaseFor(context, request.packet.ciaddr);
  if (lease === null) return ignored("it releases an address that it does not have");
  const { address } = lease;
  return [
    { kind: "record", lease: leaseOf(context, address, "released", 0) },
    {
      kind: "event",
      event: { event: "lease-released", mac, address, interface: link.interface },
    },
  ];
}

/** The machine's present lease in this network, if it is of that address and the request is for us. */
function leaseFor(
  { request, link, leases, mac, nowMs }: Context,
  address: Ip4 | null,
): Lease | null {
  if (namesAnotherServer(request, link)) return null;
  const lease = leases.ofMachine(mac, link.subnet);
  return lease !== null && lease.address === address && isActive(lease, nowMs) ? lease : null;
}
