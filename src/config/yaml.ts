import { type Document, LineCounter, isMap, isNode, isScalar, parseDocument, visit } from "yaml";
import { ConfigError, messageOf } from "../lib/errors.ts";
import type { Fault, Path } from "./faults.ts";

/** A YAML file that was read: its value, and where each part of it stands. */
export interface YamlFile {
  readonly value: unknown;
  /** The place in the text of the value at `path`, or of the nearest part around it that is there. */
  locate(path: Path): number;
  /** Where the key `name` of the map at `path` stands. */
  locateKey(path: Path, name: string): number;
  /** A place in the text as `FILE:LINE:COLUMN`. */
  describe(place: number): string;
}

/** What follows the first mistake in a file is often its consequence. */
const parserErrors = 10;

/**
 * Parses YAML text.
 *
 * @param linesBefore of the file, where the text is only a part of it
 * @throws ConfigError with one problem a line as `FILE:LINE:COLUMN: message`
 */
export function readYaml(text: string, file: string, linesBefore = 0): YamlFile {
  const lines = new LineCounter();
  // Without what `!!binary` and the like make: a value is what JSON has.
  const options = { lineCounter: lines, uniqueKeys: true, resolveKnownTags: false };
  const document = parseDocument(text, options);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line + linesBefore}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, parserErrors).map((error) => {
      const message = error.message.split("\n")[0]?.replace(/ at line .*$/, "") ?? "not YAML";
      return `${at(error.pos[0])}: this is not YAML: ${message}`;
    });
    const more = document.errors.length - problems.length;
    if (more > 0) problems.push(`${file}: and ${more} more; mend the first one and try again`);
    throw new ConfigError(problems);
  }
  const tags = document.warnings.filter(({ code }) => code === "TAG_RESOLVE_FAILED");
  if (tags.length > 0) {
    throw new ConfigError(
      tags
        .slice(0, parserErrors)
        .map(
          ({ pos: [place] }) =>
            `${at(place)}: ${tagAt(text, place)} means nothing here: leave it out`,
        ),
    );
  }
  return {
    value: valueOf(document, at),
    locate: (path) => offsetOf(document, path),
    locateKey: (path, name) => keyOffsetOf(document, path, name) ?? offsetOf(document, path),
    describe: at,
  };
}

function tagAt(text: string, place: number): string {
  return /^![^\s,[\]{}]*/.exec(text.slice(place, place + 80))?.[0] ?? "this tag";
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

/** `interfaces[0].dhcp.mode` */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}

/**
 * Faults as lines for people, in the order of the file: where each stands, which key it is, what is wrong.
 *
 * @param pathInWhole of what has this path in `file`, where that is only a part of it
 */
export function formatFaults(
  file: YamlFile,
  faults: readonly Fault[],
  pathInWhole: (path: Path) => Path = (path) => path,
): readonly string[] {
  return faults
    .map((fault) => ({ fault, place: placeOf(file, fault) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ fault: { path, message }, place }) => {
      const key = formatPath(pathInWhole(path));
      return `${file.describe(place)}: ${key === "" ? "" : `${key}: `}${message}`;
    });
}

function placeOf(file: YamlFile, { path, key }: Fault): number {
  return key === undefined ? file.locate(path) : file.locateKey(path, key);
}
