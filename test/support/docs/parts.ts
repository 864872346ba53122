import { readFileSync } from "node:fs";

/**
 * A document whose named parts are made from data. What is made stands between `<!-- made: NAME -->` and
 * `<!-- end: NAME -->`; the rest is written by hand.
 *
 * @returns the whole text with the parts as they have to be, to be compared with the file
 */
export function withParts(path: string, parts: Readonly<Record<string, string>>): string {
  let text = readFileSync(path, "utf8");
  for (const [name, part] of Object.entries(parts)) {
    const [begin, end] = [`<!-- made: ${name} -->`, `<!-- end: ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${path} has no part ${name}`);
    text = `${text.slice(0, from)}${begin}\n\n${part.trim()}\n\n${text.slice(to)}`;
  }
  return text;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`.replaceAll("|  |", "| |");
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
