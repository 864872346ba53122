import type { Progress } from "../../artifacts/sync/mirror.ts";
import { remainingSeconds } from "../../artifacts/sync/progress-events.ts";

const redrawMs = 100;

interface Seen {
  /** When and where the download began that is going on. */
  readonly startMs: number;
  readonly startBytes: number;
  readonly atMs: number;
  readonly now: Progress;
}

/** Downloads on a terminal: one line that redraws itself, with each file's share, rate and remaining time. */
export class ProgressLine {
  readonly #out: NodeJS.WritableStream;
  readonly #now: () => number;
  readonly #files = new Map<string, Seen>();
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(out: NodeJS.WritableStream, now: () => number) {
    this.#out = out;
    this.#now = now;
  }

  readonly update = (progress: Progress): void => {
    const atMs = this.#now();
    const former = this.#files.get(progress.file);
    const begins = former === undefined || progress.bytes < former.now.bytes;
    const start = begins ? { startMs: atMs, startBytes: progress.bytes } : former;
    const { startMs, startBytes } = start;
    this.#files.set(progress.file, { startMs, startBytes, atMs, now: progress });
    if (atMs - this.#drawnAtMs < redrawMs) return;
    this.#drawnAtMs = atMs;
    this.#drawn = true;
    const parts = [...this.#files.values()].filter(({ now }) => isUnderWay(now)).map(describe);
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

function describe({ startMs, startBytes, atMs, now }: Seen): string {
  const { file, bytes, total } = now;
  const bytesPerSecond = atMs > startMs ? ((bytes - startBytes) * 1000) / (atMs - startMs) : 0;
  const rate = bytesPerSecond > 0 ? `, ${sizeInWords(bytesPerSecond)}/s` : "";
  if (total === null) return `${file} ${sizeInWords(bytes)}${rate}`;
  const percent = total === 0 ? 100 : Math.floor((100 * bytes) / total);
  const left = remainingSeconds(now, bytesPerSecond);
  const remaining = left === null ? "" : `, ${duration(left)} left`;
  return `${file} ${sizeInWords(bytes)} of ${sizeInWords(total)} (${percent} %)${rate}${remaining}`;
}

/** `12.3 MB`, `4.2 kB`, `310 B` */
export function sizeInWords(bytes: number): string {
  if (bytes >= 1e5) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1000 ? `${(bytes / 1000).toFixed(1)} kB` : `${Math.round(bytes)} B`;
}

/** `45 s`, `12 min` */
function duration(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
