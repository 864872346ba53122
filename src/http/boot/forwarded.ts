import type { IncomingHttpHeaders } from "node:http";
import { type Ip4, parseIp4, type Subnet, subnetContains } from "../../lib/ip4.ts";

/* What reverse proxies say of the requests that they pass on, where they are in `http.trustedProxies`. */

/** What a request is passed on for. */
export interface Forwarded {
  /** The machine; null where it is not said, or is no IPv4 address. */
  readonly client: Ip4 | null;
  /** The server as the machine asked for it, without a trailing slash; null where it is not said. */
  readonly baseUrl: string | null;
}

/**
 * Reads `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto` and `-Host`. Null when the request comes from
 * no trusted proxy: then nothing that it says of others counts. Most proxies write one of the two and pass on the other as
 * the machine sent it: where both name a machine and not the same one, which of them the proxy wrote is not known, and
 * neither counts.
 */
export function readForwarded(
  headers: IncomingHttpHeaders,
  peer: Ip4 | null,
  trusted: readonly Subnet[],
): Forwarded | null {
  if (!isTrustedProxy(peer, trusted)) return null;
  const { forwarded } = headers;
  const hops = forwarded === undefined ? undefined : hopsOf(forwarded);
  const standard = hops?.some((hop) => hop.has("for")) === true ? hops.map(nameOf) : null;
  const usual =
    headers["x-forwarded-for"] === undefined ? null : listed(headers["x-forwarded-for"]);
  const client = clientOf(standard ?? usual ?? [], trusted);
  if (standard !== null && usual !== null && clientOf(usual, trusted) !== client) {
    return { client: null, baseUrl: null };
  }
  // The proxy nearest to us wrote the last one; what machines write themselves stands before.
  const last = hops?.at(-1);
  const proto = last?.get("proto") ?? listed(headers["x-forwarded-proto"]).at(-1) ?? "http";
  const host = last?.get("host") ?? listed(headers["x-forwarded-host"]).at(-1) ?? "";
  return { client, baseUrl: baseUrlOf(proto, host) };
}

/** Whether requests from there are other machines', and headers tell whose. */
export function isTrustedProxy(peer: Ip4 | null, trusted: readonly Subnet[]): boolean {
  return peer !== null && isIn(trusted, peer);
}

function nameOf(hop: ReadonlyMap<string, string>): string {
  return hop.get("for") ?? "";
}

/** The nearest address that is no trusted proxy's; where all are, the one farthest away. */
function clientOf(chain: readonly string[], trusted: readonly Subnet[]): Ip4 | null {
  let client: Ip4 | null = null;
  for (const text of chain.toReversed()) {
    const address = parseIp4(withoutPort(text));
    // Whatever stands before it was not written by somebody who is trusted.
    if (address === null) return client;
    client = address;
    if (!isIn(trusted, address)) return client;
  }
  return client;
}

function baseUrlOf(proto: string, host: string): string | null {
  const isHost = /^[a-z0-9]([a-z0-9.-]{0,252})(:[0-9]{1,5})?$/i.test(host);
  const isProto = proto === "http" || proto === "https";
  return isHost && isProto ? `${proto}://${host}` : null;
}

/** RFC 7239 4: `for=192.0.2.60;proto=http, for="198.51.100.17:4711"`, one element for each proxy. */
function hopsOf(text: string): readonly ReadonlyMap<string, string>[] {
  return text.split(",").map((element) => {
    const pairs = element.split(";").map((pair): [string, string] => {
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, "$1")];
    });
    return new Map(pairs);
  });
}

function listed(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  const text = typeof header === "string" ? header : header.join(",");
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** `198.51.100.17:4711`, as some proxies write it. */
function withoutPort(text: string): string {
  return text.replace(/:[0-9]{1,5}$/, "");
}

function isIn(trusted: readonly Subnet[], address: Ip4): boolean {
  return trusted.some((subnet) => subnetContains(subnet, address));
}
