import { access, constants, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../lib/atomic-file.ts";
import { errnoOf, UnreachableError } from "../../lib/errors.ts";
import { askJson } from "./ask-json.ts";

/**
 * A server leaves in its data folder where its admin port is, so that `sync` on the same folder can
 * ask it instead of working beside it. After a crash another program may listen there: `instance`
 * tells whether it is still the server that left the announcement.
 */
const runningSchema = z.object({
  pid: z.int(),
  admin: z.url(),
  instance: z.string().min(1),
  /** What the admin port shows by TLS; absent: it speaks plain HTTP. */
  certFile: z.string().optional(),
});
export type Running = z.output<typeof runningSchema>;

// A server that is busy answers in far less.
const answerMs = 5000;

function fileIn(dataDir: string): string {
  return join(dataDir, "running.json");
}

/** Throws when the disk refuses. */
export async function announceRunning(dataDir: string, running: Running): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o750 });
  await replaceFile(fileIn(dataDir), `${JSON.stringify(running)}\n`, {
    suffix: String(running.pid),
    durable: false,
  });
}

/** Removes the announcement, unless another server has replaced it meanwhile. */
export async function withdrawRunning(dataDir: string, running: Running): Promise<void> {
  const there = await readAnnouncement(dataDir);
  if (there?.instance !== running.instance) return;
  // What stays is known as out of date by whoever asks there.
  await rm(fileIn(dataDir), { force: true }).catch(() => {});
}

/**
 * The server that works in this data folder; null when there is no longer one. `answers` is false when
 * something listens where it was announced and stays silent.
 */
export async function findRunning(
  dataDir: string,
): Promise<(Running & { readonly answers: boolean }) | null> {
  const running = await readAnnouncement(dataDir);
  if (running === null) return null;
  const signal = AbortSignal.timeout(answerMs);
  try {
    const trusted = await trustedBy(running);
    const { body } = await askJson(`${running.admin}/healthz`, { signal, trusted });
    const same = z.object({ instance: z.literal(running.instance) });
    return same.safeParse(body).success ? { ...running, answers: true } : null;
  } catch {
    return signal.aborted ? { ...running, answers: false } : null;
  }
}

/**
 * Whoever may not look into the data folder does not know that no server runs there.
 *
 * @throws UnreachableError
 */
export async function requireSight(dataDir: string, look = access): Promise<void> {
  try {
    await look(fileIn(dataDir), constants.R_OK);
  } catch (error) {
    if (errnoOf(error) !== "EACCES") return;
    throw new UnreachableError(
      `cannot look whether a server runs in ${dataDir}: permission denied. Run the command as root: sudo eim-pxe …`,
      { cause: error },
    );
  }
}

/** The certificate that the server shows; null: it speaks plain HTTP. Throws when it cannot be read. */
export async function trustedBy({ certFile }: Running): Promise<string | null> {
  return certFile === undefined ? null : readFile(certFile, "utf8");
}

async function readAnnouncement(dataDir: string): Promise<Running | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(fileIn(dataDir), "utf8"));
    return runningSchema.safeParse(parsed).data ?? null;
  } catch {
    return null;
  }
}
