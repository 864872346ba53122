import { trustStages, UNSIGNED } from "../../boot/script/image-trust.ts";
import type { BootRule } from "./diagnosis.ts";
import { type BootEvidence, isLastWord } from "./evidence.ts";

/*
 * What iPXE said of the signatures that its script had it check (`boot.imgverify`). Ahead of the general meaning of the same
 * error: the file and what to do are known here.
 */

/** iPXE's errors of the signer's certificate, by their first digits: of X.509, of CMS, and of the search for its issuer. */
const ofCertificate = ["0216", "022a", "022e"];
/** HTTP: not found. */
const notFound = "2d0c61";

export const trustRules: readonly BootRule[] = [
  {
    code: "generation-unsigned",
    cause:
      "the machine got no script: boot.imgverify is required, and nobody has signed the generation that is served",
    remedy:
      "run eim-pxe artifacts sign with the key whose certificate is in the loaders; eim-pxe artifacts pin goes back to a signed generation",
    who: "site",
    certainty: "proved",
    onScreen: { later: ["1d0c65"] },
    when: ({ boot }) => {
      const { httpRefused } = boot.seen;
      return isLastWord(boot, httpRefused) && httpRefused.reason.startsWith(UNSIGNED) ? {} : null;
    },
  },
  {
    code: "signature-missing",
    cause: "iPXE was to check {file}, and there is no signature of it here",
    remedy: "run eim-pxe artifacts sign, also after each new generation of the Micro-OS",
    who: "site",
    certainty: "reported",
    onScreen: { later: ["2d0c61"] },
    when: (evidence) => refusedBecause(evidence, (errno) => errno.startsWith(notFound)),
  },
  {
    code: "signer-unknown",
    cause:
      "iPXE does not believe the signature of {file} (error {errno}): the certificate that signed it is not the one that was built into this machine's loader, or the machine's clock is outside the time for which it is valid",
    remedy:
      "sign with the key whose certificate is in the loader (eim-pxe artifacts sign --key … --cert …), or build the loader with this one (TRUST=…), and look at the clock in the machine's firmware",
    who: "site",
    certainty: "reported",
    onScreen: { later: ["{errno}"] },
    when: (evidence) =>
      refusedBecause(evidence, (errno) => ofCertificate.some((digits) => errno.startsWith(digits))),
  },
  {
    code: "signature-refused",
    cause:
      "iPXE refused {file} (error {errno}): it is not what was signed. It was changed after that, on this server's disk or on the way to the machine, or its signature is of another generation. Or iPXE does not know the certificate that signed it",
    remedy:
      "run eim-pxe artifacts verify: where the files here are whole, sign them again (eim-pxe artifacts sign); if machines still refuse them, somebody between this server and the machine changes what it sends",
    who: "site",
    certainty: "reported",
    onScreen: { later: ["{errno}"] },
    when: (evidence) => refusedBecause(evidence, () => true),
  },
  {
    code: "loader-cannot-verify",
    cause:
      "this machine's iPXE has no imgverify, and boot.imgverify: required lets nothing start that was not checked",
    remedy:
      "give it a loader that was built with IMAGE_TRUST_CMD and the site's certificate (boot.loaders), or set boot.imgverify: auto",
    who: "site",
    certainty: "reported",
    onScreen: { later: ["imgtrust: command not found"] },
    when: ({ boot }) => {
      const { trust } = boot.seen;
      return isLastWord(boot, trust) && trust.stage === trustStages.incapable ? {} : null;
    },
  },
];

/** The file that was refused, with iPXE's error, where that is one of these. */
function refusedBecause({ boot }: BootEvidence, isOne: (errno: string) => boolean) {
  const { trust } = boot.seen;
  if (!isLastWord(boot, trust) || trust.stage !== trustStages.refused) return null;
  const errno = trust.errno ?? "";
  return isOne(errno) ? { file: trust.message ?? "a file", errno } : null;
}
