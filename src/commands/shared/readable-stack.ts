import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/** A line of a stack, in a file beside which `scripts/build-program.ts` put its map. */
const place = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

/** A stack with the places of the bundled program as those of its sources, for who reports a fault. Never throws. */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | null>();
  return stack.replaceAll(place, (written, file: string, line: string, column: string) => {
    const map = maps.get(file) ?? readMap(file);
    maps.set(file, map);
    const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !("originalSource" in entry)) return written;
    const { originalSource, originalLine, originalColumn } = entry;
    const source = originalSource.replace(/^file:\/\//, "").replace(/^(?:\.\.\/)+/, "");
    return `${source}:${originalLine + 1}:${originalColumn + 1}`;
  });
}

/** Null where there is none: the program runs from its sources, or the place is in a package. */
function readMap(file: string): SourceMap | null {
  try {
    const payload: ConstructorParameters<typeof SourceMap>[0] = JSON.parse(
      readFileSync(`${fileURLToPath(file)}.map`, "utf8"),
    );
    return new SourceMap(payload);
  } catch {
    return null;
  }
}
