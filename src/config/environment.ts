import { parse } from "yaml";
import { z } from "zod";
import { formsOf } from "./faults.ts";
import { configSchema } from "./schema.ts";

const prefix = "EIM_PXE_";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A key of the configuration that an environment variable sets. */
export interface Override {
  readonly variable: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/**
 * The keys that `EIM_PXE_…` variables set: `__` stands between levels, single underscores and case
 * do not matter (`EIM_PXE_DATA_DIR`, `EIM_PXE_HTTP__PORT`, `EIM_PXE_INTERFACES__0__NAME`), and the
 * value is YAML, so that `[a, b]` is a list.
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): {
  overrides: Override[];
  problems: string[];
} {
  const overrides: Override[] = [];
  const problems: string[] = [];
  const set = Object.entries(environment).filter(([variable]) => variable.startsWith(prefix));
  // Most sites set none, and describing the whole schema takes a while.
  if (set.length === 0) return { overrides, problems };
  const root = z.toJSONSchema(configSchema, { io: "input" });
  for (const [variable, text] of set) {
    if (text === undefined) continue;
    const found = resolve(root, variable.slice(prefix.length).split("__"));
    if (found === null) {
      problems.push(`environment variable ${variable}: no such key in the configuration`);
      continue;
    }
    try {
      const value: unknown =
        found.schema.type === "string" ? text : parse(text, { resolveKnownTags: false });
      overrides.push({ variable, path: found.path, value });
    } catch {
      problems.push(`environment variable ${variable}: its value is not YAML`);
    }
  }
  return { overrides, problems };
}

function resolve(root: JsonSchema, levels: readonly string[]) {
  const path: (string | number)[] = [];
  let schema = root;
  for (const level of levels) {
    const step = stepInto(schema, level);
    if (step === null) return null;
    path.push(step.key);
    schema = step.schema;
  }
  return { path, schema };
}

/** The part of `schema` that `level` names: a key of a map, an index of a list, or a free key. */
function stepInto(
  schema: JsonSchema,
  level: string,
): { key: string | number; schema: JsonSchema } | null {
  for (const { properties, items, additionalProperties } of formsOf(schema)) {
    if (properties !== undefined) {
      for (const [key, part] of Object.entries(properties)) {
        if (sameName(key, level) && typeof part === "object") return { key, schema: part };
      }
    } else if (typeof items === "object" && !Array.isArray(items)) {
      return /^[0-9]{1,3}$/.test(level) ? { key: Number(level), schema: items } : null;
    } else if (typeof additionalProperties === "object") {
      return { key: level, schema: additionalProperties };
    }
  }
  return null;
}

function sameName(key: string, level: string): boolean {
  return key.toLowerCase() === level.replaceAll("_", "").toLowerCase();
}

/** The value with the overrides set in it; maps and lists on the way are made. */
export function applyOverrides(value: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce<unknown>(
    (whole, { path, value: part }) => withPart(whole, path, part),
    structuredClone(value),
  );
}

function withPart(whole: unknown, path: readonly (string | number)[], part: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return part;
  if (typeof key === "number") {
    const list: unknown[] = Array.isArray(whole) ? [...whole] : [];
    list[key] = withPart(list[key], rest, part);
    return list;
  }
  const map: Record<string, unknown> = isRecord(whole) ? { ...whole } : {};
  map[key] = withPart(map[key], rest, part);
  return map;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
