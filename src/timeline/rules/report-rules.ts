import { ipxeCodes, ipxeKinds } from "../codes/ipxe-codes.ts";
import type { CodeRow } from "../codes/meaning.ts";
import type { Boot } from "../boot.ts";
import { isLastWord } from "./evidence.ts";
import type { BootRule } from "./diagnosis.ts";

/*
 * What the machine itself reported: iPXE's error, by its first digits. The words are those of the tables that
 * explain what stands on a screen.
 */

/** The code of each cause, by the digits of the table. */
export const reportedCodes: ReadonlyMap<string, string> = new Map([
  ["040ee1", "reported-no-address"],
  ["380861", "reported-link-down"],
  ["1a0863", "reported-not-configured"],
  ["1a0862", "reported-card-unused"],
  ["2d03e1", "reported-nothing-to-boot"],
  ["2d1261", "reported-tftp-not-found"],
  ["2d1260", "reported-tftp-not-found"],
  ["4c1260", "reported-tftp-timeout"],
  ["021260", "reported-tftp-denied"],
  ["1c1261", "reported-tftp-block-size"],
  ["3e1161", "reported-name-unknown"],
  ["3e1162", "reported-no-dns-server"],
  ["4c1160", "reported-dns-timeout"],
  ["4c0a60", "reported-http-timeout"],
  ["0f0a60", "reported-http-closed"],
  ["280a60", "reported-no-route"],
  ["2d0c61", "reported-http-not-found"],
  ["410c61", "reported-http-forbidden"],
  ["020c61", "reported-http-password"],
  ["1d0c64", "reported-http-refused"],
  ["1d0c65", "reported-http-failed"],
  ["1d0c62", "reported-http-length"],
  ["3c0920", "reported-protocol"],
  ["0b0220", "reported-cancelled"],
  ["0216e4", "reported-certificate-time"],
  ["0216e6", "reported-certificate-root"],
  ["0216eb", "reported-certificate-root"],
  ["0216ea", "reported-certificate-name"],
  ["0216e1", "reported-certificate-issuer"],
  ["3c0de1", "reported-tls-cipher"],
  ["3c0de4", "reported-tls-version"],
  ["410de1", "reported-tls-ended"],
  ["022fe1", "reported-ocsp"],
  ["022fe2", "reported-ocsp"],
  ["022fe3", "reported-ocsp"],
  ["022fe4", "reported-ocsp"],
  ["022fe5", "reported-ocsp"],
  ["7f0481", "reported-image-refused"],
  ["7f0482", "reported-image-returned"],
  ["2e0080", "reported-image-unknown"],
  ["2e0220", "reported-command-unknown"],
  ["31", "reported-no-memory"],
]);

/** A server refused the file: where that was this one, it says itself which file and why. */
const refusals: ReadonlySet<string> = new Set([
  "2d1261",
  "2d1260",
  "021260",
  "2d0c61",
  "410c61",
  "020c61",
  "1d0c64",
  "1d0c65",
]);

const rows = [...ipxeCodes, ...ipxeKinds];

/** Errors of the machine's own, and of its way to the server. */
export const reportRules = rulesOf(rows.filter(([digits]) => !refusals.has(digits)));

/** That a server refused a file. */
export const reportedRefusalRules = rulesOf(rows.filter(([digits]) => refusals.has(digits)));

/** One for each code: several errors may mean the same. */
function rulesOf(some: readonly CodeRow[]): readonly BootRule[] {
  const codes = [...new Set(some.map(([digits]) => codeOf(digits)))];
  return codes.flatMap((code) => {
    const same = some.filter(([digits]) => codeOf(digits) === code);
    const [first] = same;
    return first === undefined
      ? []
      : [
          ruleOf(
            code,
            first,
            same.map(([digits]) => digits),
          ),
        ];
  });
}

function codeOf(digits: string): string {
  return reportedCodes.get(digits) ?? `reported-${digits}`;
}

function ruleOf(
  code: string,
  [, message, cause, remedy, who]: CodeRow,
  digits: readonly string[],
): BootRule {
  return {
    code,
    cause: `the machine reported error {errno} (${message}): ${cause}`,
    remedy,
    who,
    certainty: "reported",
    onScreen: { later: ["{errno}"] },
    when: ({ boot }) => {
      const errno = reportedErrnoOf(boot);
      return errno !== null && digits.some((one) => errno.startsWith(one)) ? { errno } : null;
    },
  };
}

/** That its script reported, or else that its log says. */
function reportedErrnoOf(boot: Boot): string | null {
  const { failed, logged } = boot.seen;
  if (isLastWord(boot, failed) && failed.errno !== null) return failed.errno;
  return isLastWord(boot, logged) ? logged.errno : null;
}
