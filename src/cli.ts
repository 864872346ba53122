#!/usr/bin/env node
import { tooOldNode } from "./lib/node-version.ts";
import type { Program } from "./commands/shared/context.ts";

// Nothing above this line may need a newer Node than it checks for: the rest is loaded behind it.
const refusal = tooOldNode(process.versions.node);
if (refusal === null) await main();
else {
  process.stderr.write(refusal);
  process.exitCode = 1;
}

/** How long a command that has ended may have something open. */
const LINGER_MS = 250;

async function main(): Promise<void> {
  // Who read the output is gone, or the disk with the log file is full: no reason to end a server.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  // Before all others: once there are no more descriptors, it could not be loaded either.
  const { tooFewDescriptors } = await import("./lib/descriptors.ts");
  try {
    const { runCommandLine } = await import("./commands/run.ts");
    process.exitCode = await runCommandLine(program(), process.argv);
    // A connection that was ended stays open where the other side's host is gone without a word. Once all is written,
    // that keeps no process.
    process.stdout.write("", () => setTimeout(() => process.exit(), LINGER_MS).unref());
  } catch (error) {
    // Its own modules are files, too.
    const tooFew = tooFewDescriptors(error);
    if (tooFew === null) throw error;
    process.stderr.write(`eim-pxe cannot run: ${tooFew}\n`);
    process.exitCode = 1;
  }
}

function program(): Program {
  return {
    environment: process.env,
    pid: process.pid,
    node: process.execPath,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ""],
    isRoot: process.getuid?.() === 0,
    in: process.stdin,
    out: process.stdout,
    err: process.stderr,
    outIsTerminal: process.stdout.isTTY,
    errIsTerminal: process.stderr.isTTY,
    columns: () => process.stdout.columns || 80,
    rows: () => process.stdout.rows || 24,
    keys: process.stdin.isTTY ? readKeys : null,
    onSignal(signal, handler) {
      process.on(signal, handler);
      return () => process.off(signal, handler);
    },
    availableMemory: () => process.availableMemory(),
    preemptions: () => process.resourceUsage().involuntaryContextSwitches,
  };
}

function readKeys(handler: (key: string) => void): () => void {
  const { stdin } = process;
  const hear = (bytes: Buffer): void => handler(bytes.toString("utf8"));
  // Each key at once, and Ctrl-C as one of them.
  stdin.setRawMode(true);
  stdin.on("data", hear);
  return () => {
    stdin.off("data", hear);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
