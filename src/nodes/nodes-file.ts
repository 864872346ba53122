import { identities, type NodeEntry } from "../boot/node.ts";
import { checkValue, type Fault } from "../config/faults.ts";
import { formatFaults, readYaml, type YamlFile } from "../config/yaml.ts";
import { ConfigError } from "../lib/errors.ts";
import { parseSubnet } from "../lib/ip4.ts";
import { hasWildcard } from "../boot/identity/wildcard.ts";
import { type NodeInput, nodesSchema } from "./schema.ts";

/** Each is compared with every request of a machine that no other entry names. */
const MOST_WITH_WILDCARDS = 1000;

/**
 * Reads the text of a nodes file.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function parseNodes(text: string, file: string): readonly NodeEntry[] {
  const yaml = readYaml(text, file);
  const checked = checkValue(nodesSchema, yaml.value ?? []);
  const rules = checked.value === null ? [] : ruleFaults(checked.value, yaml);
  const faults = [...checked.faults, ...rules];
  if (faults.length > 0 || checked.value === null) {
    throw new ConfigError(formatFaults(yaml, faults));
  }
  return checked.value.map(nodeEntry);
}

function ruleFaults(nodes: readonly NodeInput[], yaml: YamlFile): Fault[] {
  const faults: Fault[] = [];
  for (const key of [...identities, "address"] as const) {
    const first = new Map<string, number>();
    for (const [index, node] of nodes.entries()) {
      const value = node[key];
      if (value === null) continue;
      const earlier = first.get(value);
      if (earlier === undefined) first.set(value, index);
      else {
        const place = yaml.describe(yaml.locate([earlier, key]));
        const message = `entry ${earlier + 1} has the same ${key} (${place})`;
        faults.push({ path: [index, key], message });
      }
    }
  }
  const wide = nodes.flatMap((node, index) => (wildcardsOf(node) === null ? [] : [index]));
  const excess = wide[MOST_WITH_WILDCARDS];
  if (excess !== undefined) {
    const message = `at most ${MOST_WITH_WILDCARDS} entries may have * or ?; these are ${wide.length}`;
    faults.push({ path: [excess], message });
  }
  return faults;
}

type Wildcards = NonNullable<NodeEntry["wildcards"]>;

function wildcardsOf(node: NodeInput): Wildcards | null {
  const wide = identities.flatMap((kind) => {
    const value = node[kind];
    return value !== null && hasWildcard(value) ? [[kind, value] as const] : [];
  });
  return wide.length === 0 ? null : Object.fromEntries(wide);
}

function exact(value: string | null): string | null {
  return value === null || hasWildcard(value) ? null : value;
}

/** What was checked, as the program has it. */
export function nodeEntry(node: NodeInput): NodeEntry {
  const wildcards = wildcardsOf(node);
  return {
    ...node,
    mac: exact(node.mac),
    uuid: exact(node.uuid),
    serial: exact(node.serial),
    routes: node.routes.flatMap(({ to, via }) => {
      const subnet = parseSubnet(to);
      return subnet === null ? [] : [{ ...subnet, via }];
    }),
    ...(wildcards === null ? {} : { wildcards }),
  };
}
