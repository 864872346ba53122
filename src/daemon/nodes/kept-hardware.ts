import { type FileHandle, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "../../config/schema.ts";
import { replaceOpen } from "../../lib/atomic-file.ts";
import { HardwareObjects } from "../../nodes/hardware-objects.ts";
import { createInventory, type Inventory } from "../../nodes/inventory.ts";
import { loadInventory, type Settings } from "../settings/settings.ts";

const WRITTEN_AT_ONCE = 500;

const keptFile = z.object({
  version: z.literal(1),
  hardware: z.array(z.object({ object: z.string(), inputs: z.array(z.looseObject({})) })),
});

/** Takes up the `Hardware` objects that were kept in the data folder; false: there are none. Never rejects. */
export async function restoreHardware(objects: HardwareObjects, dataDir: string): Promise<boolean> {
  try {
    const read = keptFile.parse(JSON.parse(await readFile(fileIn(dataDir), "utf8")));
    objects.restore(read.hardware);
    return true;
  } catch {
    // There is none, or it is damaged: the cluster has it all.
    return false;
  }
}

/** Written some at a time, so that the event loop turns meanwhile. */
export async function keepHardware(objects: HardwareObjects, dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const kept = objects.kept();
  const write = async (file: FileHandle): Promise<void> => {
    await file.appendFile('{"version":1,"hardware":[');
    for (let at = 0; at < kept.length; at += WRITTEN_AT_ONCE) {
      const some = kept.slice(at, at + WRITTEN_AT_ONCE).map((one) => JSON.stringify(one));
      await file.appendFile(`${at === 0 ? "" : ","}${some.join(",")}`);
    }
    await file.appendFile("]}");
  };
  const { file } = await replaceOpen(fileIn(dataDir), write, { durable: false });
  await file.close();
}

/** With the nodes of the Kubernetes cluster, where they come from one. */
export async function withKnownNodes(settings: Settings): Promise<Settings> {
  if (settings.config.nodes.format !== "kubernetes") return settings;
  return { ...settings, inventory: await knownInventory(settings.config) };
}

/**
 * The nodes as far as they are known without asking anybody: those of the nodes file, or those that a server of this
 * data folder last had from its Kubernetes cluster.
 *
 * @throws ConfigError when the nodes file cannot be read or is not right
 */
export async function knownInventory(config: Config): Promise<Inventory> {
  if (config.nodes.format !== "kubernetes") return loadInventory(config);
  const objects = new HardwareObjects();
  await restoreHardware(objects, config.dataDir);
  return createInventory(objects.all().entries);
}

function fileIn(dataDir: string): string {
  return join(dataDir, "kubernetes-nodes.json");
}
