/*
 * A list in YAML of very many entries, as parts that are lists themselves: the parser takes some 10 kB of memory for each entry
 * while it has them, which for a hundred thousand at once is more than the process may have.
 */

/** A text that is a list of its own, with what stands before it in the whole. */
export interface YamlPart {
  readonly text: string;
  readonly linesBefore: number;
  readonly itemsBefore: number;
}

/** As long as a list of some hundred entries; what is shorter is one part. */
const PART_CHARACTERS = 64 * 1024;

/** The beginning of an entry: in a list that begins at the left, no other line can begin so (YAML 1.2, 8.2.1). */
const item = /(?<![^\n])-(?=[ \t\r\n])/g;
/** What has to do with more than its entry: anchors, without which there are no aliases, directives, further documents. */
const wide = /(?<![^\s,[{:])&\S|(?<![^\n])(?:%|---|\.\.\.)/;
/** What may stand before the first entry. */
const head =
  /^(?:\uFEFF)?(?:[ \t]*(?:#.*)?\r?\n)*(?:---[ \t]*(?:#.*)?\r?\n)?(?:[ \t]*(?:#.*)?\r?\n)*$/;

/** The parts in their order; one where the text is no plain list that begins at the left. */
export function* yamlParts(text: string): Generator<YamlPart, void> {
  const first = text.search(item);
  const isPlain = first >= 0 && head.test(text.slice(0, first)) && !wide.test(text.slice(first));
  if (text.length <= PART_CHARACTERS || !isPlain) {
    yield { text, linesBefore: 0, itemsBefore: 0 };
    return;
  }
  let [from, linesBefore, itemsBefore, items] = [0, 0, 0, 0];
  for (const { index } of text.matchAll(item)) {
    if (index - from >= PART_CHARACTERS) {
      const part = text.slice(from, index);
      yield { text: part, linesBefore, itemsBefore };
      linesBefore += part.split("\n").length - 1;
      itemsBefore = items;
      from = index;
    }
    items += 1;
  }
  yield { text: text.slice(from), linesBefore, itemsBefore };
}
