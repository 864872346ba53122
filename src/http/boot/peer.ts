import type { FastifyRequest } from "fastify";
import type { Peer } from "../connections/connection-options.ts";
import { secureUrl } from "../../boot/policy.ts";
import { type Ip4, parseIp4, type Subnet } from "../../lib/ip4.ts";
import { readForwarded } from "./forwarded.ts";

/** The IPv4 address behind `socket`'s text for one; a dual-stack socket says `::ffff:192.168.77.5`. */
function ip4Of(socketAddress: string | undefined): Ip4 | null {
  return socketAddress === undefined ? null : parseIp4(socketAddress.replace(/^::ffff:/i, ""));
}

/** The two ends of a request's connection. */
function peerOf({ socket, protocol }: FastifyRequest): Peer {
  const { remoteAddress, localAddress, localPort } = socket;
  return { remoteAddress, localAddress, localPort, encrypted: protocol === "https" };
}

/** Where a request came from; null when that is not IPv4. */
export function clientAddress({ remoteAddress }: Pick<Peer, "remoteAddress">): Ip4 | null {
  return ip4Of(remoteAddress);
}

/**
 * Our base URL as the machine behind this request reaches it, without a trailing slash. It is made
 * from the address that the machine connected to and never from the Host header, which the client
 * writes. `baseUrls` has, by that address, the URL to give instead. Null when the connection is gone.
 */
export function baseUrlFor(peer: Peer, baseUrls: ReadonlyMap<Ip4, string>): string | null {
  const { localAddress, localPort } = peer;
  if (localAddress === undefined || localPort === undefined) return null;
  const ip4 = ip4Of(localAddress);
  const protocol = peer.encrypted ? "https" : "http";
  if (ip4 === null) return `${protocol}://[${localAddress}]:${localPort}`;
  const told = baseUrls.get(ip4);
  if (told === undefined) return `${protocol}://${ip4}:${localPort}`;
  return protocol === "https" ? secureUrl(told, localPort) : told;
}

/** How the port is reached by others than machines directly. */
export interface Reached {
  readonly baseUrls: ReadonlyMap<Ip4, string>;
  /** Reverse proxies whose word on machines counts. */
  readonly trustedProxies: readonly Subnet[];
}

/** The machine's address: the connection's, or the one that a trusted proxy tells; null when it is no IPv4 address. */
export function machineAddress(request: FastifyRequest, { trustedProxies }: Reached): Ip4 | null {
  const peer = clientAddress(request.socket);
  const forwarded = readForwarded(request.headers, peer, trustedProxies);
  return forwarded === null ? peer : forwarded.client;
}

/** `baseUrlFor` of a request; by a trusted proxy, the URL by which the machine asked that one, where it tells. */
export function baseUrlOf(request: FastifyRequest, reached: Reached): string | null {
  const { baseUrls, trustedProxies } = reached;
  const peer = clientAddress(request.socket);
  const forwarded = readForwarded(request.headers, peer, trustedProxies);
  return forwarded?.baseUrl ?? baseUrlFor(peerOf(request), baseUrls);
}
