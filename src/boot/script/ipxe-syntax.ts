/**
 * As much of iPXE's script syntax as is needed to change a script without touching the rest of it
 * (iPXE src/image/script.c and src/core/exec.c): lines may go on after a backslash, words are
 * separated by blanks, a line may begin with a `:label`, a word that begins with `#` starts a
 * comment, and the words `||`, `&&` and `;` end a command.
 */

export interface ScriptWord {
  readonly text: string;
  /** Offsets into the script, of the first character and behind the last. */
  readonly start: number;
  readonly end: number;
}

/** One command: its name, then its arguments. */
export interface ScriptCommand {
  readonly words: readonly ScriptWord[];
}

/** Stands for each character of a backslash and the line's end that follows it: part of no word's text. */
const JOINT = "\0";

export function commandsOf(script: string): ScriptCommand[] {
  const joined = script.replace(/\\\r?\n/g, (joint) => JOINT.repeat(joint.length));
  const commands: ScriptCommand[] = [];
  let lineStart = 0;
  for (const line of joined.split("\n")) {
    let words: ScriptWord[] = [];
    for (const [index, word] of wordsOf(line, lineStart).entries()) {
      if (word.text.startsWith("#")) break;
      if (index === 0 && word.text.startsWith(":")) continue;
      if (word.text === "||" || word.text === "&&" || word.text === ";") {
        commands.push({ words });
        words = [];
      } else words.push(word);
    }
    commands.push({ words });
    lineStart += line.length + 1;
  }
  return commands.filter(({ words }) => words.length > 0);
}

function wordsOf(line: string, lineStart: number): ScriptWord[] {
  return Array.from(line.matchAll(/\S+/g), (match) => {
    const start = lineStart + match.index;
    // A joint at the edge of a word is not part of it, one in its middle is (`a\` newline `b` is `ab`).
    const [word] = match;
    let leading = 0;
    while (word[leading] === JOINT) leading += 1;
    let end = word.length;
    while (end > leading && word[end - 1] === JOINT) end -= 1;
    const trimmed = word.slice(leading, end);
    return {
      text: trimmed.replaceAll(JOINT, ""),
      start: start + leading,
      end: start + leading + trimmed.length,
    };
  }).filter(({ text }) => text !== "");
}

/** Characters from `start` to before `end` are replaced. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** Edits at the same place are made in their order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end, replacement } of edits.toSorted((a, b) => a.start - b.start)) {
    pieces.push(text.slice(at, start), replacement);
    at = end;
  }
  return [...pieces, text.slice(at)].join("");
}
