import { emptyNode, type NodeEntry } from "../../src/boot/node.ts";

/** A node entry that says nothing but what is given. */
export function nodeEntry(given: Partial<NodeEntry>): NodeEntry {
  return { ...emptyNode, ...given };
}
