/** The lines joined to pieces, each as soon as it has so many characters; the last one may have fewer. */
export function* piecesOf(lines: Iterable<string>, characters: number): Generator<string> {
  let piece = "";
  for (const line of lines) {
    piece += line;
    if (piece.length < characters) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
