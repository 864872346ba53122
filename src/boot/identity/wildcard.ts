/** Whether a text has `*` or `?` in it, which stand for any letters and for any one letter. */
export function hasWildcard(text: string): boolean {
  return /[*?]/.test(text);
}

/** Whether the whole of `text` fits `pattern`. In time that grows with both lengths at most, whatever they are. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let [at, inText] = [0, 0];
  // Where to go on when what follows the last `*` does not fit: one letter further.
  let [star, resume] = [-1, 0];
  while (inText < text.length) {
    const letter = pattern[at];
    if (letter === "*") {
      star = at++;
      resume = inText;
    } else if (letter !== undefined && (letter === "?" || letter === text[inText])) {
      at++;
      inText++;
    } else if (star !== -1) {
      at = star + 1;
      inText = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
