import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/**
 * A server leaves in its data folder where its admin port is, so that `sync` on the same folder can
 * ask it instead of working beside it.
 */
const runningSchema = z.object({ pid: z.int(), admin: z.url() });
export type Running = z.output<typeof runningSchema>;

function fileIn(dataDir: string): string {
  return join(dataDir, "running.json");
}

export async function announceRunning(dataDir: string, running: Running): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  const file = fileIn(dataDir);
  const fresh = `${file}.${running.pid}`;
  await writeFile(fresh, `${JSON.stringify(running)}\n`, { mode: 0o640 });
  await rename(fresh, file);
}

/** Removes the announcement, unless another server has replaced it meanwhile. */
export async function withdrawRunning(dataDir: string, running: Running): Promise<void> {
  const there = await findRunning(dataDir);
  if (there?.pid === running.pid) await rm(fileIn(dataDir), { force: true });
}

/** What was announced last; it may be out of date after a crash. Null when there is nothing. */
export async function findRunning(dataDir: string): Promise<Running | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(fileIn(dataDir), "utf8"));
    return runningSchema.safeParse(parsed).data ?? null;
  } catch {
    return null;
  }
}
