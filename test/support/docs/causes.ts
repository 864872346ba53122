import { statusRules, transportRules } from "../../../src/artifacts/origin/origin-rules.ts";
import { trustRules } from "../../../src/artifacts/origin/trust-rules.ts";
import { bindRules } from "../../../src/lib/bind-error.ts";
import type { Finding } from "../../../src/lib/finding.ts";
import { receiverRules } from "../../../src/daemon/elsewhere/receiver-rules.ts";
import { readinessRules } from "../../../src/daemon/content/readiness-rules.ts";
import { checks } from "../../../src/doctor/doctor.ts";
import { refusals } from "../../../src/boot/refusals.ts";
import { downloadBroken, httpRules, tftpRules } from "../../../src/pxe-client/probe/download-rules.ts";
import { bootServerRules, noRule, offerRules, scriptUnusable } from "../../../src/pxe-client/probe/rules.ts";
import { sharedRules } from "../../../src/pxe-client/probe/boot-rules.ts";
import { apiFindings } from "../../../src/daemon/orchestrator/api-rules.ts";
import { bootRules, loopRules, registrationRules } from "../../../src/timeline/rules.ts";

/** All tables of rules, by who judges by them. */
export const causeTables: Readonly<Record<string, readonly Finding[]>> = {
  "a boot's timeline": [...bootRules, ...loopRules, ...registrationRules],
  "`dhcp-refused` and a boot's timeline": refusals,
  "`probe`": [
    ...offerRules,
    ...bootServerRules,
    ...tftpRules,
    ...httpRules,
    downloadBroken,
    scriptUnusable,
    ...sharedRules,
    noRule,
  ],
  "`registration-unknown`": Object.values(apiFindings),
  "`/readyz`": readinessRules,
  "`doctor`": checks.flatMap(({ faults }) => faults),
  "opening a port": bindRules,
  "a synchronisation": [...transportRules, ...statusRules],
  "a synchronisation, at the origin's certificate": trustRules,
  "a webhook": receiverRules,
};
export const causes: readonly Finding[] = Object.values(causeTables).flat();
