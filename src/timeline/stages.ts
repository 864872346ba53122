/** The stages of one network boot, in the order in which a machine goes through them. */
export const stages = [
  "discover",
  "offer",
  "loader-start",
  "loader-done",
  "ipxe-discover",
  "ipxe-offer",
  "script",
  "kernel",
  "initramfs-start",
  "initramfs-done",
  "micro-os",
] as const;

export type Stage = (typeof stages)[number];

export function isStage(text: string): text is Stage {
  return (stages as readonly string[]).includes(text);
}

const order: ReadonlyMap<Stage, number> = new Map(stages.map((stage, index) => [stage, index]));

/** Where a stage stands among the others. */
export function rank(stage: Stage): number {
  return order.get(stage) ?? 0;
}

/** Whether a stage comes before another one. */
export function isBefore(stage: Stage, other: Stage): boolean {
  return rank(stage) < rank(other);
}
