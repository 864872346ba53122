import type { Leases } from "../dhcp/leases/lease-table.ts";
import type { Mac } from "../lib/mac.ts";
import type { NodesInForce } from "./nodes/nodes-in-force.ts";
import type { FirmwareMemory } from "./state/firmware-memory.ts";

/**
 * Whether a machine is known by more than its own word: it has, or had, a lease; it fetched its loader from here; or the
 * inventory has its MAC. One that only fits an entry with wildcards is not: anybody makes up as many of those as it likes.
 */
export function knownMachines(
  leases: Pick<Leases, "allOfMachine">,
  { offerStyles }: Pick<FirmwareMemory, "offerStyles">,
  { find }: Pick<NodesInForce, "find">,
): (mac: Mac) => boolean {
  return (mac) =>
    leases.allOfMachine(mac).length > 0 ||
    offerStyles.of(mac).proven !== null ||
    find({ mac, uuid: null, serial: null })?.mac === mac;
}
