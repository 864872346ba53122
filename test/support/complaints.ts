import { z } from "zod";
import { judge } from "../../src/lib/finding.ts";
import type { BootSessions } from "../../src/timeline/boots.ts";
import { bootRules, diagnose } from "../../src/timeline/rules.ts";

/*
 * The proof that no rule of diagnosis speaks of a boot in which nothing is wrong: every test that has a
 * machine boot to the end, simulated or by real firmware, asks one of these, and nothing may come.
 */

const dayMs = 24 * 3600_000;

/** What rules say of boots that have arrived, now and for ever: `MAC code`. */
export function complaintsOf(sessions: BootSessions, nowMs: number): readonly string[] {
  return sessions
    .list()
    .filter(({ stage }) => stage === "micro-os")
    .flatMap((boot) => {
      const evidence = sessions.evidence(boot, nowMs);
      // Whatever was seen on the way, no row holds any longer.
      const found = diagnose(evidence, nowMs + dayMs) ?? judge(bootRules, evidence);
      return found === null ? [] : [`${boot.mac} ${found.code}`];
    });
}

const logLine = z.looseObject({
  event: z.string(),
  mac: z.string().nullish(),
  code: z.string().optional(),
});

/** What a server's log says of boots that came up all the same: `MAC code`. */
export function complaintsInLog(text: string): readonly string[] {
  const complaints: string[] = [];
  const said = new Map<string, string>();
  for (const data of text.split("\n").flatMap(readLine)) {
    const { mac } = data;
    if (mac === null || mac === undefined) continue;
    if (data.event === "boot-stalled") said.set(mac, data.code ?? "?");
    // The boot that stood still is over.
    if (data.event === "discover" || data.event === "ipxe-discover") said.delete(mac);
    const code = said.get(mac);
    if (data.event === "micro-os" && code !== undefined) complaints.push(`${mac} ${code}`);
  }
  return complaints;
}

/** Nothing where it is no event, such as half a line of a program that was killed. */
function readLine(line: string): readonly z.output<typeof logLine>[] {
  try {
    return [logLine.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}

interface ReportedBoot {
  readonly mac: string | null;
  readonly diagnosis: { readonly code: string; readonly cause: string } | null;
}

interface ReportedEvent {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a running server says of a machine that booted: in `/api/v1/boots` and in its log. */
export function complaintsIn(
  mac: string,
  boots: readonly ReportedBoot[],
  events: readonly ReportedEvent[],
): readonly string[] {
  const diagnoses = boots
    .filter((boot) => boot.mac === mac)
    .map(({ diagnosis }) => (diagnosis === null ? null : `${diagnosis.code}: ${diagnosis.cause}`));
  const stalls = events
    .filter(({ event, fields }) => event === "boot-stalled" && fields["mac"] === mac)
    .map(({ fields }) => `${String(fields["code"])}: ${String(fields["cause"])}`);
  return [...diagnoses, ...stalls].filter((said) => said !== null);
}
