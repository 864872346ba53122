import { decodedOrNull } from "../../lib/errors.ts";
import { ANY_ADDRESS, type Ip4, subnetContains } from "../../lib/ip4.ts";
import { advertisedAddress, type FullLink, isOurs, type Link } from "../link.ts";
import type { DhcpPacket } from "../wire/packet.ts";
import { readRelayInformation, type RelayInformation } from "../wire/vendor-options.ts";

/* What a relay agent between client and server changes: which network, and which server identifier. */

/** What a relay agent says in option 82, as far as a server needs it. */
export type RelayAgent = Pick<RelayInformation, "linkSelection" | "serverIdOverride">;

/**
 * Reads option 82 of a request. Null when the packet did not come through a relay agent, or when the
 * option is malformed: it is given back all the same (RFC 3046 2.2).
 */
export function readRelayAgent(packet: DhcpPacket, option82: Uint8Array | null): RelayAgent | null {
  if (packet.giaddr === ANY_ADDRESS || option82 === null) return null;
  const read = decodedOrNull(() => readRelayInformation(option82));
  if (read === null) return null;
  const { linkSelection, serverIdOverride } = read;
  return { linkSelection: given(linkSelection), serverIdOverride: given(serverIdOverride) };
}

function given(address: Ip4 | null): Ip4 | null {
  return address === ANY_ADDRESS ? null : address;
}

/**
 * Option 54 of our answers: our address as machines reach it, or what the relay agent wants its clients to see
 * there, so that they renew through it (RFC 5107 4).
 */
export function serverIdFor({ relay }: { readonly relay: RelayAgent | null }, link: Link): Ip4 {
  return relay?.serverIdOverride ?? advertisedAddress(link);
}

/** Whether a request names another server than us in option 54; one that names none does not. */
export function namesAnotherServer(
  request: { readonly serverId: Ip4 | null; readonly relay: RelayAgent | null },
  link: Link,
): boolean {
  const { serverId } = request;
  return serverId !== null && !isOurs(link, serverId) && serverId !== serverIdFor(request, link);
}

const NONE: readonly Ip4[] = [];

/** The addresses of the relay agent that the request came through; none without one. */
export function relayAddresses({
  packet,
  relay,
}: {
  readonly packet: DhcpPacket;
  readonly relay: RelayAgent | null;
}): readonly Ip4[] {
  const { giaddr } = packet;
  const own = giaddr === ANY_ADDRESS ? NONE : [giaddr];
  const override = relay?.serverIdOverride ?? null;
  return override === null ? own : [...own, override];
}

/**
 * The network that the client of a request is in, with what is handed out there: the link's own, or one
 * behind relay agents. A relay agent names it by `giaddr`, or by option 82.5 where `giaddr` is in
 * another one (RFC 3527 3). A client that renews or gives back by unicast comes without a relay agent
 * and has an address of its network (RFC 2131 4.4.5). Null when it is not served.
 */
export function networkOf(
  request: {
    readonly packet: DhcpPacket;
    readonly relay: RelayAgent | null;
    readonly clientAddress: Ip4 | null;
  },
  link: FullLink,
): FullLink | null {
  const { giaddr } = request.packet;
  const relayed = giaddr !== ANY_ADDRESS;
  const where = relayed ? (request.relay?.linkSelection ?? giaddr) : request.clientAddress;
  if (where === null || subnetContains(link.subnet, where)) return link;
  const found = link.relayed.find(({ subnet }) => subnetContains(subnet, where));
  if (found !== undefined) return { ...link, ...found };
  return relayed ? null : link;
}
