import { SortedTexts } from "../lib/lists/sorted-texts.ts";
import type { Boot } from "./boot.ts";
import type { Stage } from "./stages.ts";
import type { PlannedTraces } from "./traces.ts";

export interface HistoryLimits {
  /** Boots that are kept in all. */
  readonly keepBoots: number;
  readonly bootsPerMachine: number;
}

/** Hears what is new, to keep it elsewhere. Never throws. */
export interface HistoryListener {
  changed(boot: Boot): void;
  /** `text` is an event of the boot with that number as JSON. */
  event(number: number, text: string): void;
}

/** What a single DHCP request brings about. */
export const asking: ReadonlySet<string> = new Set<Stage>([
  "discover",
  "offer",
  "ipxe-discover",
  "ipxe-offer",
]);

/** How many boots that got no further than to ask are kept, where there is no room for all. */
export function mostAsked(keepBoots: number): number {
  return Math.floor(keepBoots / 4);
}

/** Of one boot: the first and the last of these, so that one machine cannot fill the memory. */
const firstEvents = 60;
const lastEvents = 60;

/** The same of the lines of the machine's log, of which a machine writes what it likes. */
const firstLines = 20;
const lastLines = 20;

/** Whether the JSON of an event is a line of the machine's log, or tells that some were dropped. */
function isLogLine(text: string): boolean {
  // Quotes of a value are escaped: this is the event's name and nothing that a machine wrote.
  return text.includes('"event":"syslog');
}

/** Adds to the events of one boot, of which the first and the last are kept. */
export function addBounded(events: string[], text: string): void {
  if (isLogLine(text)) leaveOutLine(events);
  if (events.length >= firstEvents + lastEvents) events.splice(firstEvents, 1);
  events.push(text);
}

/** Makes room for one more line of the log. */
function leaveOutLine(events: string[]): void {
  let lines = 0;
  let middle = -1;
  for (const [index, text] of events.entries()) {
    if (!isLogLine(text)) continue;
    if (lines === firstLines) middle = index;
    lines += 1;
  }
  if (lines >= firstLines + lastLines && middle !== -1) events.splice(middle, 1);
}

/** Lines of logs that are kept of all boots together, some 15 MB. */
const mostLines = 20_000;

/** Counts the lines of logs that are kept of each boot, and says whose are left out where there are too many. */
class LogLineCounts {
  /** By the boot's number, in the order in which they began to write. */
  readonly #counts = new Map<number, number>();
  #all = 0;

  /** The boot has so many now. Returns the boots whose lines are to be left out. */
  set(number: number, count: number): readonly number[] {
    this.#all += count - (this.#counts.get(number) ?? 0);
    this.#counts.set(number, count);
    const left: number[] = [];
    for (const [oldest] of this.#counts) {
      if (this.#all <= mostLines || oldest === number) break;
      this.delete(oldest);
      left.push(oldest);
    }
    return left;
  }

  delete(number: number): void {
    this.#all -= this.#counts.get(number) ?? 0;
    this.#counts.delete(number);
  }
}

/**
 * The boots that are kept, in the order in which they began. Where there are too many the oldest goes
 * first; but machines that only asked have no more than a quarter of the room, so that whoever sends
 * requests with made-up hardware addresses does not push out the boots of real machines.
 */
export class BootHistory {
  readonly #limits: HistoryLimits;
  /** By number, ascending. */
  readonly #boots = new Map<number, Boot>();
  /** Those that got no further than to ask, ascending. */
  readonly #onlyAsked = new Set<number>();
  /** Ascending; with gaps where a boot is no longer kept. */
  #numbers: number[] = [];
  /** The numbers of each machine's boots, the newest first. */
  readonly #machines = new Map<string, readonly number[]>();
  /** Those of the machines whose key is their MAC. */
  readonly #macs = new SortedTexts();
  readonly #keys = new Map<number, string>();
  readonly #events = new Map<number, string[]>();
  readonly #logLines = new LogLineCounts();
  #lastNumber = 0;
  readonly listeners: HistoryListener[] = [];

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#boots.size;
  }

  /** What the next boot is known by. */
  next(key: string, traces: PlannedTraces | null) {
    return { key, number: this.#lastNumber + 1, trace: traces?.take(key) ?? null };
  }

  /** The machine's boots, the newest first. */
  of(key: string): readonly Boot[] {
    return (this.#machines.get(key) ?? []).flatMap((number) => this.#boots.get(number) ?? []);
  }

  latest(key: string): Boot | null {
    const [number] = this.#machines.get(key) ?? [];
    return number === undefined ? null : (this.#boots.get(number) ?? null);
  }

  /**
   * Puts a new boot, or the new state of one that is kept, under its machine's key.
   *
   * @param isKept whether this state is worth to be kept over a restart
   */
  put(key: string, boot: Boot, isKept = true): void {
    const { number } = boot;
    const isNew = !this.#boots.has(number);
    this.#boots.set(number, boot);
    if (boot.steps.some(({ stage }) => !asking.has(stage))) this.#onlyAsked.delete(number);
    else this.#onlyAsked.add(number);
    if (isNew) this.#begin(key, number);
    if (isKept) for (const listener of this.listeners) listener.changed(boot);
  }

  /** What was kept under one key is kept under another. */
  rename(from: string, to: string, change: (boot: Boot) => Boot): void {
    const numbers = this.#machines.get(from) ?? [];
    this.#setNumbers(from, []);
    this.#setNumbers(to, numbers);
    for (const number of numbers) {
      this.#keys.set(number, to);
      const boot = this.#boots.get(number);
      if (boot !== undefined) this.put(to, change(boot));
    }
  }

  /** Adds what was reported of a boot, as JSON. */
  addEvent(number: number, text: string): void {
    const events = this.#events.get(number) ?? [];
    if (!this.#boots.has(number)) return;
    addBounded(events, text);
    this.#events.set(number, events);
    if (isLogLine(text)) this.#boundLogs(number, events);
    for (const listener of this.listeners) listener.event(number, text);
  }

  /** What was reported of a boot: the first and the last of it. */
  eventsOf(number: number): readonly string[] {
    return this.#events.get(number) ?? [];
  }

  byNumber(number: number): Boot | null {
    return this.#boots.get(number) ?? null;
  }

  byId(id: string): Boot | null {
    // The newest are asked for most.
    for (const boot of this.newestFirst()) if (boot.id === id) return boot;
    return null;
  }

  /** From the newest to the oldest, of those that began before the one with this number. */
  *newestFirst(before = Infinity): Iterable<Boot> {
    let numbers = this.#numbers;
    for (let at = this.#indexOf(before) - 1; at >= 0; at -= 1) {
      const number = numbers[at] ?? 0;
      const boot = this.#boots.get(number);
      if (boot === undefined) continue;
      yield boot;
      // Whoever reads many gives way to others, who may have begun boots.
      if (numbers === this.#numbers) continue;
      numbers = this.#numbers;
      at = this.#indexOf(number);
    }
  }

  /** The MACs of machines that have boots, behind this text, ascending. */
  macsAfter(text: string): Iterable<string> {
    return this.#macs.after(text);
  }

  /** The latest boot of each machine. */
  *current(): Iterable<Boot> {
    for (const key of this.#machines.keys()) {
      const boot = this.latest(key);
      if (boot !== null) yield boot;
    }
  }

  #begin(key: string, number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number);
    this.#numbers.push(number);
    this.#keys.set(number, key);
    const numbers = [number, ...(this.#machines.get(key) ?? [])];
    this.#setNumbers(key, numbers);
    const oldestOfMachine = numbers[this.#limits.bootsPerMachine];
    if (oldestOfMachine !== undefined) this.#forget(oldestOfMachine);
    while (this.#boots.size > this.#limits.keepBoots) this.#forgetOldest();
    if (this.#numbers.length > 2 * this.#boots.size + 64) this.#numbers = [...this.#boots.keys()];
  }

  #forgetOldest(): void {
    const tooManyAsked = this.#onlyAsked.size > mostAsked(this.#limits.keepBoots);
    const [oldest] = (tooManyAsked ? this.#onlyAsked : this.#boots).keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #boundLogs(number: number, events: readonly string[]): void {
    for (const other of this.#logLines.set(number, events.filter(isLogLine).length)) {
      const left = (this.#events.get(other) ?? []).filter((text) => !isLogLine(text));
      this.#events.set(other, left);
    }
  }

  #forget(number: number): void {
    const key = this.#keys.get(number) ?? "";
    this.#boots.delete(number);
    this.#onlyAsked.delete(number);
    this.#events.delete(number);
    this.#logLines.delete(number);
    this.#keys.delete(number);
    const left = (this.#machines.get(key) ?? []).filter((other) => other !== number);
    this.#setNumbers(key, left);
  }

  #setNumbers(key: string, numbers: readonly number[]): void {
    if (numbers.length === 0) {
      this.#machines.delete(key);
      this.#macs.delete(key);
      return;
    }
    const isNew = !this.#machines.has(key);
    this.#machines.set(key, numbers);
    if (isNew && isMacKey(key)) this.#macs.add(key);
  }

  /** Where this number stands, or would. */
  #indexOf(number: number): number {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] ?? Infinity) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Machines whose MAC is not known are kept under `address …`. */
function isMacKey(key: string): boolean {
  return !key.startsWith("address ");
}
