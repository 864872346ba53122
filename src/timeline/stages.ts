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
