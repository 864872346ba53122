import type { Boot } from "../../timeline/boot.ts";
import { addBounded } from "../../timeline/boot-history.ts";
import { eventLine } from "../../timeline/boot-record.ts";

/** Events that wait for a disk that takes nothing; those that began to wait first are lost first. */
const MAX_EVENTS = 20_000;

export interface WaitingTimelineParts {
  /** Whether the boot of this number is still one of those that are kept. */
  readonly isKept: (number: number) => boolean;
  /** How many those are at most. */
  readonly keepBoots: number;
}

/**
 * What is not on disk yet: of each boot its latest state, and no more events than are ever read again. Bounded,
 * however long the disk takes nothing.
 */
export class WaitingTimeline {
  readonly #parts: WaitingTimelineParts;
  readonly #boots = new Map<number, Boot>();
  /** Of each boot its lines, the oldest first. */
  readonly #lines = new Map<number, string[]>();
  #lineCount = 0;

  constructor(parts: WaitingTimelineParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#boots.size === 0 && this.#lineCount === 0;
  }

  get boots(): readonly Boot[] {
    return [...this.#boots.values()];
  }

  /** The events as lines; those of one boot in their order. */
  get lines(): readonly string[] {
    return [...this.#lines.values()].flat();
  }

  changed(boot: Boot): void {
    this.#boots.set(boot.number, boot);
    if (this.#boots.size > 2 * this.#parts.keepBoots) this.forgetGone();
  }

  event(number: number, text: string): void {
    this.#addLine(number, eventLine(number, text));
  }

  /** Adds what came later. */
  add(newer: WaitingTimeline): void {
    for (const boot of newer.#boots.values()) this.#boots.set(boot.number, boot);
    for (const [number, lines] of newer.#lines) {
      for (const line of lines) this.#addLine(number, line);
    }
    this.forgetGone();
  }

  /** Forgets boots that are kept no longer. */
  forgetGone(): void {
    for (const number of this.#boots.keys()) {
      if (this.#parts.isKept(number)) continue;
      this.#boots.delete(number);
      this.#forgetLines(number);
    }
  }

  #addLine(number: number, line: string): void {
    const lines = this.#lines.get(number) ?? [];
    this.#lineCount -= lines.length;
    addBounded(lines, line);
    this.#lineCount += lines.length;
    this.#lines.set(number, lines);
    if (this.#lineCount <= MAX_EVENTS) return;
    for (const oldest of this.#lines.keys()) {
      if (this.#lineCount <= MAX_EVENTS * 0.75) return;
      this.#forgetLines(oldest);
    }
  }

  #forgetLines(number: number): void {
    this.#lineCount -= this.#lines.get(number)?.length ?? 0;
    this.#lines.delete(number);
  }
}
