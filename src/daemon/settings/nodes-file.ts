import { readText } from "../../config/load.ts";
import type { NodeEntry } from "../../boot/node.ts";
import { parseNodes } from "../../nodes/nodes-file.ts";

/**
 * The entries of a nodes file.
 *
 * @throws ConfigError when it cannot be read or is not right
 */
export function readNodes(file: string): readonly NodeEntry[] {
  return parseNodes(readText(file, "nodes"), file);
}

/** What the thread is given that reads a nodes file. */
export interface NodesJob {
  readonly file: string;
  /** URL of this module. */
  readonly reader: string;
}

/** What it answers: some entries, and after any message the next ones, at last `done`; or what is wrong with the file, one problem a line; or what failed. */
export type NodesMessage =
  | { readonly entries: readonly NodeEntry[] }
  | { readonly problems: readonly string[] }
  | { readonly failed: string }
  | "done";
