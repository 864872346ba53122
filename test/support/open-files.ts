import { readdirSync, readlinkSync } from "node:fs";

/** Files below a folder that this process has open. */
export function openFilesBelow(folder: string): number {
  const paths = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself.
      return "";
    }
  });
  return paths.filter((path) => path.startsWith(`${folder}/`)).length;
}
