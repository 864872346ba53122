import { loaderStarted } from "../boot/offer-style.ts";
import { isDhcp, ports } from "../capture/datagram.ts";
import type { CapturedDatagram } from "../capture/pcap-reader.ts";
import type { Effect } from "../dhcp/handlers/effects.ts";
import type { Link } from "../dhcp/link.ts";
import type { DhcpRequest } from "../dhcp/message/request.ts";
import { OverheardOffers } from "../dhcp/server/overheard-offers.ts";
import { MessageType } from "../dhcp/wire/message-type.ts";
import { OptionCode } from "../dhcp/wire/option-codes.ts";
import { formatOption } from "../dhcp/wire/options.ts";
import { BOOTREQUEST, decodePacket, type DhcpPacket } from "../dhcp/wire/packet.ts";
import { systemClock } from "../lib/clock.ts";
import { decodedOrNull } from "../lib/errors.ts";
import { ANY_ADDRESS, type Ip4 } from "../lib/ip4.ts";
import { type Mac, macFromBytes } from "../lib/mac.ts";
import type { ServedLink } from "../daemon/links/link-plan.ts";
import {
  explained,
  type ExplainedKnowledge,
  type Explanation,
  ignore,
  type Known,
  linkNamed,
  linksOf,
  notReadable,
  readPacket,
} from "./explain-answer.ts";

/** A DHCP request of a capture and what it would be answered. */
export interface ReplayedRequest {
  readonly datagram: CapturedDatagram;
  /** Null where the packet is damaged. */
  readonly mac: Mac | null;
  /** `DHCPDISCOVER`; `BOOTP` without a message type. */
  readonly type: string;
  readonly explanation: Explanation;
}

/**
 * Hears the packets of a capture in their order, as the server would, at the times that they have there: what
 * was offered and leased, what other servers offered, and a loader that was fetched count for what follows.
 */
export class Replay {
  readonly #known: Known;
  readonly #knowledge: ExplainedKnowledge;
  readonly #interface: string | null;
  readonly #overheard = new OverheardOffers();
  readonly #macByAddress = new Map<Ip4, Mac>();
  #links: readonly ServedLink[] | null = null;

  /** @param hearsServers the capture has answers of servers, so one that is not in it was not given */
  constructor(
    known: Known,
    knowledge: ExplainedKnowledge,
    interfaceName: string | null,
    hearsServers: boolean,
  ) {
    const addressOfferedAtMs = (request: DhcpRequest, link: Link) =>
      hearsServers && link.mode === "proxy" ? this.#overheard.addressOfferedAtMs(request) : null;
    this.#known = known;
    this.#knowledge = { ...knowledge, addressOfferedAtMs };
    this.#interface = interfaceName;
  }

  /** What a DHCP request would be answered; null: the datagram is none. */
  hear(datagram: CapturedDatagram): ReplayedRequest | null {
    const { payload, source, destination } = datagram;
    // A simple packet of pcapng has no time.
    const nowMs = datagram.atMs === 0 ? systemClock.wall() : datagram.atMs;
    if (!isDhcp(datagram)) {
      if (destination.port === ports.tftp) this.#fetches(source.address, payload, nowMs);
      return null;
    }
    if (payload[0] !== BOOTREQUEST) {
      const packet = decodedOrNull(() => decodePacket(payload));
      if (packet !== null) this.#replied(packet, source.address, nowMs);
      return null;
    }
    // A relay agent's own capture has each request twice; the client's is meant for a broadcast there.
    if (destination.port === ports.client) return null;
    return { datagram, ...this.#answer(datagram, nowMs) };
  }

  #answer(
    { payload, source, destination }: CapturedDatagram,
    nowMs: number,
  ): Omit<ReplayedRequest, "datagram"> {
    const isBroadcast = destination.address === "255.255.255.255";
    const from = { ...source, isBroadcast };
    let request: DhcpRequest;
    try {
      request = readPacket(payload, from, this.#known, this.#knowledge);
    } catch (error) {
      return { mac: null, type: "BOOTREQUEST", explanation: notReadable(error) };
    }
    const { mac } = request;
    const type = typeOf(request.packet);
    const link = this.#linkOf(destination.address);
    if (link === null) {
      return { mac, type, explanation: ignore("DHCP is off on this interface") };
    }
    this.#overheard.asked(request);
    const role = destination.port === ports.bootServer ? "boot-server" : "server";
    const { effects, explanation } = explained(request, link, role, this.#knowledge, nowMs);
    this.#perform(effects, nowMs);
    return { mac, type, explanation };
  }

  #linkOf(address: Ip4): Link | null {
    const links = this.#ownLinks();
    if (this.#interface !== null) return linkNamed(links, this.#interface);
    const asked = links.find((link) => link.address === address);
    return asked === undefined ? linkNamed(links, null) : asked.dhcp;
  }

  /** Looked at once: a capture has packets by the hundred thousand, and the host's interfaces are as they are now. */
  #ownLinks(): readonly ServedLink[] {
    return (this.#links ??= linksOf(this.#known));
  }

  /** Another server's offer; of all servers, which address a machine has. */
  #replied(packet: DhcpPacket, server: Ip4, nowMs: number): void {
    const { yiaddr, chaddr, options } = packet;
    if (!this.#ownLinks().some(({ address }) => address === server))
      this.#overheard.heard(packet, nowMs);
    const isAck = options.get(OptionCode.MESSAGE_TYPE)?.[0] === MessageType.ACK;
    if (isAck && yiaddr !== ANY_ADDRESS) this.#macByAddress.set(yiaddr, macFromBytes(chaddr));
  }

  /** A machine asks for a file by TFTP: the style in which it was answered is right for it. */
  #fetches(address: Ip4, payload: Uint8Array, nowMs: number): void {
    const mac = this.#macByAddress.get(address);
    if (mac === undefined || payload[1] !== 1) return;
    const { offerStyles } = this.#knowledge;
    const machine = offerStyles.of(mac);
    const name = requestedName(payload);
    if (machine.attempt !== null && name.endsWith(machine.attempt.loader)) {
      offerStyles.put(loaderStarted(machine, machine.attempt.loader, nowMs));
    }
  }

  #perform(effects: readonly Effect[], nowMs: number): void {
    const { offers, leases, offerStyles } = this.#knowledge;
    for (const effect of effects) {
      if (effect.kind === "offer") offers.put(effect.offer, nowMs);
      else if (effect.kind === "withdraw") offers.withdraw(effect.mac, effect.address);
      else if (effect.kind === "remember") offerStyles.put(effect.machine);
      else if (effect.kind === "record") {
        leases.put(effect.lease, nowMs);
        offers.settle(effect.lease.mac, effect.lease.address);
      }
    }
  }
}

function typeOf({ options }: DhcpPacket): string {
  const type = options.get(OptionCode.MESSAGE_TYPE);
  if (type === undefined) return "BOOTP";
  const text = formatOption(OptionCode.MESSAGE_TYPE, type);
  return /^[A-Z]+$/.test(text) ? `DHCP${text}` : text;
}

/** The file's name in a TFTP request. */
function requestedName(payload: Uint8Array): string {
  const end = payload.indexOf(0, 2);
  return String.fromCharCode(...payload.subarray(2, end === -1 ? 2 : end));
}
