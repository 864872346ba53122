import { readlinkSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { onTestFinished, vi } from "vitest";

const METHODS = ["write", "datasync", "sync"] as const;

/** What is about to be done to an open file, and the file's name now, such as `datasync leases.journal`. */
export type Step = `${(typeof METHODS)[number]} ${string}`;

/**
 * Until the test ends, all that is written by file handles of `node:fs/promises` waits for `before`; where that
 * rejects, so does what was to be done, and nothing is done. The name is of the kernel: it follows a rename.
 */
export async function watchFiles(before: (step: Step) => Promise<void> | void): Promise<void> {
  const one = await open("/", "r");
  const prototype: FileHandle = Object.getPrototypeOf(one);
  await one.close();
  for (const method of METHODS) {
    // Whatever the methods resolve with.
    const original: (...parts: unknown[]) => Promise<never> = Object.getOwnPropertyDescriptor(
      prototype,
      method,
    )?.value;
    const spy = vi.spyOn(prototype, method);
    spy.mockImplementation(async function (this: FileHandle, ...parts: unknown[]) {
      await before(`${method} ${basename(readlinkSync(`/proc/self/fd/${this.fd}`))}`);
      return Reflect.apply(original, this, parts);
    });
    onTestFinished(() => spy.mockRestore());
  }
}

/** The first step of its kind, which waits until `go`. */
export class HeldStep {
  readonly #step: Step;
  #hasCome = false;
  go = (): void => {};
  readonly #isFree = new Promise<void>((resolve) => {
    this.go = resolve;
  });

  constructor(step: Step) {
    this.#step = step;
  }

  /** For `watchFiles`. */
  readonly before = async (step: Step): Promise<void> => {
    if (step !== this.#step || this.#hasCome) return;
    this.#hasCome = true;
    await this.#isFree;
  };

  readonly isReached = (): boolean => this.#hasCome;
}
