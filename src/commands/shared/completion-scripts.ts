import { allCommands, type CommandNode, type OptionNode } from "./command-tree.ts";

/** The shells that commands can be completed in. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export function completionScript(shell: Shell, root: CommandNode): string {
  switch (shell) {
    case "bash":
      return bashScript(root);
    case "zsh":
      return `#compdef eim-pxe\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(root)}`;
    case "fish":
      return fishScript(root);
  }
}

const help = "--help";

function bashScript(root: CommandNode): string {
  const all = [{ path: "", node: root }, ...allCommands(root)];
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  const words = all.map(({ path, node }) => {
    const names = node.commands.map(({ name }) => name);
    const options = node.options.flatMap(({ short, long }) =>
      short === null ? [long] : [short, long],
    );
    return `    ${quoted(path)}) words=${quoted([...names, ...options, help].join(" "))} ;;`;
  });
  const values = all.flatMap(({ path, node }) =>
    node.options.flatMap((option) => {
      const reply = valuesOf(option);
      const names = [option.short, option.long].flatMap((name) =>
        name === null ? [] : [quoted(`${path} ${name}`)],
      );
      return reply === null ? [] : [`    ${names.join(" | ")}) ${reply}; return ;;`];
    }),
  );
  return `# Completion of eim-pxe for bash: eim-pxe completion bash > /etc/bash_completion.d/eim-pxe
_eim_pxe() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${path:+$path }\${COMP_WORDS[at]}" in
    ${paths.join(" | ")}) path="\${path:+$path }\${COMP_WORDS[at]}" ;;
    esac
  done
  COMPREPLY=()
  case "$path $previous" in
${values.join("\n")}
  esac
  case "$path" in
${words.join("\n")}
  esac
  if [[ $current == -* || -z $path || $words != --* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
}
complete -o filenames -F _eim_pxe eim-pxe
`;
}

/** The bash code that proposes an option's values; null where it takes none. */
function valuesOf({ value, choices, long }: OptionNode): string | null {
  if (value === null) return null;
  if (choices.length > 0) return oneOf(quoted(choices.join(" ")));
  if (long === "--interface") return oneOf('"$(ls /sys/class/net 2>/dev/null)"');
  if (/file|path/.test(value)) return 'mapfile -t COMPREPLY < <(compgen -f -- "$current")';
  if (/folder/.test(value)) return 'mapfile -t COMPREPLY < <(compgen -d -- "$current")';
  return ":";
}

function oneOf(list: string): string {
  return `mapfile -t COMPREPLY < <(compgen -W ${list} -- "$current")`;
}

function fishScript(root: CommandNode): string {
  const lines = [
    "# Completion of eim-pxe for fish: eim-pxe completion fish > ~/.config/fish/completions/eim-pxe.fish",
  ];
  lines.push("complete -c eim-pxe -f");
  const top = root.commands.map(({ name }) => name).join(" ");
  for (const { name, description } of root.commands) {
    const when = `not __fish_seen_subcommand_from ${top}`;
    lines.push(`complete -c eim-pxe -n ${quoted(when)} -a ${name} -d ${quoted(description)}`);
  }
  for (const { path, node } of allCommands(root)) {
    const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    const when = quoted(seen.join("; and "));
    for (const { name, description } of node.commands) {
      lines.push(`complete -c eim-pxe -n ${when} -a ${name} -d ${quoted(description)}`);
    }
    for (const { short, long, value, choices, description } of node.options) {
      const dash = short === null ? "" : ` -s ${short.slice(1)}`;
      const isFile = value !== null && /file|path|folder/.test(value);
      const takes = value === null ? "" : isFile ? " -r -F" : " -x";
      const list = choices.length === 0 ? "" : ` -a ${quoted(choices.join(" "))}`;
      lines.push(
        `complete -c eim-pxe -n ${when}${dash} -l ${long.slice(2)}${takes}${list} -d ${quoted(description)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
