import { type FindNode, identities, type Identity, type NodeEntry } from "../boot/node.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { SortedTexts } from "../lib/lists/sorted-texts.ts";
import { swappedUuid } from "../boot/identity/uuid.ts";
import { matchesWildcard } from "../boot/identity/wildcard.ts";

/**
 * The machines that the administrator named, found by MAC, UUID or serial number, in that order; those with
 * wildcards after all others, in the order of the file.
 */
export interface Inventory {
  readonly entries: readonly NodeEntry[];
  readonly find: FindNode;
  /** The MACs that entries name behind this text, ascending. */
  readonly macsAfter: (text: string) => Iterable<string>;
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
  const builder = new InventoryBuilder();
  builder.add(entries);
  return builder.done();
}

/** Makes an inventory of entries that come some at a time, so that no turn of the event loop has all of them to sort. */
export class InventoryBuilder {
  readonly #entries: NodeEntry[] = [];
  readonly #byMac = new Map<string, NodeEntry>();
  readonly #macs = new SortedTexts();
  readonly #byUuid = new Map<string, NodeEntry>();
  readonly #bySerial = new Map<string, NodeEntry>();
  readonly #byAddress = new Map<string, NodeEntry>();
  readonly #wide: NodeEntry[] = [];
  readonly #loaders = new Set<string>();
  #withoutAddress = 0;

  add(entries: readonly NodeEntry[]): void {
    for (const entry of entries) {
      const { mac, uuid, serial, address, loader, wildcards } = entry;
      this.#entries.push(entry);
      if (mac !== null) {
        this.#byMac.set(mac, entry);
        this.#macs.add(mac);
      }
      if (uuid !== null) this.#byUuid.set(uuid, entry);
      if (serial !== null) this.#bySerial.set(serial, entry);
      if (address !== null) this.#byAddress.set(address, entry);
      else if (entry.dhcp) this.#withoutAddress += 1;
      if (wildcards !== undefined) this.#wide.push(entry);
      if (loader !== null) this.#loaders.add(loader);
    }
  }

  /** The inventory of all that were added. Nothing may be added after that. */
  done(): Inventory {
    const [byMac, byUuid, bySerial] = [this.#byMac, this.#byUuid, this.#bySerial];
    const [byAddress, wide, loaders] = [this.#byAddress, this.#wide, this.#loaders];
    const macs = this.#macs;
    return {
      entries: this.#entries,
      find: (machine) => {
        const { mac, uuid, serial } = machine;
        const named =
          byMac.get(mac) ??
          (uuid === null || byUuid.size === 0
            ? undefined
            : (byUuid.get(uuid) ?? byUuid.get(swappedUuid(uuid)))) ??
          (serial === null ? undefined : bySerial.get(serial));
        return named ?? wide.find((entry) => fits(entry, machine)) ?? null;
      },
      macsAfter: (text) => macs.after(text),
      reservedFor: (address) => byAddress.get(address) ?? null,
      withoutAddress: this.#withoutAddress,
      namesSerials:
        bySerial.size > 0 || wide.some(({ wildcards }) => wildcards?.serial !== undefined),
      namesLoader: (name) => loaders.has(name),
    };
  }
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
