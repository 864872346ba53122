import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Files below a folder that this process has open. */
export function openFilesBelow(folder: string): number {
  return openFiles().filter(({ path }) => path.startsWith(`${folder}/`)).length;
}

/** How this process has opened a file, as in open(2); 0: it has not. */
export function openFlags(path: string): number {
  const found = openFiles().find((file) => file.path === path);
  if (found === undefined) return 0;
  const info = readFileSync(`/proc/self/fdinfo/${found.fd}`, "utf8");
  return Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? "0", 8);
}

function openFiles(): readonly { readonly fd: string; readonly path: string }[] {
  return readdirSync("/proc/self/fd").map((fd) => {
    try {
      return { fd, path: readlinkSync(`/proc/self/fd/${fd}`) };
    } catch {
      // The descriptor of the listing itself.
      return { fd, path: "" };
    }
  });
}
