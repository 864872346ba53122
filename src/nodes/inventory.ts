import { type FindNode, identities, type Identity, type NodeEntry } from "../boot/node.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { swappedUuid } from "../boot/identity/uuid.ts";
import { matchesWildcard } from "../boot/identity/wildcard.ts";

/**
 * The machines that the administrator named, found by MAC, UUID or serial number, in that order; those with
 * wildcards after all others, in the order of the file.
 */
export interface Inventory {
  readonly entries: readonly NodeEntry[];
  readonly find: FindNode;
  /** The entry that sets an address aside for its machine. */
  readonly reservedFor: (address: Ip4) => NodeEntry | null;
  /** How many entries reserve no address for their machine. */
  readonly withoutAddress: number;
  /** Whether some entry names its machine by serial number. */
  readonly namesSerials: boolean;
  /** Whether some entry names this file as its loader. */
  readonly namesLoader: (name: string) => boolean;
}

export function createInventory(entries: readonly NodeEntry[]): Inventory {
  const index = (key: (entry: NodeEntry) => string | null) => {
    const found = new Map<string, NodeEntry>();
    for (const entry of entries) {
      const value = key(entry);
      if (value !== null) found.set(value, entry);
    }
    return found;
  };
  const byMac = index((entry) => entry.mac);
  const byUuid = index((entry) => entry.uuid);
  const bySerial = index((entry) => entry.serial);
  const byAddress = index((entry) => entry.address);
  const wide = entries.filter(({ wildcards }) => wildcards !== undefined);
  const loaders = new Set(entries.map((entry) => entry.loader));
  return {
    entries,
    find: (machine) => {
      const { mac, uuid, serial } = machine;
      const named =
        byMac.get(mac) ??
        (uuid === null ? undefined : (byUuid.get(uuid) ?? byUuid.get(swappedUuid(uuid)))) ??
        (serial === null ? undefined : bySerial.get(serial));
      return named ?? wide.find((entry) => fits(entry, machine)) ?? null;
    },
    reservedFor: (address) => byAddress.get(address) ?? null,
    withoutAddress: entries.filter(({ address, dhcp }) => address === null && dhcp).length,
    namesSerials:
      bySerial.size > 0 || wide.some(({ wildcards }) => wildcards?.serial !== undefined),
    namesLoader: (name) => loaders.has(name),
  };
}

function fits(
  { wildcards }: NodeEntry,
  machine: { readonly [Kind in Identity]: string | null },
): boolean {
  return identities.some((kind) => {
    const [pattern, value] = [wildcards?.[kind], machine[kind]];
    return pattern !== undefined && value !== null && matchesWildcard(pattern, value);
  });
}
