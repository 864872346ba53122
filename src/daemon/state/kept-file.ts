import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../lib/atomic-file.ts";
import { errnoOf, messageOf } from "../../lib/errors.ts";

const machines = z.object({ machines: z.array(z.unknown()) });

/**
 * The machines in a kept file, `{"machines": […]}`; none where there is no file yet. One entry that was damaged by
 * hand is no reason to lose the others.
 *
 * @throws when the file cannot be read or is not of that form
 */
export async function readMachines<T>(path: string, entry: z.ZodType<T>): Promise<readonly T[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  return machines.parse(JSON.parse(text)).machines.flatMap((one) => {
    const read = entry.safeParse(one);
    return read.success ? [read.data] : [];
  });
}

/** News is written together: a site that is switched on is one write. */
const WRITE_AFTER_MS = 2000;

/** A file of the data folder that is written as a whole some time after its content has changed. */
export class KeptFile {
  readonly #path: string;
  readonly #content: () => string;
  readonly #failed: (reason: string) => void;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #stale = false;
  #closing = false;

  constructor(path: string, content: () => string, failed: (reason: string) => void) {
    this.#path = path;
    this.#content = content;
    this.#failed = failed;
  }

  /** What it is to contain has changed. */
  changed(): void {
    this.#stale = true;
    if (this.#closing) this.#startWriting();
    else this.#timer ??= setTimeout(() => this.#startWriting(), WRITE_AFTER_MS);
  }

  /** Resolves when everything is written that can be. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#startWriting();
    await this.#writing;
  }

  /** One write at a time; what changes meanwhile is in the next one. */
  #startWriting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#stale && this.#writing === null) this.#writing = this.#write();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      try {
        await mkdir(dirname(this.#path), { recursive: true, mode: 0o750 });
        await replaceFile(this.#path, this.#content(), { durable: false });
      } catch (error) {
        this.#failed(messageOf(error));
      }
    }
    this.#writing = null;
  }
}
