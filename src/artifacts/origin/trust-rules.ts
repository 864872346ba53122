import type { Rule } from "../../lib/finding.ts";
import type { Presented } from "./certificates.ts";

/** A certificate that was not believed, and what was asked with. */
export interface Untrusted {
  /** OpenSSL's or Node's name for what is wrong. */
  readonly code: string;
  /** The origin's host, with its port where that is not the usual one. */
  readonly host: string;
  readonly presented: Presented | null;
  /** What is trusted, in words: `ca.pem: …`. */
  readonly trusted: string;
  /** Where to get the CA from. */
  readonly source: string;
  /** How a person has the CA believed. */
  readonly accept: string;
  /** ISO 8601, of this machine. */
  readonly now: string;
}

/** Products that open TLS on its way, by how the certificates that they make name their issuer. */
const inspectors =
  /zscaler|forti(net|gate)|palo ?alto|blue ?coat|netskope|umbrella|sophos|check ?point|forcepoint|barracuda|watchguard|mcafee|skyhigh|mitmproxy|\bsquid\b|\bproxy\b|\bfirewall\b|inspect|decrypt/i;

/** Which of the three it is depends on how far OpenSSL came. */
const lacksIssuer: ReadonlySet<string> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Why a certificate is not trusted, one row for each of OpenSSL's reasons that a site can meet. */
export const trustRules: readonly Rule<Untrusted>[] = [
  {
    code: "certificate-expired",
    cause:
      "the certificate that {host} presents has expired, or this machine's clock is wrong ({now})",
    remedy:
      "compare the clock with date -u; if it is right, have the certificate renewed: the orchestrator does so 90 days ahead, restart its DKAM if it has not",
    who: "orchestrator",
    when: ({ code, host, now }) => (code === "CERT_HAS_EXPIRED" ? { host, now } : null),
  },
  {
    code: "certificate-not-yet-valid",
    cause: "the certificate that {host} presents is not valid yet by this machine's clock ({now})",
    remedy: "set the clock of this machine (timedatectl, or chronyc makestep)",
    who: "site",
    when: ({ code, host, now }) => (code === "CERT_NOT_YET_VALID" ? { host, now } : null),
  },
  {
    code: "certificate-for-another-name",
    cause: "the certificate that {host} presents is for another name ({names})",
    remedy:
      "use a name of the certificate in artifacts.origin; where the orchestrator has a single address, its boot files are served with the right certificate at port 9443",
    who: "site",
    when: ({ code, host, presented }) =>
      code === "ERR_TLS_CERT_ALTNAME_INVALID" ? { host, names: presented?.names ?? "none" } : null,
  },
  {
    code: "tls-inspected",
    cause:
      "the certificate that {host} presents is made by {issuer}, as of a proxy or firewall that opens TLS connections on their way",
    remedy:
      "have {host} excepted from TLS inspection; if the site wants it inspected, add the CA of {issuer} to the file of artifacts.ca.file",
    who: "network",
    when: ({ code, host, presented }) => {
      if (presented === null || presented.issuer === presented.subject) return null;
      const makers = [presented.issuer, presented.topIssuer];
      const issuer = makers.find((name) => inspectors.test(name)) ?? null;
      return issuer === null || !ofAnotherIssuer.has(code) ? null : { host, issuer };
    },
  },
  {
    code: "certificate-self-signed",
    cause:
      "the certificate that {host} presents is signed by itself, and {trusted}: it was made anew, or another server answers",
    remedy: "fetch {source}, compare its SHA-256 with the orchestrator's operator, then {accept}",
    who: "site",
    when: ({ code, host, trusted, source, accept }) =>
      code === "DEPTH_ZERO_SELF_SIGNED_CERT" ? { host, trusted, source, accept } : null,
  },
  {
    code: "another-ca",
    cause:
      "the certificate that {host} presents is of the CA {issuer}, and {trusted}: the orchestrator has another CA now, or another server answers, or something on the way opens TLS connections",
    remedy: "fetch {source}, compare its SHA-256 with the orchestrator's operator, then {accept}",
    who: "site",
    when: ({ code, host, presented, trusted, source, accept }) =>
      code === "SELF_SIGNED_CERT_IN_CHAIN"
        ? { host, issuer: issuerOf(presented), trusted, source, accept }
        : null,
  },
  {
    code: "intermediate-missing",
    cause:
      "{host} presents only its own certificate, signed by {issuer}, and {trusted}: either the server leaves out the intermediate certificate of {issuer}, or it has another CA now, or something on the way opens TLS connections",
    remedy:
      "have the server present its whole chain; until then add the certificate of {issuer} to the file of artifacts.ca.file, after comparing its SHA-256",
    who: "orchestrator",
    when: ({ code, host, presented, trusted }) =>
      lacksIssuer.has(code) && presented?.chainLength === 1
        ? { host, issuer: issuerOf(presented), trusted }
        : null,
  },
  {
    code: "issuer-unknown",
    cause:
      "the certificates that {host} presents lead to {issuer}, which does not come with them, and {trusted}",
    remedy:
      "ask the orchestrator's operator for the certificate of {issuer} and its SHA-256, then {accept}",
    who: "site",
    when: ({ code, host, presented, trusted, accept }) =>
      lacksIssuer.has(code)
        ? { host, issuer: presented?.topIssuer ?? "nobody", trusted, accept }
        : null,
  },
  {
    code: "ca-of-the-same-name",
    cause:
      "the certificate that {host} presents names {issuer} as who signed it, and the CA of that name that is trusted did not: the orchestrator made a new CA under the old name",
    remedy: "fetch {source}, compare its SHA-256 with the orchestrator's operator, then {accept}",
    who: "site",
    when: ({ code, host, presented, source, accept }) =>
      code === "CERT_SIGNATURE_FAILURE"
        ? { host, issuer: issuerOf(presented), source, accept }
        : null,
  },
  {
    code: "issuer-is-no-ca",
    cause:
      "the certificate that {host} presents is signed by {issuer}, whose own certificate does not allow that (basicConstraints)",
    remedy: "have the certificate made anew by a CA",
    who: "orchestrator",
    when: ({ code, host, presented }) =>
      code === "INVALID_CA" ? { host, issuer: issuerOf(presented) } : null,
  },
  {
    code: "certificate-refused",
    cause: "the certificate that {host} presents was refused by OpenSSL ({code}), and {trusted}",
    remedy:
      "have the certificate made anew; {code} in the documentation of OpenSSL's verify says what it lacks",
    who: "orchestrator",
    when: ({ host, code, trusted }) => ({ host, code, trusted }),
  },
];

/** OpenSSL's names for "this certificate does not lead to a CA that is trusted". */
const ofAnotherIssuer: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whether another CA could make it right, which may have to be fetched. */
export function lacksCa(code: string): boolean {
  return ofAnotherIssuer.has(code);
}

function issuerOf(presented: Presented | null): string {
  return presented?.issuer ?? "nobody";
}
