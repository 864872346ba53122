import { errnoOf, messageOf, SyncError } from "../../lib/errors.ts";
import { ConnectError } from "./agent.ts";

/** What an error text says about the origin and the way to it. */
export interface OriginFacts {
  readonly url: string;
  /** The configured CA in words; null when the origin is trusted by Node's roots. */
  readonly ca: string | null;
  /** The proxy that requests may go through, without its credentials. */
  readonly proxy: string | null;
}

/** What may well go away by itself. `SyncError` proper is what somebody has to do something about. */
export class TransientError extends SyncError {
  /** How long the origin asks to be left alone (Retry-After); null where it does not say. */
  readonly retryAfterMs: number | null;
  /** The origin itself answered, so it is there, and only busy. */
  readonly answered: boolean;

  constructor(
    message: string,
    how: { readonly answered: boolean; readonly retryAfterMs?: number | null },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "TransientError";
    this.answered = how.answered;
    this.retryAfterMs = how.retryAfterMs ?? null;
  }
}

/** What came, and what it was to continue, is of no use; it is asked for once more from its beginning. */
export class UnusablePartError extends TransientError {}

/** The origin's certificate is not what the configured trust covers. */
export class UntrustedError extends SyncError {}

/** Node's names for "this certificate does not lead to a CA that we trust" (OpenSSL X509_V_ERR_…). */
const untrusted: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Troubles of a line. Whether the origin was reached before tells whether it is worth to wait. */
const passing: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);

/** A request that failed below HTTP, as an error that says what happened, why, and what to do. */
export function explainTransport(
  error: unknown,
  name: string,
  facts: OriginFacts,
  transfer?: { readonly received: number; readonly size: number | null },
): SyncError {
  if (error instanceof SyncError) return error;
  const at =
    transfer === undefined
      ? ""
      : ` after ${transfer.received} of ${transfer.size ?? "an unknown number of"} bytes`;
  const text = `${facts.url}/${name} could not be fetched${at}: ${reasonOf(error, facts)}`;
  const code = errnoOf(error) ?? "";
  const cause = { cause: error };
  if (untrusted.has(code)) return new UntrustedError(text, cause);
  return passing.has(code)
    ? new TransientError(text, { answered: false }, cause)
    : new SyncError(text, cause);
}

function reasonOf(error: unknown, facts: OriginFacts): string {
  const { hostname, host } = new URL(facts.url);
  const code = errnoOf(error) ?? "";
  const message = messageOf(error);
  if (error instanceof ConnectError && error.code === "PROXY_REFUSED") {
    return proxyReason(error.status, facts);
  }
  if (error instanceof Error && error.name === "AbortError") return "it was stopped.";
  if (untrusted.has(code)) return untrustedReason(code, facts);
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return (
        `the certificate that ${host} presents has expired (or this machine's clock is wrong: compare it ` +
        "with `date -u`). The orchestrator renews it 90 days ahead; restart its DKAM if it has not."
      );
    case "CERT_NOT_YET_VALID":
      return `the certificate that ${host} presents is not valid yet: set this machine's clock (\`date -u\`).`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return (
        `the certificate that ${host} presents is for another name (${message}). Use the name in the ` +
        "certificate in artifacts.origin; where the orchestrator has a single address, its boot files are " +
        "served with the right certificate at port 9443."
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the name ${hostname} cannot be resolved: check artifacts.origin and this machine's DNS.${viaProxy(facts)}`;
    case "ECONNREFUSED":
      return `nothing listens at ${host} (connection refused): check the host and port of artifacts.origin.${viaProxy(facts)}`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `there is no route to ${host}: check this machine's default route and uplink.${viaProxy(facts)}`;
    case "ETIMEDOUT":
      return (
        `${host} does not answer (connection timed out): a firewall may drop it; where the way out leads ` +
        `through a proxy, set artifacts.proxy.${viaProxy(facts)}`
      );
    case "ECONNRESET":
    case "EPIPE":
      return `the connection was closed before the end (${message}). It is tried again.${viaProxy(facts)}`;
    default:
      break;
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return (
      `the TLS handshake with ${host} failed (${message}): the port may not speak TLS, or not TLS 1.2 or ` +
      "1.3, or a firewall takes the connection apart."
    );
  }
  return `${message}${code === "" ? "" : ` (${code})`}.${viaProxy(facts)}`;
}

function untrustedReason(code: string, { url, ca }: OriginFacts): string {
  const { host, hostname } = new URL(url);
  const trust =
    ca === null
      ? "no CA is configured (artifacts.ca.file), and none of the public CAs has signed it"
      : `the configured CA does not cover it (${ca})`;
  // The provisioning host is a name of its own below the orchestrator's domain.
  const domain = hostname.startsWith("tinkerbell-") ? hostname.replace(/^[^.]*\./, "") : "<domain>";
  return (
    `the certificate that ${host} presents is not trusted (${code}): ${trust}. Fetch the orchestrator's ` +
    `present CA from https://${domain}/boots/ca.crt, or ${url}/keys/Full_server.crt and compare its ` +
    "SHA-256 with the orchestrator's operator, and name the file in artifacts.ca.file. It changes when " +
    "the orchestrator renews its certificate, about once a year."
  );
}

function proxyReason(status: number | null, { proxy }: OriginFacts): string {
  const named = `the proxy ${proxy ?? ""}`.trimEnd();
  return status === 407
    ? `${named} wants a user name and password (407): write them into the URL, http://USER:PASSWORD@HOST:PORT.`
    : `${named} refused the connection to the origin (${status}): ask who runs it to allow the origin's host and port.`;
}

function viaProxy({ proxy }: OriginFacts): string {
  return proxy === null
    ? ""
    : ` Requests go through the proxy ${proxy}; it may be the one at fault.`;
}

/** A status that is neither the file nor a known "no", as an error that says what to do. */
export function explainStatus(
  status: number,
  location: string | null,
  name: string,
  facts: OriginFacts,
  retryAfterMs: number | null,
): SyncError {
  const text = `${facts.url}/${name} was answered with ${status}: ${statusReason(status, location)}`;
  if (status === 429 || status === 503) {
    return new TransientError(text, { answered: true, retryAfterMs });
  }
  return status === 408 || status === 502 || status === 504
    ? new TransientError(text, { answered: false, retryAfterMs })
    : new SyncError(text);
}

/** Nothing came for a while: before the answer, or within it after so many bytes. */
export function stalled(
  name: string,
  facts: OriginFacts,
  transfer: { readonly received: number; readonly size: number | null } | null,
): SyncError {
  const at =
    transfer === null
      ? `: ${new URL(facts.url).host} took the request and gave no answer in time`
      : ` after ${transfer.received} of ${transfer.size ?? "an unknown number of"} bytes: the transfer ` +
        "stalled, no byte came for a while";
  return new TransientError(`${facts.url}/${name} could not be fetched${at}. It is tried again.`, {
    answered: false,
  });
}

function statusReason(status: number, location: string | null): string {
  if (status >= 300 && status < 400) {
    return `a redirect to ${location ?? "nowhere"}; set artifacts.origin to where the files really are.`;
  }
  if (status === 401 || status === 403) {
    return "access is denied, although the orchestrator gives these files to anybody; a proxy or firewall may stand between.";
  }
  if (status === 407) return "a proxy wants a user name and password; write them into its URL.";
  if (status === 429) return "too many requests from this site's address; it is tried again later.";
  if (status >= 502 && status <= 504) {
    return "the orchestrator's file service is not up; while it is rebuilt (5 to 15 minutes after a restart) this is to be expected. It is tried again.";
  }
  return status >= 500
    ? "a fault of the orchestrator; see the log of its ingress and of service tinkerbell."
    : "not what a file server answers; check artifacts.origin.";
}

/** An answer that does not belong to the question; `how` says what came and what was asked. */
export function unaskedAnswer(name: string, how: string, facts: OriginFacts): SyncError {
  return new SyncError(
    `${facts.url}/${name} was answered ${how}: the origin, or ${cacheOf(facts)}, does not keep to HTTP. ` +
      aroundTheCache(facts),
  );
}

/** More bytes than the answer's head said. */
export function overlongPart(name: string, facts: OriginFacts): SyncError {
  return new UnusablePartError(
    `${facts.url}/${name} was answered with more bytes than its Content-Range says: the origin, or ` +
      `${cacheOf(facts)}, does not keep to HTTP. It is fetched once more from its beginning.`,
    { answered: true },
  );
}

function cacheOf({ proxy }: OriginFacts): string {
  return proxy === null ? "a cache in front of it" : `the proxy ${proxy}`;
}

function aroundTheCache({ proxy }: OriginFacts): string {
  return proxy === null
    ? "Ask the orchestrator's operator what stands in front of its file service."
    : "Name the origin's host in NO_PROXY, or change artifacts.proxy, so that it is asked directly.";
}

/** A file that has to be there and is not. */
export function absentFile(url: string, name: string): SyncError {
  return new SyncError(
    `${url}/${name} does not exist (404): check the path of artifacts.origin, which ends in /tink-stack, and ` +
      "artifacts.files. While the orchestrator rebuilds its files (5 to 15 minutes after a restart) this " +
      "is to be expected; it is tried again.",
  );
}
