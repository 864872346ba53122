/**
 * Texts name commands of ours without options, as `run eim-pxe sync`. Where another configuration than the default
 * one is in use, a person has to name it, or the command looks at another data folder. So whatever hands texts out
 * (the log, the admin port, the commands) passes them through here.
 */

/** The commands that read a configuration, by their groups. `explain` of a code reads none. */
const groups = {
  artifacts: ["list", "verify", "rollback", "pin", "export", "import", "sign"],
  notify: ["test"],
  leases: ["list", "release", "import", "pin", "unpin"],
  nodes: ["list", "show", "forget", "allow", "deny", "once", "wake", "export", "import"],
} as const;
const single = ["serve", "check", "sync", "doctor", "watch", "explain(?! --code)"];

const grouped = Object.entries(groups).map(
  ([group, verbs]) => `${group}(?: (?:${verbs.join("|")}))?`,
);
const named = `\\beim-pxe (?:${[...single, ...grouped].join("|")})(?![\\w-])(?! (?:--config|-c) )`;

/** The text with `--config FILE` behind each command of ours that reads it; `file` null: the default one. */
export function withConfig(text: string, file: string | null): string {
  return file === null ? text : withOption(text, quoted(file));
}

/** The same in the strings of a JSON text. */
export function jsonWithConfig(json: string, file: string | null): string {
  return file === null ? json : withOption(json, JSON.stringify(quoted(file)).slice(1, -1));
}

function withOption(text: string, file: string): string {
  // Most texts name no command.
  if (!text.includes("eim-pxe ")) return text;
  return text.replaceAll(new RegExp(named, "g"), (command) => `${command} --config ${file}`);
}

/** As a shell takes it for one word. */
function quoted(file: string): string {
  return /^[\w./:@%+,-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}
