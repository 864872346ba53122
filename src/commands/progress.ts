import type { Progress } from "../artifacts/mirror.ts";

const redrawMs = 100;

/** Downloads on a terminal: one line that redraws itself, with each file's share of its size. */
export class ProgressLine {
  readonly #out: NodeJS.WritableStream;
  readonly #now: () => number;
  readonly #files = new Map<string, Progress>();
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(out: NodeJS.WritableStream, now: () => number) {
    this.#out = out;
    this.#now = now;
  }

  readonly update = (progress: Progress): void => {
    this.#files.set(progress.file, progress);
    if (this.#now() - this.#drawnAtMs < redrawMs) return;
    this.#drawnAtMs = this.#now();
    this.#drawn = true;
    const parts = [...this.#files.values()].filter(isUnderWay).map(describe);
    this.#out.write(`\r\u001b[K${parts.join("   ")}`);
  };

  /** Removes the line, so that what follows begins at the left. */
  clear(): void {
    if (this.#drawn) this.#out.write("\r\u001b[K");
  }
}

function isUnderWay({ bytes, total }: Progress): boolean {
  return total === null || bytes < total;
}

function describe({ file, bytes, total }: Progress): string {
  if (total === null) return `${file} ${megabytes(bytes)}`;
  const percent = total === 0 ? 100 : Math.floor((100 * bytes) / total);
  return `${file} ${megabytes(bytes)} of ${megabytes(total)} (${percent} %)`;
}

/** `12.3 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
