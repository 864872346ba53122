import { note, nothing, type Outcome, type SmeeFlags } from "./outcome.ts";

export interface FlagRow {
  /** Its names: the monorepo's, the standalone program's. */
  readonly flags: readonly string[];
  /** Where it went, for docs/migrating-from-smee.md. */
  readonly where: string;
  readonly read: (value: string, all: SmeeFlags) => Outcome;
}

export const asDefault = (value: string, ...usual: readonly string[]): boolean =>
  usual.includes(value);

/** No counterpart, whatever its value is. */
export function absent(flags: readonly string[], why: string): FlagRow {
  return { flags, where: `absent: ${why}`, read: () => note(why) };
}

/** Said for a value other than SMEE's own default. */
export function absentUnless(
  flags: readonly string[],
  usual: readonly string[],
  why: string,
): FlagRow {
  const read = (value: string) => (asDefault(value, ...usual) ? nothing : note(why));
  return { flags, where: `absent: ${why}`, read };
}

/** Read with others in import.ts. */
export function ofLink(flags: readonly string[], where: string): FlagRow {
  return { flags, where, read: () => nothing };
}

export function port(text: string): number {
  return Number(text);
}

/** The address that machines were told. */
export function addressOf(all: SmeeFlags): string | null {
  const names = ["dhcp-ip-for-packet", "public-ip", "public-ipv4"];
  return names.map((name) => all.get(name) ?? "").find((text) => text !== "") ?? null;
}
