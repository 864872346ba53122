import { stat } from "node:fs/promises";

/** How often a file is looked at. */
const LOOK_EVERY_MS = 1000;

/**
 * Calls `changed` when the content of a file may be another one: it was written, replaced by a rename, or a symbolic
 * link on the way to it leads elsewhere, as when Kubernetes updates a ConfigMap that is mounted. It is looked at once a
 * second, since the kernel's notifications come from neither network file systems nor links on the way; a change
 * counts when two looks saw the same, so that a file that is being written is not read. Returns how to stop.
 */
export function watchFile(
  file: string,
  changed: () => void,
  { lookEveryMs = LOOK_EVERY_MS } = {},
): () => void {
  const watch = new FileWatch(file, changed);
  const timer = setInterval(() => void watch.look(), lookEveryMs);
  timer.unref();
  void watch.look();
  return () => clearInterval(timer);
}

class FileWatch {
  readonly #file: string;
  readonly #changed: () => void;
  /** As it was when it was last read; null: not looked at yet. */
  #read: string | null = null;
  #seen: string | null = null;
  #looking = false;

  constructor(file: string, changed: () => void) {
    this.#file = file;
    this.#changed = changed;
  }

  async look(): Promise<void> {
    // A network file system that hangs is asked once.
    if (this.#looking) return;
    this.#looking = true;
    const now = await signature(this.#file);
    this.#looking = false;
    const isStable = now === this.#seen;
    this.#seen = now;
    this.#read ??= now;
    if (now === this.#read || now === "" || !isStable) return;
    this.#read = now;
    this.#changed();
  }
}

/** What differs between two contents; empty while there is no file, which is so for a moment of some replacements. */
async function signature(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return "";
  }
}
