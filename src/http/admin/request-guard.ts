import type { IncomingHttpHeaders } from "node:http";
import { parseIp4 } from "../../lib/ip4.ts";
import { printable } from "../../lib/bytes.ts";
import { ApiError } from "./api-error.ts";

/*
 * The admin port on loopback has no token: that a request comes from this host does not mean that its user
 * sent it. Any page in a browser may send one here, under a name of its own that it had resolved to our
 * address (DNS rebinding), or across origins.
 */

/** Under which names and addresses the port may be asked. */
export interface OwnHosts {
  /** Names and addresses besides, in lower case: `admin.allowedHosts`. */
  readonly allowedHosts: readonly string[];
  /** Whether this address is one of this host's, or the one that the port is bound to. */
  readonly isOwnAddress: (address: string) => boolean;
}

export interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** Why a request is not answered, whatever it asks; null when it may be. */
export function foreignObjection(request: GuardedRequest, hosts: OwnHosts): ApiError | null {
  return hostObjection(request, hosts) ?? originObjection(request, hosts);
}

function hostObjection({ headers: { host } }: GuardedRequest, hosts: OwnHosts): ApiError | null {
  // HTTP/1.0, as health checks of load balancers speak it; browsers always say which host they ask.
  if (host === undefined) return null;
  const name = nameIn(host);
  if (name !== null && isOurs(name, hosts)) return null;
  return new ApiError(
    403,
    "HOST_NOT_ALLOWED",
    `this port is not asked as ${printable(host, 80)}: use an address of this host or localhost, ` +
      "or add the name to admin.allowedHosts",
  );
}

function isOurs(name: string, { allowedHosts, isOwnAddress }: OwnHosts): boolean {
  if (name === "localhost" || allowedHosts.includes(name)) return true;
  const isAddress = parseIp4(name) !== null || name.includes(":");
  return isAddress && isOwnAddress(name);
}

/** `[::1]:8081` → `::1`, `Name.example.:80` → `name.example`; null when it is no host. */
function nameIn(host: string): string | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+?)\.?)(?::\d{1,5})?$/i.exec(host);
  return (found?.[1] ?? found?.[2])?.toLowerCase() ?? null;
}

/** Whether a page of another origin sends this, other than by a link that is followed. */
function originObjection(request: GuardedRequest, { allowedHosts }: OwnHosts): ApiError | null {
  const { origin, host = "" } = request.headers;
  // Behind a proxy that ends TLS or names another host, a page's origin is one of the allowed names.
  const isOwn = (of: string) => of === host.toLowerCase() || allowedHosts.includes(of);
  if (origin !== undefined && !isOwn(hostOf(origin))) return crossOrigin(origin);
  const site = request.headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return null;
  const isLink = !changes(request) && request.headers["sec-fetch-mode"] === "navigate";
  return isLink ? null : crossOrigin("another origin");
}

/** The host of an origin, with its port where it is not the usual one; empty when it has none, as `null`. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : "";
}

function crossOrigin(origin: string): ApiError {
  return new ApiError(
    403,
    "ORIGIN_NOT_ALLOWED",
    `a page of ${printable(origin, 80)} may not ask this port: open it under an address of its own; ` +
      "a name that a proxy serves it under belongs into admin.allowedHosts",
  );
}

/** No form and no image of another site can send this type; what can asks first, and is refused. */
export function typeObjection(request: GuardedRequest): ApiError | null {
  if (!changes(request)) return null;
  const type = request.headers["content-type"] ?? "";
  if (/^application\/json *(;|$)/i.test(type)) return null;
  return new ApiError(
    415,
    "NOT_JSON",
    "a request that changes something needs the header content-type: application/json, also without a body",
  );
}

/** Whether a request may change something. */
export function changes({ method }: GuardedRequest): boolean {
  return !["GET", "HEAD", "OPTIONS"].includes(method);
}
