import type { FastifyRequest } from "fastify";
import { secureUrl } from "../../boot/policy.ts";
import { type Ip4, parseIp4 } from "../../lib/ip4.ts";

/** The IPv4 address behind `socket`'s text for one; a dual-stack socket says `::ffff:192.168.77.5`. */
function ip4Of(socketAddress: string | undefined): Ip4 | null {
  return socketAddress === undefined ? null : parseIp4(socketAddress.replace(/^::ffff:/i, ""));
}

/** Where a request came from; null when that is not IPv4. */
export function clientAddress(request: FastifyRequest): Ip4 | null {
  return ip4Of(request.socket.remoteAddress);
}

/**
 * Our base URL as the machine behind this request reaches it, without a trailing slash. It is made
 * from the address that the machine connected to and never from the Host header, which the client
 * writes. `baseUrls` has, by that address, the URL to give instead. Null when the connection is gone.
 */
export function baseUrlFor(
  request: FastifyRequest,
  baseUrls: ReadonlyMap<Ip4, string>,
): string | null {
  const { localAddress, localPort } = request.socket;
  if (localAddress === undefined || localPort === undefined) return null;
  const ip4 = ip4Of(localAddress);
  const { protocol } = request;
  if (ip4 === null) return `${protocol}://[${localAddress}]:${localPort}`;
  const told = baseUrls.get(ip4);
  if (told === undefined) return `${protocol}://${ip4}:${localPort}`;
  return protocol === "https" ? secureUrl(told, localPort) : told;
}
