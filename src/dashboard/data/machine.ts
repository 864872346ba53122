import type { BootReply } from "../../api/boots.ts";
import type { NodeReply } from "../../api/nodes.ts";

/** A machine as the page shows it: its entry and its last boot, put together. Pure. */
export interface Machine {
  /** MAC, or the boot's id where no MAC is known. */
  readonly key: string;
  readonly node: NodeReply | null;
  readonly boot: BootReply | null;
}

/** Whether a machine's key is its MAC: only such a one can be decided about. A boot's id has colons, too. */
export function isMac(key: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(key);
}

export type MachineStatus = BootReply["status"] | "waiting" | "unseen";

export function statusOf({ node, boot }: Machine): MachineStatus {
  if (node?.status === "waiting") return "waiting";
  return boot?.status ?? node?.boot?.status ?? "unseen";
}

export function nameOf({ node, boot }: Machine): string | null {
  return node?.name ?? boot?.name ?? null;
}

/** What a person reads on the box. */
export function labelOf({ boot }: Machine): string {
  return [boot?.vendor, boot?.model].filter((one) => one != null && one !== "").join(" ");
}

export function serialOf({ node, boot }: Machine): string | null {
  return boot?.serial ?? node?.serial ?? null;
}

export function addressOf({ node, boot }: Machine): string | null {
  return boot?.address ?? node?.address ?? null;
}

/** Everything that a search looks through, in lower case. */
export function searchTextOf(machine: Machine): string {
  const { key, boot, node } = machine;
  return [
    key,
    nameOf(machine),
    labelOf(machine),
    serialOf(machine),
    addressOf(machine),
    boot?.uuid ?? node?.uuid,
    boot?.interface,
    boot?.diagnosis?.code,
  ]
    .filter((one) => one != null)
    .join(" ")
    .toLowerCase();
}

export const words = ["asked", "loader", "script", "os", "up"] as const;
export type Word = (typeof words)[number];

type Stage = BootReply["stage"];
type Certainty = BootReply["steps"][number]["certainty"];

const wordOf: Readonly<Record<Stage, Word>> = {
  discover: "asked",
  offer: "asked",
  "loader-start": "loader",
  "loader-done": "loader",
  "ipxe-discover": "script",
  "ipxe-offer": "script",
  script: "script",
  kernel: "os",
  "initramfs-start": "os",
  "initramfs-done": "os",
  "micro-os": "up",
};

/** Stages that end their word: what comes next is the next word's. */
const ends: readonly Stage[] = ["offer", "loader-done", "script", "initramfs-done", "micro-os"];

export interface WordState {
  readonly word: Word;
  readonly reached: boolean;
  /** The boot is at this word now. */
  readonly current: boolean;
  readonly done: boolean;
  readonly certainty: Certainty | null;
  /** Of the download that runs in this word. */
  readonly percent: number | null;
  readonly bytesPerSecond: number | null;
}

/** How far a boot got, in five words. A machine that came to a word went through those before it. */
export function progressOf(boot: BootReply | null): readonly WordState[] {
  const at = boot === null ? -1 : words.indexOf(wordOf[boot.stage]);
  return words.map((word, index) => {
    const steps = boot?.steps.filter(({ stage }) => wordOf[stage] === word) ?? [];
    const last = steps.at(-1);
    const running = boot?.status === "booting" && index === at ? last : undefined;
    return {
      word,
      reached: index <= at,
      current: index === at,
      done: index < at || (index === at && last !== undefined && ends.includes(last.stage)),
      certainty: last?.certainty ?? null,
      percent: numberIn(running?.detail["percent"]),
      bytesPerSecond: numberIn(last?.detail["bytesPerSecond"]),
    };
  });
}

function numberIn(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

export type Sort = "activity" | "name" | "progress" | "status";

/** What needs a person first. */
export const statusesInOrder: readonly MachineStatus[] = [
  "waiting",
  "stalled",
  "denied",
  "booting",
  "local",
  "up",
  "unseen",
];

export function statusRank(status: MachineStatus): number {
  return statusesInOrder.indexOf(status);
}

export function countsOf(machines: readonly Machine[]): Record<MachineStatus, number> {
  const counts = { waiting: 0, stalled: 0, denied: 0, booting: 0, local: 0, up: 0, unseen: 0 };
  for (const machine of machines) counts[statusOf(machine)] += 1;
  return counts;
}

/** Machines that did something in that time stand in one order, by name: else rows would jump all the time. */
const atOnceMs = 60_000;

/** A machine, and what its place depends on: made once of each, as thousands are compared with one another. */
interface Placed {
  readonly machine: Machine;
  readonly group: number;
  readonly rank: number;
  /** The latest first. */
  readonly at: string;
  readonly name: string;
}

/** In that order; `grouped`: first by state. Of machines that already stand in that order it takes little time. */
export function sorted(
  machines: readonly Machine[],
  sort: Sort,
  nowMs: number,
  grouped = false,
): readonly Machine[] {
  const nowText = new Date(nowMs - atOnceMs).toISOString();
  const activity = ({ boot }: Machine): string => {
    const at = boot?.updatedAt ?? "";
    return at > nowText ? "now" : at;
  };
  const isNamed = sort === "activity" || sort === "name";
  const placed = machines.map((machine): Placed => {
    const byStatus = statusRank(statusOf(machine));
    return {
      machine,
      group: grouped ? byStatus : 0,
      rank: sort === "progress" ? -rankOf(machine) : sort === "status" ? byStatus : 0,
      at: sort === "activity" ? activity(machine) : "",
      name: isNamed ? (nameOf(machine) ?? "\uffff") : "",
    };
  });
  return placed.toSorted(byPlace).map(({ machine }) => machine);
}

function byPlace(a: Placed, b: Placed): number {
  return (
    a.group - b.group ||
    a.rank - b.rank ||
    byText(b.at, a.at) ||
    byText(a.name, b.name) ||
    byText(a.machine.key, b.machine.key)
  );
}

function rankOf({ boot }: Machine): number {
  return boot === null ? -1 : words.indexOf(wordOf[boot.stage]) * 20 + boot.steps.length;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Who stopped longer ago may have been carried away. */
const latelyMs = 24 * 3_600_000;

/** How many machines stand still for what is not this server's to mend: those of the last day. */
export function stoppedOutside(machines: Iterable<Machine>, nowMs: number): number {
  let count = 0;
  for (const { boot } of machines) {
    const isStopped = boot?.status === "stalled" && nowMs - Date.parse(boot.updatedAt) < latelyMs;
    const who = boot?.diagnosis?.who;
    if (isStopped && (who === "site" || who === "network")) count += 1;
  }
  return count;
}
