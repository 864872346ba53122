import { stringify } from "yaml";
import { z } from "zod";
import { closest } from "./spelling.ts";

export type Path = readonly PropertyKey[];

/** A fault found in a value: where in it, and what is wrong. `key` names an unwanted key of the map at `path`. */
export interface Fault {
  readonly path: Path;
  readonly key?: string;
  readonly message: string;
}

/** What a schema made of a value. */
export interface Checked<Value> {
  /**
   * The typed value; null when it could not be had. With misspelt keys among the faults it is what the
   * value would be with those keys spelt right, so that what is wrong below them is found as well.
   */
  readonly value: Value | null;
  readonly faults: readonly Fault[];
}

/** Checks a value against a schema: the typed value, or the faults in the words of a person. */
export function checkValue<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): Checked<z.output<Schema>> {
  const first = schema.safeParse(value, { reportInput: true });
  if (first.success) return { value: first.data, faults: [] };
  const words = new Words(schema);
  const issues = first.error.issues;
  const keys = issues.flatMap((issue) => unknownKeys(issue, []));
  if (keys.length === 0) {
    return { value: null, faults: issues.flatMap((issue) => words.of(issue, [])) };
  }
  const misspelt = keys.map(({ path, key }) => ({ path, key, right: words.keyLike(path, key) }));
  const repaired = checkValue(schema, withRightKeys(value, misspelt));
  // The file has the key as it was written.
  const asWritten = (path: Path) =>
    path.map(
      (part, at) =>
        misspelt.find(({ right, path: map }) => right === part && samePath(map, path.slice(0, at)))
          ?.key ?? part,
    );
  const unknown = misspelt.map(({ path, key, right }) => ({
    path,
    key,
    message: `unknown key "${key}"${right === null ? "" : `; did you mean "${right}"?`}`,
  }));
  const below = repaired.faults.map((fault) => ({ ...fault, path: asWritten(fault.path) }));
  return { value: repaired.value, faults: [...unknown, ...below] };
}

interface UnknownKey {
  readonly path: Path;
  readonly key: string;
}

function unknownKeys(issue: z.core.$ZodIssue, parent: Path): UnknownKey[] {
  const path = [...parent, ...issue.path];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => ({ path, key }));
  if (issue.code !== "invalid_union") return [];
  return (closestBranch(issue.errors) ?? []).flatMap((inner) => unknownKeys(inner, path));
}

/** The value with misspelt keys under their right names, and without those that resemble none. */
function withRightKeys(
  value: unknown,
  keys: readonly (UnknownKey & { readonly right: string | null })[],
): unknown {
  const copy: unknown = structuredClone(value);
  // Deep ones first, so that the paths still lead there.
  for (const { path, key, right } of keys.toSorted((a, b) => b.path.length - a.path.length)) {
    const map = path.reduce<unknown>((part, step) => memberOf(part, step), copy);
    if (typeof map !== "object" || map === null) continue;
    if (right !== null && !(right in map)) Reflect.set(map, right, memberOf(map, key));
    Reflect.deleteProperty(map, key);
  }
  return copy;
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function samePath(one: Path, other: Path): boolean {
  return one.length === other.length && one.every((part, at) => part === other[at]);
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The words for what a schema library finds, with examples from the schema itself. */
class Words {
  readonly #root: JsonSchema;

  constructor(schema: z.ZodType) {
    this.#root = z.toJSONSchema(schema, { io: "input" });
  }

  of(issue: z.core.$ZodIssue, parent: Path): Fault[] {
    const path = [...parent, ...issue.path];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => ({ path, key, message: `unknown key "${key}"` }));
      case "invalid_union": {
        const branch = closestBranch(issue.errors);
        if (branch === null) return [{ path, message: issue.message }];
        return branch.flatMap((inner) => this.of(inner, path));
      }
      case "invalid_key":
        return issue.issues.map((inner) => ({
          path: path.slice(0, -1),
          key: String(path.at(-1)),
          message: inner.message,
        }));
      case "invalid_type":
        return [{ path, message: this.#type(issue.expected, issue.input, path) }];
      case "invalid_value": {
        const choices = issue.values.map(String);
        const like = closest(String(issue.input), choices);
        const hint = like === null ? "" : `; did you mean ${like}?`;
        return [{ path, message: `must be ${oneOf(choices)}${hint}` }];
      }
      case "too_small":
        return [{ path, message: bound(issue.origin, "at least", issue.minimum, issue.message) }];
      case "too_big":
        return [{ path, message: bound(issue.origin, "at most", issue.maximum, issue.message) }];
      default:
        return [{ path, message: issue.message }];
    }
  }

  /** The key of the map at `path` that `name` resembles. */
  keyLike(path: Path, name: string): string | null {
    const keys = partsAt(this.#root, path).flatMap((part) => Object.keys(part.properties ?? {}));
    return closest(name, keys);
  }

  #type(expected: string, input: unknown, path: Path): string {
    const key = path.findLast((part) => typeof part === "string") ?? "";
    if (input === undefined) return `is missing${this.#suchAs(path, key === "" ? "" : `${key}: `)}`;
    switch (expected) {
      case "string":
        // `serial: 12345` and `mac: 080027294e67` are numbers to YAML.
        if (typeof input === "number") return "must be text; put it in quotes";
        return `must be text${this.#suchAs(path)}`;
      case "int":
      case "number":
        return mustBeNumber(input, key) ?? `must be a whole number${this.#suchAs(path)}`;
      case "boolean":
        return "must be true or false, without quotes";
      case "array":
        return `must be a list${inBrackets(input)}${this.#suchAs(path)}`;
      case "object":
      case "record":
        return `must hold keys of its own${this.#suchAs(path, key === "" ? "" : `${key}: `)}`;
      default:
        return `must be ${expected}${this.#suchAs(path)}`;
    }
  }

  /** `, such as …`, with what the schema has for an example. */
  #suchAs(path: Path, before = ""): string {
    const example = partsAt(this.#root, path).map(exampleOf).find(isSomething);
    return example === undefined
      ? "; docs/configuration.md has an example"
      : `, such as ${before}${stringify(example, { collectionStyle: "flow", lineWidth: 0 }).trim()}`;
  }
}

/** Where a number was meant, what it has to look like. Null when the value gives no clue. */
function mustBeNumber(input: unknown, key: string): string | null {
  if (typeof input !== "string") {
    return typeof input === "number" ? "must be a whole number" : null;
  }
  if (/^\d+$/.test(input)) return `must be a number: write ${input} without quotes`;
  const [, count = "", unit = ""] = /^(\d+)\s*([a-z]+)$/i.exec(input) ?? [];
  const factor = /seconds$/i.test(key) ? secondsIn(unit) : /bytes/i.test(key) ? bytesIn(unit) : 0;
  if (factor === 0 || count === "") return null;
  const what = /seconds$/i.test(key) ? "seconds" : "bytes";
  return `must be a number of ${what}: write ${Number(count) * factor} for ${input}`;
}

function secondsIn(unit: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return units[unit.slice(0, 1).toLowerCase()] ?? 0;
}

function bytesIn(unit: string): number {
  const power = ["b", "k", "m", "g", "t"].indexOf(unit.slice(0, 1).toLowerCase());
  return power < 0 ? 0 : 1024 ** power;
}

function inBrackets(input: unknown): string {
  if (typeof input === "object" && input !== null) return " (each entry begins with a dash)";
  return ["string", "number"].includes(typeof input) ? ` (write [${String(input)}])` : "";
}

function oneOf(choices: readonly string[]): string {
  const last = choices.at(-1) ?? "";
  return choices.length < 2 ? last : `${choices.slice(0, -1).join(", ")} or ${last}`;
}

function bound(origin: string, word: string, limit: number | bigint, otherwise: string): string {
  switch (origin) {
    case "int":
    case "number":
      return `must be ${word} ${limit}`;
    case "string":
      return limit === 1 && word === "at least"
        ? "must not be empty"
        : `must have ${word} ${limit} characters`;
    case "array":
      return limit === 1 && word === "at least"
        ? "must list at least one"
        : `must list ${word} ${limit}`;
    default:
      return otherwise;
  }
}

/** The forms that a schema allows at a path. */
function partsAt(root: JsonSchema, path: Path): readonly JsonSchema[] {
  return path.reduce<readonly JsonSchema[]>(
    (parts, step) => parts.flatMap((part) => stepInto(part, step)).flatMap(formsOf),
    formsOf(root),
  );
}

/** The schema itself and the forms that it allows, those of its forms too. */
export function formsOf(schema: JsonSchema): readonly JsonSchema[] {
  const forms = (schema.anyOf ?? []).filter((form) => typeof form === "object");
  return [schema, ...forms.flatMap(formsOf)];
}

function stepInto({ properties, items, additionalProperties }: JsonSchema, step: PropertyKey) {
  const found =
    typeof step === "number" ? items : (properties?.[String(step)] ?? additionalProperties);
  return typeof found === "object" && !Array.isArray(found) ? [found] : [];
}

/** A value that the schema allows: an example that it gives, a default, or one made of its parts. */
function exampleOf(schema: JsonSchema): unknown {
  const given = [...(schema.examples ?? []), schema.default].find(isSomething);
  if (given !== undefined) return given;
  if (schema.enum !== undefined) return schema.enum[0];
  const { items, properties, additionalProperties } = schema;
  if (typeof items === "object" && !Array.isArray(items)) return [exampleOf(items)];
  for (const [key, part] of Object.entries(properties ?? {})) {
    const example = typeof part === "object" ? exampleOf(part) : undefined;
    if (isSomething(example)) return { [key]: example };
  }
  if (typeof additionalProperties === "object") return { NAME: exampleOf(additionalProperties) };
  return (schema.anyOf ?? [])
    .filter((form) => typeof form === "object")
    .map(exampleOf)
    .find(isSomething);
}

function isSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isSomething);
  if (typeof value === "object" && value !== null) return Object.values(value).some(isSomething);
  return value !== undefined && value !== null && value !== "";
}

/** Of the forms that a value may have, the one that it fits best: the fewest faults, none of them its type. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]) {
  return branches.toSorted((a, b) => misfit(a) - misfit(b))[0] ?? null;
}

function misfit(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (sum, issue) => sum + (issue.code === "invalid_type" && issue.path.length === 0 ? 100 : 1),
    0,
  );
}
