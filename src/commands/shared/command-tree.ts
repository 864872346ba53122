import type { Command } from "commander";

/** The command line as data, for whatever is made of it. */
export interface CommandNode {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionNode[];
  /** `[hex]`, `<address>`, as in its usage. */
  readonly arguments: readonly string[];
  readonly commands: readonly CommandNode[];
}

export interface OptionNode {
  /** With one dash; null: none. */
  readonly short: string | null;
  /** With two. */
  readonly long: string;
  /** What stands for its value, as `file` or `name`; null: it takes none. */
  readonly value: string | null;
  readonly choices: readonly string[];
  readonly description: string;
}

export function commandTree(command: Command): CommandNode {
  return {
    name: command.name(),
    description: command.description(),
    options: command.options.map((option) => ({
      short: option.short ?? null,
      long: option.long ?? "",
      value: /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? null,
      choices: option.argChoices ?? [],
      description: option.description,
    })),
    arguments: command.registeredArguments.map((one) => {
      const name = `${one.name()}${one.variadic ? "..." : ""}`;
      return one.required ? `<${name}>` : `[${name}]`;
    }),
    // Without those that the program runs itself, such as a worker of `simulate`.
    commands: command
      .createHelp()
      .visibleCommands(command)
      .filter((one) => command.commands.includes(one))
      .map((one) => commandTree(one)),
  };
}

/** Every command with its path, the deepest included: `leases list`. */
export function allCommands(
  root: CommandNode,
  path = "",
): readonly { readonly path: string; readonly node: CommandNode }[] {
  return root.commands.flatMap((node) => {
    const own = path === "" ? node.name : `${path} ${node.name}`;
    return [{ path: own, node }, ...allCommands(node, own)];
  });
}
