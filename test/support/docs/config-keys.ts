import { z } from "zod";
import { table } from "./parts.ts";

/*
 * The keys of a shape as tables for people, from its schema alone: the configuration's, and what the API takes and answers.
 */

type Schema = z.core.JSONSchema.JSONSchema;

/** One key, as the tables show it. */
export interface Key {
  /** `interfaces[].dhcp.mode` */
  readonly path: string;
  readonly type: string;
  /** What holds without it. */
  readonly unset: string;
  readonly description: string;
  /** The first version that had it. */
  readonly since: string;
  readonly see: string | null;
  /** It has keys of its own, which follow. */
  readonly isGroup: boolean;
}

/** All keys of a schema in the order in which it has them, groups before their own. */
export function keysOf(schema: z.ZodType, io: "input" | "output" = "input"): readonly Key[] {
  return keysBelow(objectOf(z.toJSONSchema(schema, { io })), { path: "", since: null, io });
}

interface Place {
  /** Empty for the whole. */
  readonly path: string;
  /** Of the group that the keys are in. */
  readonly since: string | null;
  readonly io: "input" | "output";
}

function keysBelow(object: Schema, { path, since: groupSince, io }: Place): readonly Key[] {
  const required = new Set(object.required ?? []);
  return Object.entries(object.properties ?? {}).flatMap(([name, part]) => {
    if (typeof part === "boolean") return [];
    const own = path === "" ? name : `${path}.${name}`;
    const { since = groupSince ?? "0.1.0", see = null, description = "" } = metaOf(part);
    const inside = objectOf(part);
    const isGroup = inside.properties !== undefined;
    const key: Key = {
      path: own,
      type: (isGroup ? groupWord(part) : typeOf(part, name)) + orNull(part, io),
      unset: required.has(name) ? "must be there" : unsetOf(part, isGroup),
      description,
      since,
      see,
      isGroup,
    };
    const below = { path: own + (isList(part) ? "[]" : ""), since, io };
    return [key, ...(isGroup ? keysBelow(inside, below) : [])];
  });
}

/** What is said of a key by its own words, which JSON Schema does not have. */
function metaOf(part: Schema): { since?: string; see?: string; unit?: string; unset?: string; description?: string } {
  const text = z.string().optional().catch(undefined);
  const own = z
    .object({ since: text, see: text, unit: text, unset: text, description: text })
    .parse(part);
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

function branches(part: Schema): readonly Schema[] {
  const all = (part.anyOf ?? [part]).filter((one) => typeof one !== "boolean");
  const others = all.filter(({ type }) => type !== "null");
  return others.length > 0 ? others : all;
}

function isList(part: Schema): boolean {
  return branches(part).some(({ type }) => type === "array");
}

/** The map that a key holds, itself or as the entries of a list. */
function objectOf(part: Schema): Schema {
  const [only, ...others] = branches(part);
  if (only === undefined || others.length > 0) return {};
  if (only.type !== "array" || typeof only.items !== "object" || Array.isArray(only.items)) {
    return only;
  }
  return only.items;
}

function groupWord(part: Schema): string {
  return isList(part) ? "a list of entries" : "keys of its own";
}

/** Where null is the default it says "not set"; an answer has it as a value of its own. */
function orNull({ anyOf = [] }: Schema, io: "input" | "output"): string {
  return io === "output" && anyOf.some((one) => typeof one === "object" && one.type === "null")
    ? ", or null"
    : "";
}

function typeOf(part: Schema, name: string): string {
  const words = branches(part).map((one) => wordOf(one, name, metaOf(part).unit));
  const example = exampleOf(part);
  const such = example === null || (words[0] ?? "").startsWith("`") ? "" : `, such as \`${example}\``;
  return `${[...new Set(words)].join(", or ")}${such}`;
}

function wordOf(part: Schema, name: string, unit: string | undefined): string {
  if (part.enum !== undefined) return part.enum.map((one) => `\`${String(one)}\``).join(", ");
  if (part.const !== undefined) return `\`${String(part.const)}\``;
  if (part.format === "date-time") return "moment, as `2026-03-06T10:00:00Z`";
  switch (part.type) {
    case "boolean":
      return "`true`, `false`";
    case "integer":
    case "number":
      return `number${inUnit(name, unit)}${boundsOf(part)}`;
    case "array": {
      const items = typeof part.items === "object" && !Array.isArray(part.items) ? part.items : {};
      // A long list of words stands where `see` leads to.
      const few = items.enum !== undefined && items.enum.length <= 20;
      return few ? `list of ${wordOf(items, name, unit)}` : "list";
    }
    case "object":
      return "map";
    case "null":
      return "`null`";
    default:
      return part.anyOf === undefined ? "text" : branches(part).map((one) => wordOf(one, name, unit)).join(", or ");
  }
}

function inUnit(name: string, unit: string | undefined): string {
  if (unit !== undefined) return ` of ${unit}`;
  if (name.endsWith("BytesPerSecond")) return " of bytes a second";
  if (name.endsWith("Bytes")) return " of bytes";
  return /seconds$/i.test(name) ? " of seconds" : "";
}

function boundsOf({ minimum, maximum }: Schema): string {
  const most = maximum === undefined || maximum >= 0xffffffff ? undefined : maximum;
  if (minimum === undefined || minimum === Number.MIN_SAFE_INTEGER) return "";
  return most === undefined ? `, at least ${minimum}` : `, ${minimum} to ${most}`;
}

/** The first example of the key itself, of the kind of its value, or of what its list holds. */
function exampleOf(part: Schema): string | null {
  const example = examplesOf(part).at(0);
  return example === undefined ? null : inYaml(example);
}

function examplesOf(part: unknown): readonly unknown[] {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return [];
  const { examples, anyOf, items } = exampleSources.parse(part);
  if (examples.length > 0) return examples;
  return [...anyOf.flatMap(examplesOf), ...examplesOf(items).map((one) => [one])];
}

const exampleSources = z.object({
  examples: z.array(z.unknown()).default([]),
  anyOf: z.array(z.unknown()).default([]),
  items: z.unknown().optional(),
});

/** As in a file, in one line. */
function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(", ")}]`;
  if (typeof value !== "object" || value === null) {
    const text = String(value);
    return typeof value === "string" && /^[*&?]|: |[[\]{},*?]|\n/.test(text) ? JSON.stringify(text) : text;
  }
  const entries = Object.entries(value).map(([key, one]) => `${key}: ${inYaml(one)}`);
  return `{ ${entries.join(", ")} }`;
}

function unsetOf(part: Schema, isGroup: boolean): string {
  const { unset } = metaOf(part);
  if (unset !== undefined) return unset;
  const value: unknown = part.default;
  if (isGroup) return "";
  if (value === undefined || value === null) return "none";
  if (Array.isArray(value) && value.length === 0) return "none";
  if (typeof value === "object" && !Array.isArray(value)) return "none";
  return `\`${inYaml(value)}\``;
}

/** A table of keys; those behind `relayed` are told once, for the link. */
export function keyTable(keys: readonly Key[]): string {
  const told = keys.filter(
    ({ path }) => !/\.relayed\[\]\./.test(path) || path.endsWith(".relayed[].subnet"),
  );
  const rows = told.map(({ path, type, unset, description, since, see }) => {
    const more = see === null ? "" : ` [More](${see}).`;
    const from = since === "0.1.0" ? "" : ` Since ${since}.`;
    return [`\`${path}\``, type, unset, `${description}${more}${from}`];
  });
  return table(["key", "value", "without it", "what it is for"], rows);
}
