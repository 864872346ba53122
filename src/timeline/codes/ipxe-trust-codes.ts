import type { CodeRow } from "./meaning.ts";

/* iPXE's codes about certificates and about files that are not started. */

const clock =
  "first set the machine's clock in its firmware's set-up; if that does not help, renew the server's certificate, and see that the loader knows its CA";
const secureBoot =
  "switch Secure Boot off, or sign the file with a key that this firmware knows; check that the file is for this processor";

export const ipxeTrustCodes: readonly CodeRow[] = [
  [
    "0216e4",
    "Certificate is not valid at this time",
    "the clock of the machine is wrong, or the certificate has expired",
    clock,
    "site",
  ],
  [
    "0216e6",
    "Certificate has no trusted root",
    "this loader does not know the CA of the server",
    "use the orchestrator's signed_ipxe.efi of today (eim-pxe sync), or a loader built with the CA",
    "site",
  ],
  // What iPXE 1.21.1 says of a certificate that signed itself.
  [
    "0216eb",
    "No usable certificates",
    "this loader does not know the CA of the server",
    "use the orchestrator's signed_ipxe.efi of today (eim-pxe sync), or a loader built with the CA",
    "site",
  ],
  [
    "0216ea",
    "Certificate has another name",
    "the URL names the server otherwise than its certificate does",
    "correct the URL",
    "orchestrator",
  ],
  [
    "0216e1",
    "Certificate's issuer is wrong",
    "the server does not send the whole chain of certificates",
    "have the server send its intermediate certificates",
    "orchestrator",
  ],
  [
    "3c0de1",
    "TLS: no common cipher",
    "this iPXE is too old for the server's TLS",
    "use a newer loader (Debian 13's)",
    "site",
  ],
  [
    "3c0de4",
    "TLS: no common version",
    "this iPXE is too old for the server's TLS",
    "use a newer loader (Debian 13's)",
    "site",
  ],
  [
    "410de1",
    "TLS: the server ended it",
    "the server refused the connection",
    "look in the server's log",
    "orchestrator",
  ],
  [
    "022fe1",
    "OCSP: certificate check failed",
    "the certificate could not be confirmed by its CA",
    clock,
    "orchestrator",
  ],
  [
    "022fe2",
    "OCSP: certificate check failed",
    "the certificate could not be confirmed by its CA",
    clock,
    "orchestrator",
  ],
  [
    "022fe3",
    "OCSP: certificate check failed",
    "the certificate could not be confirmed by its CA",
    clock,
    "orchestrator",
  ],
  [
    "022fe4",
    "OCSP: certificate check failed",
    "the certificate could not be confirmed by its CA",
    clock,
    "orchestrator",
  ],
  [
    "022fe5",
    "OCSP: certificate check failed",
    "the certificate could not be confirmed by its CA",
    clock,
    "orchestrator",
  ],
  [
    "7f0481",
    "Could not load image",
    "the firmware refused the file: Secure Boot, another processor, or no program at all",
    secureBoot,
    "site",
  ],
  [
    "7f0482",
    "Could not start image",
    "the file was started and came back at once",
    secureBoot,
    "site",
  ],
  [
    "2e0080",
    "Image format not recognised",
    "the file is no kernel and no script: a page of a proxy or portal, perhaps",
    "fetch the URL with curl and look at it",
    "site",
  ],
  [
    "2e0220",
    "Command not found",
    "the script uses a command that this iPXE does not have",
    "use a newer loader (Debian 13's)",
    "site",
  ],
];
