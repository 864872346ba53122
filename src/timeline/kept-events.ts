/** Of one boot: the first and the last of these, so that one machine cannot fill the memory. */
const firstEvents = 60;
const lastEvents = 60;

/** The same of the lines of the machine's log, of which a machine writes what it likes. */
const firstLines = 20;
const lastLines = 20;

/** Whether the JSON of an event is a line of the machine's log, or tells that some were dropped. */
export function isLogLine(text: string): boolean {
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
export class LogLineCounts {
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
