import { readText } from "../../config/load.ts";
import type { NodeEntry } from "../../boot/node.ts";
import type { Config } from "../../config/schema.ts";
import { nodesInParts } from "../../nodes/nodes-file.ts";
import { parseOrchestratorCsv } from "../../nodes/orchestrator-csv.ts";
import { parseHardware } from "../../nodes/tinkerbell.ts";

/**
 * The entries of a nodes file, some at a time. Whether all of it is right is known at the end.
 *
 * @throws ConfigError when it cannot be read or is not right
 */
export function readNodes(file: string, format: NodesFormat): Iterable<readonly NodeEntry[]> {
  return parsers[format](readText(file, "nodes"), file);
}

/** The formats of a file. */
export type NodesFormat = Exclude<Config["nodes"]["format"], "kubernetes">;

const parsers: {
  readonly [Format in NodesFormat]: (text: string, file: string) => Iterable<readonly NodeEntry[]>;
} = {
  eim: nodesInParts,
  tinkerbell: (text, file) => [parseHardware(text, file)],
  "orchestrator-csv": (text, file) => [parseOrchestratorCsv(text, file)],
};

/** The file that the nodes are read from, and its format; null: from none. */
export function nodesFileOf({
  nodes: { file, format },
}: Config): { readonly file: string; readonly format: NodesFormat } | null {
  return file === null || format === "kubernetes" ? null : { file, format };
}

/** What the thread is given that reads a nodes file. */
export interface NodesJob {
  readonly file: string;
  readonly format: NodesFormat;
  /** URL of this module. */
  readonly reader: string;
}

/** What it answers: some entries, and after any message the next ones, at last `done`; or what is wrong with the file, one problem a line; or what failed. */
export type NodesMessage =
  | { readonly entries: readonly NodeEntry[] }
  | { readonly problems: readonly string[] }
  | { readonly failed: string }
  | "done";
