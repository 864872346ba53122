/** `npm run release-notes`: what CHANGELOG.md says of the version in package.json. Ends with 1 where it says nothing. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync("package.json", "utf8")));
const sections = readFileSync("CHANGELOG.md", "utf8").split(/^## /m);
const notes = sections.find((section) => section.startsWith(`${version}\n`))?.slice(version.length);
if (notes === undefined || notes.trim() === "") {
  process.stderr.write(`CHANGELOG.md has no section ${version}\n`);
  process.exitCode = 1;
} else {
  process.stdout.write(`${notes.trim()}\n`);
}
