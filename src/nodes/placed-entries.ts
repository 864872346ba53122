import { identities, type NodeEntry } from "../boot/node.ts";
import { checkValue, type Fault, type Path } from "../config/faults.ts";
import { type NodeInput, nodeSchema } from "./schema.ts";
import { nodeEntry } from "./nodes-file.ts";

/** An entry in the form of the nodes file that was made of something else, and where that stands. */
export interface PlacedEntry {
  readonly value: unknown;
  /** For people: `hardware.yaml:12:5`. */
  readonly place: string;
}

export interface PlacedResult {
  readonly entries: readonly NodeEntry[];
  /** What is wrong, each with its place. */
  readonly problems: readonly string[];
}

/** The entries that are right, and what is wrong with the others; of two with the same identity the first stays. */
export function checkPlaced(placed: readonly PlacedEntry[]): PlacedResult {
  const entries: NodeEntry[] = [];
  const problems: string[] = [];
  const taken = new Map<string, string>();
  for (const { value, place } of placed) {
    const checked = checkValue(nodeSchema, value);
    problems.push(...checked.faults.map((fault) => `${place}: ${inWords(fault)}`));
    if (checked.value === null) continue;
    const twice = duplicateOf(checked.value, place, taken);
    if (twice === null) entries.push(nodeEntry(checked.value));
    else problems.push(twice);
  }
  return { entries, problems };
}

function duplicateOf(node: NodeInput, place: string, taken: Map<string, string>): string | null {
  const keys = [...identities, "address"] as const;
  const own = keys.flatMap((key) => (node[key] === null ? [] : [`${key} ${node[key]}`]));
  const other = own.find((key) => taken.has(key));
  if (other !== undefined) return `${place}: ${taken.get(other) ?? ""} has the same ${other}`;
  for (const key of own) taken.set(key, place);
  return null;
}

function inWords({ path, message }: Fault): string {
  return path.length === 0 ? message : `${nameOf(path)}: ${message}`;
}

function nameOf(path: Path): string {
  return path.map(String).join(".");
}
