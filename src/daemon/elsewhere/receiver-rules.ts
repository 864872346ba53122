import type { Rule } from "../../lib/finding.ts";
import { transportRules, type Unreached } from "../../artifacts/origin/origin-rules.ts";

/** A receiver that brought no answer. */
export interface UnreachedReceiver extends Unreached {
  /** The key of the configuration that names it. */
  readonly key: string;
  /** OpenSSL's or Node's name for what is wrong with its certificate; null: that is not what is wrong. */
  readonly untrusted: string | null;
}

const routeFaults: ReadonlySet<string> = new Set(["EHOSTUNREACH", "ENETUNREACH"]);

/** What is wrong where something that is told of events, or of traces, could not be asked; behind the rows on proxies. */
const ownRules: readonly Rule<UnreachedReceiver>[] = [
  {
    code: "receiver-untrusted",
    cause: "the certificate that {host} presents is not trusted ({untrusted})",
    remedy:
      "name the PEM file of the CA that signed it in {key}.caFile, or have it renewed; where the name is what is wrong, use one of the certificate's in {key}.url",
    who: "site",
    when: ({ host, key, untrusted }) => (untrusted === null ? null : { host, key, untrusted }),
  },
  {
    code: "receiver-name-unknown",
    cause: "the name {hostname} cannot be resolved",
    remedy: "check {key}.url and this machine's DNS",
    who: "site",
    when: ({ code, hostname, key }) =>
      code === "ENOTFOUND" || code === "EAI_AGAIN" ? { hostname, key } : null,
  },
  {
    code: "receiver-down",
    cause: "nothing listens at {host} (connection refused)",
    remedy: "check the host and port of {key}.url, and whether the receiver runs",
    who: "site",
    when: ({ code, host, key }) => (code === "ECONNREFUSED" ? { host, key } : null),
  },
  {
    code: "receiver-unreachable",
    cause: "{host} cannot be reached ({code})",
    remedy:
      "check this machine's route to it, and firewalls on the way; a proxy is named in artifacts.proxy",
    who: "network",
    when: ({ code, host }) =>
      code === "ETIMEDOUT" || routeFaults.has(code) ? { host, code } : null,
  },
  {
    code: "receiver-no-tls",
    cause: "the TLS handshake with {host} failed ({message})",
    remedy: "check the port of {key}.url, and whether it is https",
    who: "site",
    when: ({ code, host, key, message }) =>
      code === "EPROTO" || code.startsWith("ERR_SSL_") ? { host, key, message } : null,
  },
  {
    code: "receiver-lost",
    cause: "{host} closed the connection before it answered ({message})",
    remedy: "look at the log of the receiver, and for what cuts connections on the way",
    who: "site",
    when: ({ host, message }) => ({ host, message }),
  },
];

export const receiverRules: readonly Rule<UnreachedReceiver>[] = [
  ...transportRules.filter(({ code }) => code.startsWith("proxy-")),
  ...ownRules,
];
