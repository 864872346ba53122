/** So many texts are moved at most when one is added in the middle. */
const CHUNK = 512;

/**
 * Texts in their order, each once, which come and go one at a time: a list of a hundred thousand is read page by page
 * without being gone through or sorted for each page. Adding and deleting cost some microseconds, what is added at the end less.
 */
export class SortedTexts {
  /** In order, and none of them empty. */
  readonly #chunks: string[][] = [];

  add(text: string): void {
    const at = this.#chunkFor(text);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([text]);
      return;
    }
    const index = indexIn(chunk, text);
    if (chunk[index] === text) return;
    chunk.splice(index, 0, text);
    if (chunk.length > CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK / 2));
  }

  delete(text: string): void {
    const at = this.#chunkFor(text);
    const chunk = this.#chunks[at] ?? [];
    const index = indexIn(chunk, text);
    if (chunk[index] !== text) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Those behind this text, ascending. What is added or deleted meanwhile harms nothing. */
  *after(text: string): Generator<string, void> {
    let last = text;
    for (;;) {
      const next = this.#firstAfter(last);
      if (next === null) return;
      yield next;
      last = next;
    }
  }

  #firstAfter(text: string): string | null {
    const at = this.#chunkFor(text);
    const chunk = this.#chunks[at] ?? [];
    const index = indexIn(chunk, text);
    const next = chunk[index] === text ? index + 1 : index;
    return chunk[next] ?? this.#chunks[at + 1]?.[0] ?? null;
  }

  /** The last chunk that begins with this text or one before it, else the first one. */
  #chunkFor(text: string): number {
    const end = this.#chunks.length - 1;
    if ((this.#chunks[end]?.[0] ?? "") <= text) return Math.max(0, end);
    let [low, high] = [0, end];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.[0] ?? "") <= text) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Where the text is, or would be. */
function indexIn(chunk: readonly string[], text: string): number {
  const last = chunk.at(-1);
  if (last === undefined || last < text) return chunk.length;
  let [low, high] = [0, chunk.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All of several lists that are in order each, in their order, each text once. */
export function* merged(lists: readonly Iterable<string>[]): Generator<string, void> {
  const heads = lists.flatMap((list) => {
    const rest = list[Symbol.iterator]();
    const first = rest.next();
    return first.done === true ? [] : [{ rest, text: first.value }];
  });
  while (heads.length > 0) {
    const [first, ...others] = heads.map(({ text }) => text);
    const least = others.reduce((a, b) => (b < a ? b : a), first ?? "");
    yield least;
    for (const head of heads.filter(({ text }) => text === least)) {
      const next = head.rest.next();
      if (next.done === true) heads.splice(heads.indexOf(head), 1);
      else head.text = next.value;
    }
  }
}
