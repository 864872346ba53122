/** Commands of a document, each fenced block of `sh` as one script, by the heading above it; none for headings without any. */
export function commandsOf(markdown: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let heading = "";
  let block: string[] | null = null;
  for (const line of markdown.split("\n")) {
    if (block !== null) {
      if (line === "```") {
        found.set(heading, [...(found.get(heading) ?? []), block.join("\n")]);
        block = null;
      } else block.push(line);
    } else if (line === "```sh") block = [];
    else heading = /^##* (.*)$/.exec(line)?.[1] ?? heading;
  }
  return found;
}
