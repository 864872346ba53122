import type { FindNode, NodeEntry } from "../boot/node.ts";
import { checkValue, type Fault } from "../config/faults.ts";
import { formatFaults, readYaml } from "../config/yaml.ts";
import { ConfigError } from "../lib/errors.ts";
import { type Ip4, parseSubnet } from "../lib/ip4.ts";
import { type NodeInput, nodesSchema } from "./schema.ts";

/** The machines that the administrator named, found by MAC, UUID or serial number, in that order. */
export interface Inventory {
  readonly entries: readonly NodeEntry[];
  readonly find: FindNode;
  /** The entry that sets an address aside for its machine. */
  readonly reservedFor: (address: Ip4) => NodeEntry | null;
  /** How many entries reserve no address for their machine. */
  readonly withoutAddress: number;
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
  const loaders = new Set(entries.map((entry) => entry.loader));
  return {
    entries,
    find: ({ mac, uuid, serial }) =>
      byMac.get(mac) ??
      (uuid === null ? undefined : byUuid.get(uuid)) ??
      (serial === null ? undefined : bySerial.get(serial)) ??
      null,
    reservedFor: (address) => byAddress.get(address) ?? null,
    withoutAddress: entries.filter(({ address, dhcp }) => address === null && dhcp).length,
    namesLoader: (name) => loaders.has(name),
  };
}

/**
 * Reads the text of a nodes file.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function parseNodes(text: string, file: string): readonly NodeEntry[] {
  const yaml = readYaml(text, file);
  const checked = checkValue(nodesSchema, yaml.value ?? []);
  const rules = checked.value === null ? [] : ruleFaults(checked.value);
  const faults = [...checked.faults, ...rules];
  if (faults.length > 0 || checked.value === null) {
    throw new ConfigError(formatFaults(yaml, faults));
  }
  return checked.value.map(nodeEntry);
}

function ruleFaults(nodes: readonly NodeInput[]): Fault[] {
  const faults: Fault[] = [];
  for (const key of ["mac", "uuid", "serial", "address"] as const) {
    const first = new Map<string, number>();
    for (const [index, node] of nodes.entries()) {
      const value = node[key];
      if (value === null) continue;
      const earlier = first.get(value);
      if (earlier === undefined) first.set(value, index);
      else {
        const message = `entry ${earlier + 1} has the same ${key}`;
        faults.push({ path: [index, key], message });
      }
    }
  }
  for (const [index, node] of nodes.entries()) {
    if (node.netboot === "once") {
      const message = "once is not available in this version; use allow or deny";
      faults.push({ path: [index, "netboot"], message });
    }
  }
  return faults;
}

function nodeEntry(node: NodeInput): NodeEntry {
  return {
    ...node,
    netboot: node.netboot === "deny" ? "deny" : "allow",
    routes: node.routes.flatMap(({ to, via }) => {
      const subnet = parseSubnet(to);
      return subnet === null ? [] : [{ ...subnet, via }];
    }),
  };
}
