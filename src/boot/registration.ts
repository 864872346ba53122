import type { Finding } from "../lib/finding.ts";

/** What the orchestrator said of a machine that boots, or that it could not be asked. */
export const registrationStatuses = [
  "registered",
  "not-registered",
  "conflict",
  "unknown",
] as const;
export type RegistrationStatus = (typeof registrationStatuses)[number];

/*
 * Why a Micro-OS that runs goes no further, as far as the orchestrator tells: said when it is asked, and by the
 * timeline's rules.
 */

export const notRegistered = {
  code: "not-registered",
  cause:
    "this machine is not registered at the orchestrator yet: the Micro-OS will wait until it is (UUID {uuid}, serial number {serial})",
  remedy:
    "register it there by its UUID or serial number: eim-pxe nodes export --csv writes the file for orch-cli create host --import-from-csv",
  who: "orchestrator",
} as const satisfies Finding;

export const alreadyOnboarded = {
  code: "already-onboarded",
  cause:
    "the orchestrator has this machine as {state} already (host {host}): it gives the Micro-OS no credentials again, and that hangs",
  remedy:
    "to install the machine anew, delete the host in the orchestrator and register it again; otherwise run eim-pxe nodes deny with its MAC address, and it goes on to its disk",
  who: "orchestrator",
} as const satisfies Finding;

export const registeredOtherwise = {
  code: "registered-otherwise",
  cause:
    "the orchestrator has this machine under other data (host {host}): it says {theirs}, and the machine says {ours}; it refuses the registration",
  remedy: "delete that host in the orchestrator, and register it with what the machine says",
  who: "orchestrator",
} as const satisfies Finding;
