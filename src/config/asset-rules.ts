import { resolve } from "node:path";
import type { Fault } from "./faults.ts";
import type { Config } from "./schema.ts";

/** What is in the asset folder is handed out to whoever asks. */
export function assetFaults({ assets: { directory }, dataDir, boot }: Config): Fault[] {
  if (directory === null) {
    return Object.entries(boot.loaders).flatMap(([code, name]) => {
      if (!name.includes("/")) return [];
      const message = `${name} is in a folder, and there is no assets.directory; set that, or name a bare file name`;
      return [{ path: ["boot", "loaders", code], message }];
    });
  }
  const path = ["assets", "directory"];
  const [own, data] = [resolve(directory), resolve(dataDir)];
  if (own === "/" || isIn(data, own)) {
    const message = `must not hold dataDir (${dataDir}), where secrets are: everything in it is handed out to whoever asks; name a folder of its own`;
    return [{ path, message }];
  }
  if (!isIn(own, data)) return [];
  const message = `must not be in dataDir (${dataDir}), which is the program's own; name another folder`;
  return [{ path, message }];
}

function isIn(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}
