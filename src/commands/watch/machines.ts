import type { BootReply } from "../../api/boots.ts";

/** The machines that are shown, each with its latest boot. */
export interface WatchedMachine {
  /** Stays the same while it is shown: the hardware address where that is known. */
  readonly key: string;
  readonly name: string;
  readonly boot: BootReply;
}

export const filters = ["all", "booting", "stopped", "up"] as const;
export type Filter = (typeof filters)[number];

/** As the dashboard has them. */
export const statusWords: Readonly<Record<BootReply["status"], string>> = {
  booting: "booting",
  up: "up",
  stalled: "stopped",
  denied: "not allowed",
  local: "boots its disk",
};

/** What needs a person comes first, then what goes on; each newest first. */
const order: Readonly<Record<BootReply["status"], number>> = {
  stalled: 0,
  booting: 1,
  denied: 2,
  up: 3,
  local: 3,
};

/** Machines send texts of their own: nothing in them may be a command to the terminal. */
export function plain(text: string, limit: number): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?").slice(0, limit);
}

/** What a person knows it by. */
export function nameOf({ name, serial, mac, address, id }: BootReply): string {
  return plain(name ?? serial ?? mac ?? address ?? id, 32);
}

/** @param boots newest first */
export function watchedMachines(
  boots: readonly BootReply[],
  filter: Filter,
): readonly WatchedMachine[] {
  const machines = new Map<string, WatchedMachine>();
  for (const boot of boots) {
    const key = boot.mac ?? boot.uuid ?? boot.address ?? boot.id;
    const known = machines.get(key)?.boot;
    // Two servers may have heard it, of which one saw it boot.
    if (known === undefined || known.updatedAt < boot.updatedAt) {
      machines.set(key, { key, name: nameOf(boot), boot });
    }
  }
  return [...machines.values()]
    .filter(({ boot }) => isShown(boot, filter))
    .toSorted((a, b) => order[a.boot.status] - order[b.boot.status]);
}

function isShown({ status }: BootReply, filter: Filter): boolean {
  switch (filter) {
    case "all":
      return true;
    case "booting":
      return status === "booting";
    case "stopped":
      return status === "stalled" || status === "denied";
    case "up":
      return status === "up";
  }
}
