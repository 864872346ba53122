import { type Document, LineCounter, isMap, isNode, isScalar, parseDocument, visit } from "yaml";
import { z } from "zod";
import { ConfigError, messageOf } from "../lib/errors.ts";

type Path = readonly PropertyKey[];

/** A YAML file that was read: its value, and where each part of it stands. */
export interface YamlFile {
  readonly value: unknown;
  /** `FILE:LINE:COLUMN` of the value at `path`, or of the nearest part around it that is there. */
  locate(path: Path): string;
  /** Where the key `name` of the map at `path` stands. */
  locateKey(path: Path, name: string): string;
}

/**
 * Parses YAML text.
 *
 * @throws ConfigError with one problem a line as `FILE:LINE:COLUMN: message`
 */
export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => {
        const message = error.message.split("\n")[0]?.replace(/ at line .*$/, "") ?? "not YAML";
        return `${at(error.pos[0])}: ${message}`;
      }),
    );
  }
  return {
    value: valueOf(document, at),
    locate: (path) => at(offsetOf(document, path)),
    locateKey: (path, name) => at(keyOffsetOf(document, path, name) ?? offsetOf(document, path)),
  };
}

/** Aliases are resolved only here: one of nothing, or of far too many others, throws. */
function valueOf(document: Document, at: (offset: number) => string): unknown {
  const problems: string[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      problems.push(
        `${at(alias.range?.[0] ?? 0)}: there is no anchor &${alias.source} before this`,
      );
    },
  });
  if (problems.length > 0) throw new ConfigError(problems);
  try {
    return document.toJS() ?? null;
  } catch (error) {
    throw new ConfigError([`${at(0)}: ${messageOf(error)}`]);
  }
}

function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown =
      length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffsetOf(document: Document, path: Path, name: string): number | null {
  const map: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return null;
  for (const { key } of map.items) {
    if (isScalar(key) && String(key.value) === name && key.range) return key.range[0];
  }
  return null;
}

/** A fault found in a value: where in it, and what is wrong. `key` names an unwanted key of the map at `path`. */
export interface Fault {
  readonly path: Path;
  readonly key?: string;
  readonly message: string;
}

/** Checks a value against a schema: the typed value, or the faults in the words of a person. */
export function checkValue<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { value: z.output<Schema>; faults: [] } | { value: null; faults: Fault[] } {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data, faults: [] };
  return { value: null, faults: result.error.issues.flatMap((issue) => faultsOf(issue, [])) };
}

function faultsOf(issue: z.core.$ZodIssue, parent: Path): Fault[] {
  const path = [...parent, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path, key, message: `unknown key "${key}"` }));
    case "invalid_union": {
      const branch = closestBranch(issue.errors);
      if (branch === null) return [{ path, message: issue.message }];
      return branch.flatMap((inner) => faultsOf(inner, path));
    }
    case "invalid_key":
      return issue.issues.map((inner) => ({
        path: path.slice(0, -1),
        key: String(path.at(-1)),
        message: inner.message,
      }));
    case "invalid_type":
      // `serial: 12345` and `mac: 080027294e67` are numbers to YAML.
      if (issue.expected === "string" && typeof issue.input === "number") {
        return [{ path, message: "must be text; put it in quotes" }];
      }
      return [{ path, message: issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
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

/** `interfaces[0].dhcp.mode` */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** A fault as a line for people: where it stands, which key it is, what is wrong with it. */
export function formatFault(file: YamlFile, fault: Fault): string {
  const place =
    fault.key === undefined ? file.locate(fault.path) : file.locateKey(fault.path, fault.key);
  const key = formatPath(fault.path);
  return key === "" ? `${place}: ${fault.message}` : `${place}: ${key}: ${fault.message}`;
}
