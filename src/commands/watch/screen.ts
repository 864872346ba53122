import { styleText } from "node:util";
import type { BootReply } from "../../api/boots.ts";
import { whoInWords } from "../../lib/finding.ts";
import { machineLines, type ShownMachine } from "../shared/machine-lines.ts";
import { lateInWords, paceInWords } from "../shared/pace.ts";
import { tableLines } from "../shared/table.ts";
import {
  type Filter,
  filters,
  plain,
  statusWords,
  watchedMachines,
  type WatchedMachine,
} from "./machines.ts";

/* What `watch` shows on a terminal. Pure: state and size in, lines out. */

export interface ScreenState {
  /** As the server has them, newest first. */
  readonly boots: readonly BootReply[];
  readonly filter: Filter;
  /** The key of the machine that is marked; null: the first. */
  readonly selected: string | null;
  /** Its whole boot is shown. */
  readonly open: boolean;
  /** Why the server does not answer now; null: it does. */
  readonly lost: string | null;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export const initialState: ScreenState = {
  boots: [],
  filter: "all",
  selected: null,
  open: false,
  lost: null,
};

type Style = "bold" | "gray" | "green" | "yellow" | "red";

const paint = (style: Style, text: string): string =>
  styleText(style, text, { validateStream: false });

/** What a key does; null: it ends `watch`. */
export function afterKey(state: ScreenState, key: string): ScreenState | null {
  const machines = watchedMachines(state.boots, state.filter);
  const at = indexOf(machines, state.selected);
  const select = (index: number): ScreenState => ({
    ...state,
    selected: machines[Math.max(0, Math.min(machines.length - 1, index))]?.key ?? null,
  });
  switch (key) {
    case "q":
    case "\u0003":
      return null;
    case "j":
    case "\u001b[B":
      return select(at + 1);
    case "k":
    case "\u001b[A":
      return select(at - 1);
    case "\r":
    case "\n":
    case "\u001b[C":
      return machines.length === 0 ? state : { ...select(at), open: true };
    case "\u001b":
    case "\u001b[D":
    case "\u007f":
      return { ...state, open: false };
    case "f":
      return {
        ...state,
        open: false,
        filter: filters[(filters.indexOf(state.filter) + 1) % filters.length] ?? "all",
      };
    default:
      return state;
  }
}

/** Exactly as many lines as the terminal has, none wider than it. */
export function screenLines(state: ScreenState, { columns, rows }: ScreenSize): readonly string[] {
  const machines = watchedMachines(state.boots, state.filter);
  const at = indexOf(machines, state.selected);
  // One that is gone is not replaced by another.
  const chosen = state.open ? machines.find(({ key }) => key === state.selected) : undefined;
  const room = Math.max(1, rows - 4);
  const body =
    chosen === undefined
      ? listLines(machines, at, state, columns, room)
      : detailLines(chosen, columns);
  const keys =
    chosen === undefined
      ? "↑↓ choose   Enter what happened   f show others   q quit"
      : "↑↓ next machine   Esc back   q quit";
  const shown = body.slice(0, room);
  return [
    header(state, columns),
    "",
    ...shown,
    ...Array.from({ length: room - shown.length }, () => ""),
    "",
    paint("gray", keys.slice(0, columns)),
  ];
}

function indexOf(machines: readonly WatchedMachine[], selected: string | null): number {
  return Math.max(
    0,
    machines.findIndex(({ key }) => key === selected),
  );
}

function header({ boots, filter, lost }: ScreenState, columns: number): string {
  if (lost !== null)
    return paint("red", `connection lost, trying again: ${lost}`.slice(0, columns));
  const machines = watchedMachines(boots, "all");
  const count = (status: BootReply["status"]) =>
    machines.filter(({ boot }) => boot.status === status).length;
  const parts = [
    `${machines.length} machine${machines.length === 1 ? "" : "s"}`,
    ...(["booting", "up", "stalled", "denied", "local"] as const).flatMap((status) =>
      count(status) === 0 ? [] : [`${count(status)} ${statusWords[status]}`],
    ),
    ...(filter === "all" ? [] : [`shown: ${filter}`]),
  ];
  return paint("bold", parts.join("   ").slice(0, columns));
}

function listLines(
  machines: readonly WatchedMachine[],
  at: number,
  { filter }: ScreenState,
  columns: number,
  room: number,
): readonly string[] {
  if (machines.length === 0) {
    const none =
      filter === "all"
        ? "No machine has asked yet. Switch one on and let it boot from the network."
        : `No machine is ${filter} now; f shows others.`;
    return wrapped(none, columns);
  }
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), machines.length - room));
  const lines = machineLines(machines.map(shownMachine), { columns: columns - 2, colours: true });
  return lines
    .map((line, index) => `${index === at ? paint("bold", "›") : " "} ${line}`)
    .slice(first, first + room);
}

function shownMachine({ name, boot }: WatchedMachine): ShownMachine {
  const { status, stage, durationMs, firmware, diagnosis, waiting } = boot;
  const failure =
    status === "stalled"
      ? plain(diagnosis?.cause ?? statusWords.stalled, 300)
      : status === "denied"
        ? statusWords.denied
        : null;
  const remark =
    waiting === null
      ? lateInWords(boot)
      : waiting.ahead === 0
        ? "next in line"
        : `in line: ${waiting.ahead} before it`;
  return {
    name,
    firmware: firmware ?? "",
    stage,
    seconds: durationMs / 1000,
    failure,
    ...(remark === null ? {} : { remark }),
  };
}

/** Why it stopped first, then how it went. */
function detailLines({ name, boot }: WatchedMachine, columns: number): readonly string[] {
  const { status, diagnosis, mac, serial, vendor, model, address, firmware, architecture } = boot;
  const style = status === "up" ? "green" : status === "stalled" ? "red" : "yellow";
  const facts = [mac, serial, vendor, model, address, firmware, architecture].flatMap((fact) =>
    fact === null || fact === name ? [] : [plain(fact, 64)],
  );
  const pace = paceInWords(boot);
  const steps = boot.steps.map(({ stage, afterMs, count, certainty }) => [
    stage,
    `${(afterMs / 1000).toFixed(1)} s`,
    count > 1 ? `${count} times` : "",
    certainty === "proved" ? "" : certainty,
  ]);
  return [
    `${paint("bold", name.slice(0, columns - 20))}  ${paint(style, statusWords[status])}`,
    ...wrapped(facts.join("   "), columns),
    "",
    ...(diagnosis === null
      ? []
      : [
          ...wrapped(`Why it stopped: ${diagnosis.cause}`, columns).map((line) =>
            paint("red", line),
          ),
          ...wrapped(`What to do: ${diagnosis.remedy}`, columns),
          ...wrapped(`Who does it: ${whoInWords[diagnosis.who]}`, columns),
          ...(diagnosis.onScreen.length === 0
            ? []
            : wrapped(`On its screen: ${diagnosis.onScreen.join(", ")}`, columns)),
          "",
        ]),
    ...tableLines(steps).map((line) => line.slice(0, columns)),
    ...(pace === null ? [] : ["", ...wrapped(`Wait or act: ${pace}`, columns)]),
  ];
}

/** In lines of at most so many characters: at blanks, and what is longer than a line anywhere. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of plain(text, 2000).split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
    for (; line.length > columns; line = line.slice(columns)) lines.push(line.slice(0, columns));
  }
  return [...lines, line];
}
