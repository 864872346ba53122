import type { Rule } from "../../lib/finding.ts";
import type { ProxyRefusal } from "./agent.ts";

/** A request to the origin that brought no answer. */
export interface Unreached {
  /** The system's or Node's name of the error. */
  readonly code: string;
  readonly message: string;
  /** The origin's host, with its port where that is not the usual one. */
  readonly host: string;
  /** Its name alone. */
  readonly hostname: string;
  /** The proxy that is asked in its place, without credentials; null: none is. */
  readonly proxy: string | null;
  /** Whether the proxy's URL has a user name and password. */
  readonly hasCredentials: boolean;
  /** What the proxy answered when it was asked for a tunnel. */
  readonly refusal: ProxyRefusal | null;
}

/** What is wrong where the origin could not be asked. */
export const transportRules: readonly Rule<Unreached>[] = [
  {
    code: "proxy-scheme-unsupported",
    cause:
      "the proxy {proxy} wants a user name and password (407), and takes them only by {schemes}, which eim-pxe does not speak",
    remedy:
      "have the proxy let this server's address pass without, or take Basic; or set artifacts.proxy to one that does",
    who: "network",
    when: ({ proxy, refusal }) =>
      refusal?.status === 407 && refusal.schemes.length > 0 && !refusal.schemes.includes("basic")
        ? { proxy: proxy ?? "", schemes: refusal.schemes.join(", ") }
        : null,
  },
  {
    code: "proxy-password-wrong",
    cause:
      "the proxy {proxy} wants a user name and password (407), and does not accept those of its URL",
    remedy: "correct them there; characters such as @, : and / are written as %40, %3A and %2F",
    who: "site",
    when: ({ proxy, refusal, hasCredentials }) =>
      refusal?.status === 407 && hasCredentials ? { proxy: proxy ?? "" } : null,
  },
  {
    code: "proxy-password-missing",
    cause: "the proxy {proxy} wants a user name and password (407), and its URL has none",
    remedy: "write them into the URL: http://USER:PASSWORD@HOST:PORT",
    who: "site",
    when: ({ proxy, refusal }) => (refusal?.status === 407 ? { proxy: proxy ?? "" } : null),
  },
  {
    code: "proxy-cannot-reach-origin",
    cause: "the proxy {proxy} could not reach {host} ({status})",
    remedy:
      "check artifacts.origin, and whether the orchestrator runs; else ask who runs the proxy",
    who: "site",
    when: ({ proxy, host, refusal }) =>
      refusal !== null && refusal.status >= 502 && refusal.status <= 504
        ? { proxy: proxy ?? "", host, status: refusal.status }
        : null,
  },
  {
    code: "proxy-refused",
    cause: "the proxy {proxy} refused the connection to the origin ({status})",
    remedy:
      "have it allow {host}; or, where the origin is reached without it, name its host in NO_PROXY",
    who: "network",
    when: ({ proxy, host, refusal }) =>
      refusal === null ? null : { proxy: proxy ?? "", host, status: refusal.status },
  },
  {
    code: "proxy-name-unknown",
    cause: "the name of the proxy {proxy} cannot be resolved",
    remedy: "correct it in artifacts.proxy or in the environment, or this machine's DNS. {way}",
    who: "site",
    when: ({ code, proxy }) =>
      proxy !== null && isNameFault(code) ? { proxy, way: byProxy(proxy) } : null,
  },
  {
    code: "proxy-down",
    cause: "nothing listens at the proxy {proxy} (connection refused)",
    remedy: "check its host and port, in artifacts.proxy or in the environment. {way}",
    who: "site",
    when: ({ code, proxy }) =>
      proxy !== null && code === "ECONNREFUSED" ? { proxy, way: byProxy(proxy) } : null,
  },
  {
    code: "proxy-silent",
    cause: "the proxy {proxy} does not answer ({fault})",
    remedy: "check the way to it: its address, this machine's route, a firewall. {way}",
    who: "network",
    when: ({ code, proxy }) =>
      proxy !== null && (code === "ETIMEDOUT" || isRouteFault(code))
        ? { proxy, fault: faults[code] ?? code, way: byProxy(proxy) }
        : null,
  },
  {
    code: "origin-name-unknown",
    cause: "the name {hostname} cannot be resolved",
    remedy: "check artifacts.origin and this machine's DNS",
    who: "site",
    when: ({ code, hostname }) => (isNameFault(code) ? { hostname } : null),
  },
  {
    code: "origin-down",
    cause: "nothing listens at {host} (connection refused)",
    remedy: "check the host and port of artifacts.origin, and whether the orchestrator runs",
    who: "site",
    when: ({ code, host }) => (code === "ECONNREFUSED" ? { host } : null),
  },
  {
    code: "no-route-to-origin",
    cause: "there is no route to {host}",
    remedy: "check this machine's default route and its uplink",
    who: "network",
    when: ({ code, host }) => (isRouteFault(code) ? { host } : null),
  },
  {
    code: "origin-silent",
    cause: "{host} does not answer (connection timed out): a firewall may drop it",
    remedy:
      "let TCP to {host} through; where the way out leads through a proxy, set artifacts.proxy",
    who: "network",
    when: ({ code, host }) => (code === "ETIMEDOUT" ? { host } : null),
  },
  {
    code: "connection-lost",
    cause: "the connection was closed before the end ({message})",
    remedy: "wait, it is tried again; if it stays, look for what cuts it on its way to {host}{way}",
    who: "network",
    when: ({ code, message, host, proxy }) =>
      code === "ECONNRESET" || code === "EPIPE"
        ? { message, host, way: proxy === null ? "" : `. ${byProxy(proxy)}` }
        : null,
  },
  {
    code: "no-tls",
    cause:
      "the TLS handshake with {host} failed ({message}): the port does not speak TLS, or not TLS 1.2 or 1.3, or a firewall takes the connection apart",
    remedy: "check the port of artifacts.origin, and whether it is https",
    who: "site",
    when: ({ code, host, message }) =>
      code === "EPROTO" || code.startsWith("ERR_SSL_") ? { host, message } : null,
  },
];

const faults: Readonly<Record<string, string>> = {
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to it",
};

function isNameFault(code: string): boolean {
  return code === "ENOTFOUND" || code === "EAI_AGAIN";
}

function isRouteFault(code: string): boolean {
  return code === "EHOSTUNREACH" || code === "ENETUNREACH";
}

function byProxy(proxy: string): string {
  return `Requests go through the proxy ${proxy}`;
}

/** An answer of the origin that is neither the file nor a known "no". */
export interface OddStatus {
  readonly status: number;
  /** Where it sends the client to. */
  readonly location: string | null;
  readonly proxy: string | null;
  /** The key of the configuration that names the URL. */
  readonly key: string;
}

/** What a status other than 200, 206, 304 and 404 means. */
export const statusRules: readonly Rule<OddStatus>[] = [
  {
    code: "origin-moved",
    cause: "a redirect to {location}",
    remedy: "set {key} to where the files really are",
    who: "site",
    when: ({ status, location, key }) =>
      status >= 300 && status < 400 ? { location: location ?? "nowhere", key } : null,
  },
  {
    code: "origin-denied",
    cause: "access is denied, although the orchestrator gives these files to anybody",
    remedy: "look for a proxy or a firewall in front of it{way} that wants a login",
    who: "network",
    when: ({ status, proxy }) =>
      status === 401 || status === 403
        ? { way: proxy === null ? "" : `, such as the proxy ${proxy},` }
        : null,
  },
  {
    code: "origin-busy",
    cause: "too many requests from this site's address",
    remedy: "wait, it is tried again later",
    who: "site",
    when: ({ status }) => (status === 429 ? {} : null),
  },
  {
    code: "origin-rebuilt",
    cause:
      "the orchestrator's file service is not up; while it is rebuilt (5 to 15 minutes after a restart) this is to be expected",
    remedy: "wait, it is tried again; if it stays, look at its service tinkerbell",
    who: "orchestrator",
    when: ({ status }) => (status >= 502 && status <= 504 ? {} : null),
  },
  {
    code: "origin-fault",
    cause: "a fault of the orchestrator",
    remedy: "look at the log of its ingress and of service tinkerbell",
    who: "orchestrator",
    when: ({ status }) => (status >= 500 ? {} : null),
  },
  {
    code: "not-a-file-server",
    cause: "not what a file server answers",
    remedy: "check {key}",
    who: "site",
    when: ({ key }) => ({ key }),
  },
];
