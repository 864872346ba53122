import { concat } from "../../lib/bytes.ts";
import { InternalError } from "../../lib/errors.ts";
import { type Ip4, ip4ToBytes, type Subnet } from "../../lib/ip4.ts";

/** A route to a network by a router, as option 121 carries it (RFC 3442). */
export interface ClasslessRoute extends Subnet {
  readonly via: Ip4;
}

/** RFC 3442: the length of the prefix, its significant octets, the router; one route after another. */
export function encodeRoutes(routes: readonly ClasslessRoute[]): Uint8Array {
  return concat(routes.map(routeBytes));
}

function routeBytes({ network, prefixLength, via }: ClasslessRoute): Uint8Array {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > 32) {
    throw new InternalError(`${prefixLength} is no length of a prefix`);
  }
  const octets = ip4ToBytes(network).subarray(0, Math.ceil(prefixLength / 8));
  return concat([Uint8Array.of(prefixLength), octets, ip4ToBytes(via)]);
}
