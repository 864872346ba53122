import type { Boot, Step } from "../boot.ts";
import type { Seen } from "../observations.ts";
import type { SiteEvidence } from "../site/site-observations.ts";
import { isBefore, type Stage } from "../stages.ts";

/** All that the rules judge a boot by: what it did, what was seen of it, and what is known beside it. */
export interface BootEvidence {
  readonly boot: Boot;
  /** The machine's earlier boots, newest first. */
  readonly earlier: readonly Boot[];
  readonly site: SiteEvidence;
}

export const firmwareKinds = ["bios", "uefi", "uefi-http", "ipxe", "other"] as const;
export type FirmwareKind = (typeof firmwareKinds)[number];

/** What kind of firmware asked, by the architecture that it announced. */
export function firmwareOf(boot: Boot): FirmwareKind {
  const architecture = textOf(stepOf(boot, "discover"), "architecture") ?? "";
  if (architecture.includes("BIOS")) return "bios";
  if (!architecture.includes("UEFI")) return "other";
  return architecture.includes("HTTP") ? "uefi-http" : "uefi";
}

/** The same, with iPXE where that is what the machine starts with; null where it did not ask by DHCP. */
export function firmwareKindOf(boot: Boot): FirmwareKind | null {
  if (stepOf(boot, "discover") !== null) return firmwareOf(boot);
  return stepOf(boot, "ipxe-discover") === null ? null : "ipxe";
}

/** The architecture that it announced, such as `x86-64 UEFI`. */
export function architectureNameOf(boot: Boot): string | null {
  return (
    textOf(stepOf(boot, "discover"), "architecture") ??
    textOf(stepOf(boot, "ipxe-discover"), "architecture")
  );
}

/** The interface on which the machine was heard; null where only its downloads are known. */
export function interfaceOf(boot: Boot): string | null {
  return (
    textOf(stepOf(boot, "discover"), "interface") ??
    textOf(stepOf(boot, "ipxe-discover"), "interface")
  );
}

export function stepOf(boot: Boot, stage: Stage): Step | null {
  return boot.steps.find((step) => step.stage === stage) ?? null;
}

/** A field of a step's detail, where it is a text. */
export function textOf(step: Step | null, field: string): string | null {
  const value = step?.detail[field];
  return typeof value === "string" ? value : null;
}

/** The boot went no further than to one of these stages. */
export function stopsAt({ boot }: BootEvidence, ...stages: readonly Stage[]): boolean {
  return stages.includes(boot.stage);
}

/** When the boot last did something that is a stage of it; a download that moves on is one. */
export function lastStepAtMs({ steps }: Boot): number {
  return Math.max(...steps.map(({ lastAtMs }) => lastAtMs));
}

/** What was seen is the last word: the boot did nothing since. */
export function isLastWord<Observation extends { readonly atMs: number }>(
  boot: Boot,
  observation: Observation | null,
): observation is Observation {
  return observation !== null && observation.atMs >= lastStepAtMs(boot);
}

/** The machine took an address, from whatever server, after it had first asked as firmware or as iPXE. */
export function tookAddress({ boot }: BootEvidence, asked: "discover" | "ipxe-discover"): boolean {
  const { addressAtMs } = boot.seen;
  return addressAtMs !== null && addressAtMs >= (stepOf(boot, asked)?.firstAtMs ?? 0);
}

/** The loader was fetched, and nothing was heard of it. */
function loadedInVain(boot: Boot): boolean {
  const { autoexecAtMs, asset } = boot.seen;
  return boot.stage === "loader-done" && autoexecAtMs === null && asset === null;
}

/** How the machine fares with its loader, over its boots one after the other. */
export interface LoaderRuns {
  /** How many boots in a row, up to this one, fetched the loader in vain. */
  readonly inVain: number;
  /** After one of them the firmware asked again within a minute, so it is alive. */
  readonly cameBack: boolean;
}

const comeBackMs = 60_000;

export function loaderRunsOf({ boot, earlier }: Omit<BootEvidence, "site">): LoaderRuns {
  const all = [boot, ...earlier.slice(0, boot.attempt - 1)];
  // The present one may not have come as far yet.
  const first = isBefore(boot.stage, "loader-done") ? 1 : 0;
  let last = first;
  for (let next = all[last]; next !== undefined && loadedInVain(next); next = all[last]) last += 1;
  const inVain = all.slice(first, last);
  const cameBack = all.slice(0, last).some((later, index) => {
    const before = all[index + 1];
    return (
      before !== undefined &&
      inVain.includes(before) &&
      later.startedAtMs - before.updatedAtMs <= comeBackMs
    );
  });
  return { inVain: inVain.length, cameBack };
}

/** Whether the machine is about to be given, or was just given, another loader than in its boot before. */
export function triesAnotherLoader({ boot, earlier }: BootEvidence): boolean {
  const before = textOf(stepOf(earlier[0] ?? boot, "loader-done"), "file");
  const now =
    textOf(stepOf(boot, "loader-start"), "file") ?? textOf(stepOf(boot, "offer"), "boots");
  return before !== null && now !== null && bareName(now) !== bareName(before);
}

/** Of a file's name or its URL. */
function bareName(text: string): string {
  return text.slice(text.lastIndexOf("/") + 1);
}

/** The client did not end the transfer by an ERROR: nothing more of it came. */
export function fellSilent({ silentMs }: Seen<"tftp-failed">): boolean {
  return silentMs >= 1000;
}

/** The host of a URL; null where the text is a file's name. */
export function hostOf(boots: string | null): string | null {
  return boots !== null && /^https?:/.test(boots) && URL.canParse(boots)
    ? new URL(boots).host
    : null;
}
