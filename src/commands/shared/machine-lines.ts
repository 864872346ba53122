import { styleText } from "node:util";
import type { Stage } from "../../timeline/stages.ts";

/** How far a machine is, in five words. */
const words = ["asked", "loader", "script", "Micro-OS", "up"] as const;

/** What a stage proves: the first `done` words are behind the machine, and whether the next one is under way. */
const progress: { readonly [Name in Stage]: { readonly done: number; readonly moving: boolean } } =
  {
    discover: { done: 0, moving: true },
    offer: { done: 1, moving: false },
    "loader-start": { done: 1, moving: true },
    "loader-done": { done: 2, moving: false },
    "ipxe-discover": { done: 2, moving: false },
    "ipxe-offer": { done: 2, moving: true },
    script: { done: 3, moving: false },
    kernel: { done: 3, moving: true },
    "initramfs-start": { done: 3, moving: true },
    "initramfs-done": { done: 4, moving: false },
    "micro-os": { done: 5, moving: false },
  };

/** A machine as a line shows it. */
export interface ShownMachine {
  readonly name: string;
  readonly firmware: string;
  readonly stage: Stage | null;
  /** From its first request to the last stage that was seen; null before the first. */
  readonly seconds: number | null;
  /** Why it stopped; null while it goes on. */
  readonly failure: string | null;
  /** What it waits for, in place of the seconds. */
  readonly remark?: string;
}

/** One line for each machine, at most `columns` characters wide: `node 1  uefi  ● asked ◐ loader ○ script …`. */
export function machineLines(
  machines: readonly ShownMachine[],
  { columns, colours }: { readonly columns: number; readonly colours: boolean },
): readonly string[] {
  const paint = (style: "green" | "yellow" | "gray" | "red", text: string) =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const wide = (of: (machine: ShownMachine) => string) =>
    Math.max(0, ...machines.map((machine) => of(machine).length));
  const [names, firmwares] = [wide(({ name }) => name), wide(({ firmware }) => firmware)];
  return machines.map((machine) => {
    const { name, firmware, stage, seconds, failure, remark } = machine;
    const { done, moving } = stage === null ? { done: 0, moving: false } : progress[stage];
    const track = words.map((word, at) => {
      if (at < done) return { text: `● ${word}`, style: "green" } as const;
      if (at > done || (!moving && failure === null))
        return { text: `○ ${word}`, style: "gray" } as const;
      return failure === null
        ? ({ text: `◐ ${word}`, style: "yellow" } as const)
        : ({ text: `✗ ${word}`, style: "red" } as const);
    });
    const end = failure ?? remark ?? (seconds === null ? "" : `${seconds.toFixed(1)} s`);
    const start = `${name.padEnd(names)}  ${firmware.padEnd(firmwares)}  `;
    // What does not fit is cut before it is coloured: the colours' characters take no room.
    let room = columns - start.length;
    const fit = (text: string) => {
      const cut = text.slice(0, Math.max(0, room));
      room -= cut.length;
      return cut;
    };
    const painted = track.map(({ text, style }) => paint(style, fit(`${text} `)));
    return `${start.slice(0, columns)}${painted.join("")}${paint(failure === null ? "gray" : "red", fit(` ${end}`))}`.trimEnd();
  });
}

/** Lines on a terminal that are drawn again in their place. */
export class LiveLines {
  readonly #out: NodeJS.WritableStream;
  #drawn: readonly string[] = [];

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    if (
      lines.length === this.#drawn.length &&
      lines.every((line, at) => line === this.#drawn[at])
    ) {
      return;
    }
    const up = this.#drawn.length === 0 ? "" : `\u001b[${this.#drawn.length}A`;
    this.#out.write(`${up}${lines.map((line) => `\r\u001b[K${line}\n`).join("")}`);
    this.#drawn = lines;
  }
}
