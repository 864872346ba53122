import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import { planBoot } from "../../src/boot/policy.ts";
import type { FullLink } from "../../src/dhcp/link.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import type { Effect } from "../../src/dhcp/handlers/effects.ts";
import { handleFull } from "../../src/dhcp/handlers/full.ts";
import { type Lease, LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { EffectRunner } from "../../src/dhcp/server/effect-runner.ts";
import type { FullSettings } from "../../src/dhcp/link.ts";
import { type Offer, OfferTable } from "../../src/dhcp/leases/offer-table.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { type DhcpRequest, readRequest, type Source } from "../../src/dhcp/message/request.ts";
import { ANY_ADDRESS, type Ip4, ip4ToBytes } from "../../src/lib/ip4.ts";
import { type Mac, macToBytes } from "../../src/lib/mac.ts";
import {
  baseUrl,
  firmware,
  fullLink,
  type Options,
  ourAddress,
  packetWith,
  policy,
} from "./dhcp.ts";
import { emptyNode, type NodeEntry } from "../../src/boot/node.ts";

/** What came back from one packet. */
export interface Outcome {
  readonly effects: readonly Effect[];
  readonly reply: DhcpPacket | null;
  readonly sentTo: Source | null;
  /** `OFFER`, `ACK`, `NAK`, or null when there was no reply. */
  readonly type: string | null;
  /** Why nothing was done. */
  readonly ignored: string | null;
  readonly events: readonly string[];
  readonly recorded: Lease | null;
  /** The address that is held for the machine from now on. */
  readonly held: Offer | null;
}

interface Sent {
  readonly packet: DhcpPacket;
  readonly to: Source;
}

/** A link in mode full with its leases, whose clock stands still until it is moved. */
export class FullSite {
  leases: LeaseTable;
  offers = new OfferTable();
  readonly nodes: NodeEntry[] = [];
  link: FullLink;
  nowMs = 1_800_000_000_000;
  readonly #events: PxeEvent[] = [];
  #running: { leases: LeaseTable; offers: OfferTable; runner: EffectRunner } | null = null;

  constructor(settings: Partial<FullSettings> = {}, limit = 65_536) {
    this.link = { ...fullLink, full: { ...fullLink.full, ...settings } };
    this.leases = new LeaseTable(limit);
  }

  addNode(entry: Partial<NodeEntry>): NodeEntry {
    const node = { ...emptyNode, ...entry };
    this.nodes.push(node);
    return node;
  }

  passSeconds(seconds: number): void {
    this.nowMs += seconds * 1000;
  }

  /** The same one as long as leases and offers are. */
  #runnerNow(): EffectRunner {
    const { leases, offers } = this;
    const former = this.#running;
    if (former?.leases === leases && former.offers === offers) return former.runner;
    const clock = { now: () => this.nowMs, wall: () => this.nowMs };
    const rest = { offerStyles: new OfferStyleTable(), journal: null, usedBy: null };
    const emit = (event: PxeEvent): void => void this.#events.push(event);
    const runner = new EffectRunner({ leases, offers, clock, ...rest, emit });
    this.#running = { leases, offers, runner };
    return runner;
  }

  /** By what was done of the effects. */
  #outcome(
    effects: readonly Effect[],
    sent: readonly Sent[],
    events: readonly PxeEvent[],
  ): Outcome {
    const [reply] = sent;
    const code = reply?.packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
    const type = Object.entries(MessageType).find(([, value]) => value === code)?.[0];
    const ignored = events.find(({ event }) => event === "dhcp-ignored");
    const recorded = effects.flatMap((effect) => {
      if (effect.kind !== "record" && effect.kind !== "decline") return [];
      const now = this.leases.at(effect.lease.address);
      return (now === effect.lease) === (effect.kind === "record") && now !== null ? [now] : [];
    });
    const offers = effects.flatMap((effect) => (effect.kind === "offer" ? [effect.offer] : []));
    return {
      effects,
      reply: reply?.packet ?? null,
      sentTo: reply?.to ?? null,
      type: type ?? null,
      ignored: ignored?.event === "dhcp-ignored" ? ignored.reason : null,
      events: events.map(({ event }) => event).filter((name) => name !== "dhcp-ignored"),
      recorded: recorded[0] ?? null,
      held: offers.find((one) => this.offers.at(one.address, this.nowMs) === one) ?? null,
    };
  }

  handle(request: DhcpRequest): Outcome {
    const node = this.nodes.find((one) => one.mac === request.mac) ?? null;
    const plan = planBoot(request.client, node, policy, baseUrl);
    const state = {
      leases: this.leases,
      offers: this.offers,
      reservedFor: (address: Ip4) => this.nodes.find((one) => one.address === address) ?? null,
    };
    const effects = handleFull(request, plan, this.link, node, state, this.nowMs);
    // Without a journal and conflict checks all effects are performed before `run` returns.
    const sent: Sent[] = [];
    const send = (packet: DhcpPacket, to: Source) => void sent.push({ packet, to });
    void this.#runnerNow().run(effects, { link: this.link, mac: request.mac, send }, false);
    return this.#outcome(effects, sent, this.#events.splice(0));
  }
}

export interface Ask {
  /** Option 50. */
  readonly requested?: Ip4 | null;
  /** Option 54. */
  readonly server?: Ip4 | null;
  readonly ciaddr?: Ip4;
  readonly options?: Options;
  readonly packet?: Partial<DhcpPacket>;
}

/** A DHCP client on a `FullSite`; with firmware's options, or as an operating system. */
export class Machine {
  readonly site: FullSite;
  readonly mac: Mac;
  options: Options;

  constructor(site: FullSite, mac: Mac, options: Options = firmware.operatingSystem) {
    this.site = site;
    this.mac = mac;
    this.options = options;
  }

  send(type: number, ask: Ask = {}): Outcome {
    const { requested = null, server = null, ciaddr = ANY_ADDRESS } = ask;
    const options: Options = {
      ...this.options,
      [OptionCode.MESSAGE_TYPE]: Uint8Array.of(type),
      ...(requested === null ? {} : { [OptionCode.REQUESTED_ADDRESS]: ip4ToBytes(requested) }),
      ...(server === null ? {} : { [OptionCode.SERVER_IDENTIFIER]: ip4ToBytes(server) }),
      ...ask.options,
    };
    const packet = packetWith(options, { chaddr: macToBytes(this.mac), ciaddr, ...ask.packet });
    return this.site.handle(readRequest(packet, { address: ciaddr, port: 68 }));
  }

  discover(ask: Ask = {}): Outcome {
    return this.send(MessageType.DISCOVER, ask);
  }

  /** SELECTING: takes an offer. */
  select(address: Ip4, server: Ip4 = ourAddress): Outcome {
    return this.send(MessageType.REQUEST, { requested: address, server });
  }

  /** INIT-REBOOT: asks for the address that it had. */
  reboot(address: Ip4): Outcome {
    return this.send(MessageType.REQUEST, { requested: address });
  }

  /** RENEWING and REBINDING look the same to the server. */
  renew(address: Ip4): Outcome {
    return this.send(MessageType.REQUEST, { ciaddr: address });
  }

  decline(address: Ip4, server: Ip4 = ourAddress): Outcome {
    return this.send(MessageType.DECLINE, { requested: address, server });
  }

  release(address: Ip4, server: Ip4 = ourAddress): Outcome {
    return this.send(MessageType.RELEASE, { ciaddr: address, server });
  }

  inform(address: Ip4): Outcome {
    return this.send(MessageType.INFORM, { ciaddr: address });
  }

  /** The whole exchange of four; returns the address. */
  lease(): Ip4 {
    const offered = this.discover().reply?.yiaddr ?? "no offer";
    const acknowledged = this.select(offered);
    if (acknowledged.type !== "ACK") throw new Error(`${this.mac} got ${acknowledged.type}`);
    return offered;
  }
}
