import { allCommands, type CommandNode, type OptionNode } from "./command-tree.ts";

/** The manual page of section 1, in the macros of man(7). */
export function manPage(root: CommandNode, version: string, exitCodes: readonly string[]): string {
  const sections = [
    `.TH EIM\\-PXE 1 "" "eim\\-pxe ${escaped(version)}" "User Commands"`,
    ".SH NAME",
    `eim\\-pxe \\- ${escaped(root.description.replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    ".B eim\\-pxe",
    ".I COMMAND",
    "[options]",
    ".SH COMMANDS",
    ...allCommands(root).flatMap(({ path, node }) => commandLines(path, node)),
    ".SH EXIT STATUS",
    ...exitCodes.flatMap((meaning) => {
      const [, code = "", text = ""] = /^(\d+) (.*)$/.exec(meaning) ?? [];
      return [".TP", `.B ${code}`, escaped(text)];
    }),
    ".SH FILES",
    ".TP",
    ".I /etc/eim\\-pxe/eim\\-pxe.yaml",
    "The configuration that is read where no \\-\\-config names another one.",
    ".TP",
    ".I /var/lib/eim\\-pxe",
    "Generations of the Micro\\-OS, leases, and what was learnt about machines (dataDir).",
    ".SH ENVIRONMENT",
    "Every key of the configuration may come as EIM_PXE_..., with __ between levels.",
    "HTTPS_PROXY and NO_PROXY name the proxy on the way to the orchestrator.",
    ".SH SEE ALSO",
    "The folder docs/ of the package: configuration.md, doctor.md, booting.md.",
  ];
  return `${sections.join("\n")}\n`;
}

function commandLines(path: string, node: CommandNode): string[] {
  const words = [...node.arguments, ...(node.commands.length > 0 ? ["COMMAND"] : [])];
  return [
    `.SS "eim\\-pxe ${escaped([path, ...words].join(" "))}"`,
    sentence(node.description),
    ...node.options.flatMap(optionLines),
  ];
}

function optionLines({ short, long, value, choices, description }: OptionNode): string[] {
  const names = short === null ? long : `${short}, ${long}`;
  const list = choices.length === 0 ? "" : ` One of: ${choices.join(", ")}.`;
  return [
    ".TP",
    `.B ${escaped(names)}${value === null ? "" : ` ${escaped(value)}`}`,
    sentence(description) + escaped(list),
  ];
}

function sentence(text: string): string {
  return `${escaped(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}

/** What roff would take for its own. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
}
