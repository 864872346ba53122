import { identities, type NodeEntry } from "../boot/node.ts";
import { checkValue } from "../config/faults.ts";
import { formatFaults, readYaml, type YamlFile } from "../config/yaml.ts";
import { ConfigError } from "../lib/errors.ts";
import { parseSubnet } from "../lib/ip4.ts";
import { hasWildcard } from "../boot/identity/wildcard.ts";
import { type NodeInput, nodesSchema } from "./schema.ts";
import { type YamlPart, yamlParts } from "./yaml-parts.ts";

/** Each is compared with every request of a machine that no other entry names. */
const MOST_WITH_WILDCARDS = 1000;

/**
 * Reads the text of a nodes file.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function parseNodes(text: string, file: string): readonly NodeEntry[] {
  return [...nodesInParts(text, file)].flat();
}

/**
 * The same, some hundred entries at a time, since the parser takes far more memory for an entry than the entry does.
 * Whether the file is right is known when the last ones were had.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function* nodesInParts(text: string, file: string): Generator<readonly NodeEntry[], void> {
  const named = new NamedMachines();
  let isRight = true;
  for (const part of yamlParts(text)) {
    const { value, faults } = checkValue(nodesSchema, yamlOf(part, file).value ?? []);
    named.add(value ?? [], part.itemsBefore);
    isRight &&= value !== null && faults.length === 0 && named.areRight;
    if (isRight && value !== null) yield value.map(nodeEntry);
  }
  if (!isRight) throw new ConfigError(problemsIn(text, file, named));
}

function yamlOf({ text, linesBefore }: YamlPart, file: string): YamlFile {
  return readYaml(text, file, linesBefore);
}

/** Reads the parts again: only where something is wrong it matters where everything stands. */
function problemsIn(text: string, file: string, named: NamedMachines): readonly string[] {
  const placesOfFirst = new Map<string, string>();
  return [...yamlParts(text)].flatMap((part) => {
    const yaml = yamlOf(part, file);
    const before = part.itemsBefore;
    const checked = checkValue(nodesSchema, yaml.value ?? []);
    const end = before + (checked.value ?? []).length;
    for (const { first, key } of named.twice) {
      if (first < before || first >= end) continue;
      const place = yaml.describe(yaml.locate([first - before, key]));
      placesOfFirst.set(`${first} ${key}`, place);
    }
    const rules = [
      ...named.twice.map(({ first, index, key }) => {
        const place = placesOfFirst.get(`${first} ${key}`) ?? "";
        const message = `entry ${first + 1} has the same ${key} (${place})`;
        return { index, fault: { path: [index - before, key], message } };
      }),
      ...named.tooWide.map((index) => {
        const message = `at most ${MOST_WITH_WILDCARDS} entries may have * or ?; these are ${named.wide}`;
        return { index, fault: { path: [index - before], message } };
      }),
    ].flatMap(({ index, fault }) => (index >= before && index < end ? [fault] : []));
    return formatFaults(yaml, [...checked.faults, ...rules], ([index, ...path]) =>
      typeof index === "number" ? [index + before, ...path] : [],
    );
  });
}

const unique = [...identities, "address"] as const;

interface Twice {
  /** Which entries, from 0 on. */
  readonly first: number;
  readonly index: number;
  readonly key: (typeof unique)[number];
}

/** By what the entries that were added name their machines. */
class NamedMachines {
  readonly twice: Twice[] = [];
  /** Entries with wildcards. */
  wide = 0;
  /** The first of them that is one too many. */
  readonly tooWide: number[] = [];
  readonly #first = new Map<string, number>();

  get areRight(): boolean {
    return this.twice.length + this.tooWide.length === 0;
  }

  /** @param before how many others are before these */
  add(nodes: readonly NodeInput[], before: number): void {
    for (const [at, node] of nodes.entries()) {
      const index = before + at;
      for (const key of unique) {
        const value = node[key];
        if (value === null) continue;
        const named = `${key} ${value}`;
        const first = this.#first.get(named);
        if (first === undefined) this.#first.set(named, index);
        else this.twice.push({ first, index, key });
      }
      if (wildcardsOf(node) === null) continue;
      this.wide += 1;
      if (this.wide === MOST_WITH_WILDCARDS + 1) this.tooWide.push(index);
    }
  }
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
