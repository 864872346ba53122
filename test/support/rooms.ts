import { dirname, join, normalize, relative } from "node:path";

/* Reading the source text of a room: what it imports, and what state it keeps. */

export function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** The imports that are still there when the program runs. */
export function importsAtRunTime(text: string): string[] {
  return importsOf(text.replaceAll(/^import type [^;]*;$/gm, ""));
}

export function folderOf(name: string): string {
  return name.includes("/") ? dirname(name) : name;
}

export function isWithin(name: string, room: string): boolean {
  return name === room || name.startsWith(`${room}/`);
}

/** The files of ours that a file imports. */
export function targetsOf(name: string, text: string): string[] {
  return importsOf(text)
    .filter((target) => target.startsWith("."))
    .map((target) => relative("src", normalize(join("src", dirname(name), target))));
}

/** What can be made at top level and does not change by use. */
const stateless = ["TextDecoder", "TextEncoder"];

/** Mutable state at the top level of a file: a variable, a collection not typed as read-only, an object. */
export function moduleState(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replaceAll(/`[^`]*`/g, "``");
  const variables = code.match(/^(?:export )?(?:let|var) \w+/gm) ?? [];
  const made = /^(?:export )?const (\w+)(?:: ([^=]+))? = (?:await )?(?:\[\]|\{\}|new (\w+))/gm;
  const objects = [...code.matchAll(made)].filter(
    ([, , type = "", kind = ""]) =>
      !/^(?:Readonly|readonly )/.test(type) &&
      !/^Uint8Array$/.test(kind) &&
      !stateless.includes(kind),
  );
  return [...variables, ...objects.map(([found]) => found)];
}
