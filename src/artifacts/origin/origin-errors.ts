import { printable } from "../../lib/bytes.ts";
import { errnoOf, type ExplainedOptions, messageOf, SyncError } from "../../lib/errors.ts";
import { inOneSentence, judge, whoInWords } from "../../lib/finding.ts";
import { ConnectError } from "./agent.ts";
import { CertificateError, type Presented } from "./certificates.ts";
import { statusRules, transportRules } from "./origin-rules.ts";
import type { Proxy } from "./proxy.ts";
import { lacksCa, trustRules } from "./trust-rules.ts";

/** What an error text says about the origin and the way to it. */
export interface OriginFacts {
  readonly url: string;
  /** The key of the configuration that names it. */
  readonly key: string;
  /** The configured CA in words; null when the origin is trusted by Node's roots. */
  readonly ca: string | null;
  /** How a person has another CA believed. */
  readonly accept: string;
  /** The proxy that requests go through. */
  readonly proxy: Proxy | null;
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
    options?: ExplainedOptions,
  ) {
    super(message, options);
    this.name = "TransientError";
    this.answered = how.answered;
    this.retryAfterMs = how.retryAfterMs ?? null;
  }
}

/** What came, and what it was to continue, is of no use; it is asked for once more from its beginning. */
export class UnusablePartError extends TransientError {}

/** A transfer that would take days. That it got a little further is no reason to go on. */
export class TooSlowError extends TransientError {}

/** The origin sends the client to another URL. */
export class MovedError extends SyncError {
  readonly target: URL;

  constructor(message: string, target: URL, options?: ExplainedOptions) {
    super(message, options);
    this.name = "MovedError";
    this.target = target;
  }
}

/** The origin's certificate is not what the configured trust covers. */
export class UntrustedError extends SyncError {
  /** The same in one line. */
  readonly headline: string;
  readonly presented: Presented | null;

  constructor(
    message: string,
    headline: string,
    presented: Presented | null,
    options?: ExplainedOptions,
  ) {
    super(message, options);
    this.name = "UntrustedError";
    this.headline = headline;
    this.presented = presented;
  }
}

/** Troubles of a line. Whether the origin was reached before tells whether it is worth waiting. */
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
  if (error instanceof CertificateError) return explainTrust(error, facts);
  const at =
    transfer === undefined
      ? ""
      : ` after ${transfer.received} of ${transfer.size ?? "an unknown number of"} bytes`;
  const text = `${placeOf(name, facts)} could not be fetched${at}: `;
  const cause = { cause: error };
  if (error instanceof Error && error.name === "AbortError") {
    return new SyncError(`${text}it was stopped.`, cause);
  }
  const code = errnoOf(error) ?? "";
  const { hostname, host } = new URL(facts.url);
  const refusal = error instanceof ConnectError ? error.refusal : null;
  const finding = judge(transportRules, {
    code,
    host,
    hostname,
    refusal,
    message: messageOf(error),
    proxy: facts.proxy?.shown ?? null,
    hasCredentials: facts.proxy?.authorization !== null,
  });
  const reason =
    finding === null
      ? `${messageOf(error)}${code === "" ? "" : ` (${code})`}.`
      : `${inOneSentence(finding)}.`;
  const explained = { ...cause, finding };
  const mayPass = passing.has(code) || finding?.code === "proxy-cannot-reach-origin";
  return mayPass
    ? new TransientError(text + reason, { answered: false }, explained)
    : new SyncError(text + reason, explained);
}

/** A certificate that is not believed, in four lines: what is presented, what is trusted, why, what to do. */
function explainTrust(error: CertificateError, facts: OriginFacts): SyncError {
  const { code, presented } = error;
  const { host, hostname } = new URL(facts.url);
  // The provisioning host is a name of its own below the orchestrator's domain.
  const domain = hostname.startsWith("tinkerbell-") ? hostname.replace(/^[^.]*\./, "") : "<domain>";
  const finding = judge(trustRules, {
    code,
    host,
    presented,
    accept: facts.accept,
    trusted:
      facts.ca === null
        ? "no CA is configured (artifacts.ca.file), and none of the public CAs has signed it"
        : "the configured CA does not cover it",
    source: `https://${domain}/boots/ca.crt or ${facts.url}/keys/Full_server.crt`,
    now: new Date().toISOString(),
  });
  const { cause = "", remedy = "", who = "site" } = finding ?? {};
  const text = [
    `presented: ${presented === null ? "nothing" : inShort(presented)}`,
    `trusted:   ${facts.ca ?? "the public CAs that Node brings"}`,
    `why:       it is not trusted (${code}): ${cause}`,
    `do this:   (${whoInWords[who]}) ${remedy}`,
  ].join("\n");
  const headline = `${facts.url}: its certificate is not trusted (${code})`;
  return lacksCa(code)
    ? new UntrustedError(text, headline, presented, { cause: error, finding })
    : new SyncError(text, { cause: error, finding });
}

function inShort({ subject, issuer, expiresAtMs, fingerprint }: Presented): string {
  const signer = issuer === subject ? "itself" : issuer;
  const until = Number.isNaN(expiresAtMs) ? "?" : new Date(expiresAtMs).toISOString().slice(0, 10);
  return `${subject}, signed by ${signer}, until ${until}, SHA-256 ${fingerprint}`;
}

/** A status that is neither the file nor a known "no", as an error that says what to do. */
export function explainStatus(
  answer: {
    readonly status: number;
    readonly location: string | null;
    /** The schemes of Proxy-Authenticate, in lower case. */
    readonly schemes: readonly string[];
    readonly retryAfterMs: number | null;
  },
  name: string,
  facts: OriginFacts,
): SyncError {
  const { status, location, schemes, retryAfterMs } = answer;
  const { key, proxy } = facts;
  if (status === 407 && proxy !== null) {
    const refusal = { status, schemes };
    return explainTransport(new ConnectError("PROXY_REFUSED", "", refusal), name, facts);
  }
  const shown = location === null ? null : printable(location.replace(/\?.*/s, ""), 200);
  const odd = { status, location: shown, key, proxy: proxy?.shown ?? null };
  const finding = judge(statusRules, odd);
  const reason = finding === null ? "" : `: ${inOneSentence(finding)}`;
  const text = `${placeOf(name, facts)} was answered with ${status}${reason}.`;
  if (status === 429 || status === 503) {
    return new TransientError(text, { answered: true, retryAfterMs }, { finding });
  }
  if (status === 408 || status === 502 || status === 504) {
    return new TransientError(text, { answered: false, retryAfterMs }, { finding });
  }
  const target = location === null ? null : targetOf(location, `${facts.url}/${name}`);
  return status >= 300 && status < 400 && target !== null
    ? new MovedError(text, target, { finding })
    : new SyncError(text, { finding });
}

/** It brings bytes, and so few that nobody can wait for the end. */
export function tooSlow(
  name: string,
  facts: OriginFacts,
  transfer: { readonly received: number; readonly size: number | null },
): SyncError {
  return new TooSlowError(
    `${placeOf(name, facts)} could not be fetched after ${transfer.received} of ` +
      `${transfer.size ?? "an unknown number of"} bytes: it comes with less than 1 kB a second. To do (network ` +
      `team): look at the line to ${new URL(facts.url).host}, and at what else is on it.`,
    { answered: true },
  );
}

function targetOf(location: string, from: string): URL | null {
  return URL.canParse(location, from) ? new URL(location, from) : null;
}

/** A URL as texts may show it: what is behind its question mark may be a signature that opens a door. */
function placeOf(name: string, { url }: Pick<OriginFacts, "url">): string {
  return printable(`${url}/${name.replace(/\?.*/s, "")}`, 500);
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
  return new TransientError(
    `${placeOf(name, facts)} could not be fetched${at}. It is tried again.`,
    {
      answered: false,
    },
  );
}

/** An answer that does not belong to the question; `how` says what came and what was asked. */
export function unaskedAnswer(name: string, how: string, facts: OriginFacts): SyncError {
  return new SyncError(
    `${placeOf(name, facts)} was answered ${how}: the origin, or ${cacheOf(facts)}, does not keep to HTTP. ` +
      aroundTheCache(facts),
  );
}

/** More bytes than the answer's head said. */
export function overlongPart(name: string, facts: OriginFacts): SyncError {
  return new UnusablePartError(
    `${placeOf(name, facts)} was answered with more bytes than its Content-Range says: the origin, or ` +
      `${cacheOf(facts)}, does not keep to HTTP. It is fetched once more from its beginning.`,
    { answered: true },
  );
}

function cacheOf({ proxy }: OriginFacts): string {
  return proxy === null ? "a cache in front of it" : `the proxy ${proxy.shown}`;
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
