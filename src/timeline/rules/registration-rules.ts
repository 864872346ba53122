import { alreadyOnboarded, notRegistered, registeredOtherwise } from "../../boot/registration.ts";
import type { Finding } from "../../lib/finding.ts";
import type { Boot } from "../boot.ts";
import type { BootRule } from "./diagnosis.ts";

/*
 * Why a Micro-OS that is up goes no further: the orchestrator has said of the machine what keeps it from being
 * onboarded.
 */

/** The findings that the orchestrator's answers are made into; their words are filled in there. */
export const registrationRules: readonly BootRule[] = [
  notRegistered,
  alreadyOnboarded,
  registeredOtherwise,
].map((finding) => ({
  ...finding,
  certainty: "proved",
  onScreen: {},
  when: ({ boot }) => (boot.seen.registration?.code === finding.code ? {} : null),
}));

/** The words that were said of this boot; null where nothing keeps it. */
export function registrationFinding({ seen }: Boot): Finding | null {
  const { code, reason, remedy } = seen.registration ?? {};
  const row = registrationRules.find((one) => one.code === code);
  if (row === undefined || reason == null || remedy == null) return null;
  return { code: row.code, cause: reason, remedy, who: row.who };
}
