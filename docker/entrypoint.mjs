// What the image starts, without any shell: the program, but not on defaults. Without its configuration it would serve
// every network card of the host, with nothing to boot.
import { accessSync, constants, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = "/etc/eim-pxe/eim-pxe.yaml";
const words = process.argv.slice(2);

function readable() {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const configured =
  words.some((word) => /^(-c.*|--config(=.*)?|-h|--help)$/.test(word)) ||
  Object.keys(process.env).some((name) => name.startsWith("EIM_PXE_")) ||
  readable();

if (["serve", "sync", "check"].includes(words[0] ?? "") && !configured) {
  const user = process.getuid?.();
  process.stderr.write(
    existsSync(file)
      ? `eim-pxe: ${file} cannot be read by user ${user}. Let it: chmod a+r on the host, for each file in that folder.\n`
      : `eim-pxe: there is no configuration in this container: ${file} is missing or may not be read by user ${user}.
Mount the folder that has eim-pxe.yaml and the orchestrator's CA:
  docker run … -v /etc/eim-pxe:/etc/eim-pxe:ro …     with Compose: put them into docker/config
\`eim-pxe init\` writes one; docs/container.md says how it looks.
`,
  );
  process.exitCode = 2;
} else {
  const cli = new URL("./dist/cli.js", import.meta.url);
  // The program starts further processes of itself by this name.
  process.argv[1] = fileURLToPath(cli);
  await import(cli.href);
}
