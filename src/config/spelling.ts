import { distance } from "fastest-levenshtein";

/** The one of `names` that was most likely meant by `text`; null when none resembles it. */
export function closest(text: string, names: readonly string[]): string | null {
  const near = names
    .map((name) => ({ name, apart: distance(plain(text), plain(name)) }))
    .filter(({ name, apart }) => apart <= Math.ceil(name.length / 3))
    .toSorted((a, b) => a.apart - b.apart);
  return near[0]?.name ?? null;
}

/** How a word is written apart from case and hyphens. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, "");
}
