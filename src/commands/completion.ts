import type { CommandNode } from "./shared/command-tree.ts";
import { completionScript, type Shell } from "./shared/completion-scripts.ts";
import { ExitCode, type Program } from "./shared/context.ts";

/** `eim-pxe completion`: the script by which a shell completes this command line. */
export function completion(program: Program, shell: Shell, root: CommandNode): number {
  program.out.write(completionScript(shell, root));
  return ExitCode.ok;
}
