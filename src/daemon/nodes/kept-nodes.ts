import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { localBootWays, type LocalBoot } from "../../boot/local-boot.ts";
import { replaceFile, syncPath } from "../../lib/atomic-file.ts";
import { ConfigError, errnoOf, messageOf } from "../../lib/errors.ts";
import { parseMac } from "../../lib/mac.ts";
import { type KeptNodes, keptNodes } from "../../nodes/overrides.ts";

/*
 * What was decided about machines, and learnt of how they go on to their disks, in a file of the data folder.
 */

const learnt = z.strictObject({
  mac: z.string().refine((text) => parseMac(text) === text),
  way: z.enum(localBootWays),
  at: z.iso.datetime(),
});
const file = keptNodes.extend({ localBoots: z.array(learnt) });

export interface KeptState {
  readonly nodes: KeptNodes;
  readonly localBoots: readonly LocalBoot[];
}

function fileIn(dataDir: string): string {
  return join(dataDir, "nodes.json");
}

/**
 * What is kept in a data folder; null where there is no file yet. Changes nothing.
 *
 * @throws ConfigError when the file cannot be read or is not of that form: without it a machine that was denied would boot
 */
export async function readKept(dataDir: string): Promise<KeptState | null> {
  const path = fileIn(dataDir);
  try {
    const { localBoots, ...nodes } = file.parse(JSON.parse(await readFile(path, "utf8")));
    return {
      nodes,
      localBoots: localBoots.map(({ mac, way, at }) => {
        const atMs = Date.parse(at);
        return { mac, way, worked: true, lastAtMs: atMs, sinceMs: atMs, asked: 0 };
      }),
    };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw new ConfigError([
      `${path}: what was decided about machines (nodes allow, deny, once) cannot be read: ${messageOf(error).split("\n")[0] ?? ""}. ` +
        "Restore it from a backup; or move it away, and then all of that is forgotten and has to be decided anew",
    ]);
  }
}

/** Rejects with what the system says. The content is on the disk then, power cut or not. */
export async function writeKept(dataDir: string, { nodes, localBoots }: KeptState): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const content: z.input<typeof file> = {
    ...nodes,
    localBoots: localBoots.map(({ mac, way, lastAtMs }) => {
      return { mac, way, at: new Date(lastAtMs).toISOString() };
    }),
  };
  await replaceFile(fileIn(dataDir), `${JSON.stringify(content, null, 1)}\n`);
  // Else a power cut may bring the former file back under this name.
  await syncPath(dataDir);
}
