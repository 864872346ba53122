import { isOffer, type Offer, readOffer } from "../../pxe-client/wire/offers.ts";
import { bootRequest, type MachineIdentity } from "../../pxe-client/wire/dhcp-requests.ts";
import { broadcast, newXid, replyTo } from "../../pxe-client/wire/dhcp-wire.ts";
import { Inbox } from "../../pxe-client/wire/inbox.ts";
import type { UdpSocket } from "../../net/udp.ts";
import { type Ip4, LIMITED_BROADCAST } from "../../lib/ip4.ts";
import type { Finding } from "../../lib/finding.ts";

/** Who answers on the link, as one machine finds it before there are many. */
export interface Scouted {
  /** What the target calls itself in option 54. */
  readonly bootServer: Ip4;
  readonly addressServer: Ip4;
  /** Where DHCPDISCOVER is to go. */
  readonly discoverTo: Ip4;
  /** Other servers that answer and have no part in it. */
  readonly others: readonly Ip4[];
}

/** ISC dhcpd checks for 1 s whether an address is in use before it offers it, and dnsmasq for 3 s. */
const longestMs = 8000;
/** A second server of the link has so long to answer, too. */
const shortestMs = 1000;
const repeatMs = 1500;

/**
 * Asks as one machine who answers: only then do many ask, and only whom they have to. With a finding: why there can
 * be no simulation.
 */
export async function scout(
  socket: UdpSocket,
  machine: MachineIdentity,
  target: Ip4,
  device: string,
): Promise<Scouted | Finding> {
  const offers = await collect(socket, bootRequest(machine, newXid(), "firmware", null), target);
  const fromTarget = offers.filter(({ from, offer }) => from === target || offer.server === target);
  const bootServer = fromTarget[0]?.offer.server;
  if (bootServer === undefined) return silent(target, device, offers);
  const givers = offers.flatMap(({ offer }) => (offer.address === null ? [] : [offer.server]));
  const addressServer = givers.includes(bootServer) ? bootServer : givers[0];
  if (addressServer === undefined) return withoutAddresses(target, device);
  const others = [...new Set(offers.map(({ offer }) => offer.server))].filter(
    (server) => server !== bootServer && server !== addressServer,
  );
  // Who gives out addresses itself needs nobody else: then others of the link are left alone.
  const alone = addressServer === bootServer && others.length > 0;
  return { bootServer, addressServer, discoverTo: alone ? target : LIMITED_BROADCAST, others };
}

interface Heard {
  readonly from: Ip4;
  readonly offer: Offer;
}

async function collect(
  socket: UdpSocket,
  request: ReturnType<typeof bootRequest>,
  target: Ip4,
): Promise<readonly Heard[]> {
  const inbox = new Inbox(socket);
  const offers: Heard[] = [];
  const startMs = performance.now();
  const over = (): boolean => {
    const ms = performance.now() - startMs;
    const isWhole =
      offers.some(({ from, offer }) => from === target || offer.server === target) &&
      offers.some(({ offer }) => offer.address !== null);
    return ms >= longestMs || (isWhole && ms >= shortestMs);
  };
  for (let askedMs = -repeatMs; !over();) {
    if (performance.now() - startMs - askedMs >= repeatMs) {
      askedMs = performance.now() - startMs;
      broadcast(socket, request);
    }
    const datagram = await inbox.next(100);
    if (datagram === null) continue;
    const packet = replyTo(request.xid, datagram.payload);
    if (packet === null || !isOffer(packet)) continue;
    offers.push({ from: datagram.from.address, offer: readOffer(packet, datagram.from.address) });
  }
  return offers;
}

function silent(target: Ip4, device: string, offers: readonly Heard[]): Finding {
  const heard = [...new Set(offers.map(({ offer }) => offer.server))];
  const others = heard.length === 0 ? "nor did anybody else" : `others did: ${heard.join(", ")}`;
  return {
    code: "target-silent",
    cause: `${target} did not answer a DHCPDISCOVER on ${device} within ${longestMs / 1000} s (${others})`,
    remedy: `see with "eim-pxe probe --interface ${device}" what one machine finds there; name the server that answers it as --target`,
    who: "site",
  };
}

function withoutAddresses(target: Ip4, device: string): Finding {
  return {
    code: "no-addresses",
    cause: `${target} says what to boot, but nobody on ${device} gives out addresses, so no machine could boot`,
    remedy: "start the site's DHCP server, or let eim-pxe be it (dhcp.mode: full)",
    who: "site",
  };
}
