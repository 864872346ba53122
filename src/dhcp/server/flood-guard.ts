import { isNamed } from "../../boot/node.ts";
import { readMachineUuid } from "../wire/machine-uuid.ts";
import type { Clock } from "../../lib/clock.ts";
import { ANY_ADDRESS, parseSubnet, type Subnet, subnetContains } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Emit } from "../../events/types.ts";
import { RateLimits, machineIdOf, type Refusal, type Sender } from "./rate-limits.ts";
import type { Knowledge } from "../handlers/decide.ts";
import type { Effect } from "../handlers/effects.ts";
import type { Link } from "../link.ts";
import { networkOf } from "../message/relay.ts";
import type { DhcpRequest } from "../message/request.ts";

/** Decides before the decoder on a link, in every mode, which requests are dropped unread, and reports them. */
export class FloodGuard {
  readonly #link: Link;
  readonly #knowledge: Knowledge;
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #limits: RateLimits;
  readonly #networks: readonly Subnet[];

  constructor(link: Link, knowledge: Knowledge, emit: Emit, clock: Clock) {
    this.#link = link;
    this.#knowledge = knowledge;
    this.#emit = emit;
    this.#clock = clock;
    this.#networks = (link.mode === "full" ? [link, ...link.relayed] : [link]).map(
      ({ subnet }) => subnet,
    );
    this.#limits = new RateLimits(clock.now(), link.mode === "full" && knowledge.smee === null);
  }

  /** Whether a request of this sender is dropped unread. */
  refuses(sender: Sender, datagram: Uint8Array): boolean {
    const reason = this.#reasonToRefuse(sender, datagram, this.#clock.now());
    if (reason !== null) this.#dropped(reason);
    return reason !== null;
  }

  /**
   * Whether one that was read is dropped after all: there are many ways for a relay agent to say in which network a
   * machine is, and whoever forges one may change it each time.
   */
  refusesRead(request: DhcpRequest): boolean {
    const { mac, client } = request;
    const network = this.#networkOf(request);
    if (network === null || !this.#limits.isFull(network, this.#clock.now())) return false;
    const node = this.#knowledge.findNode({ mac, uuid: client.uuid, serial: null });
    if (isNamed(node, mac) || this.#isKnown(mac)) return false;
    this.#dropped("the pool is full");
    return true;
  }

  #dropped(reason: Refusal): void {
    this.#emit({ event: "dhcp-flood", interface: this.#link.interface, dropped: 1, reason });
  }

  /** Notes what was decided about a request, before it is performed. */
  note({ mac }: DhcpRequest, effects: readonly Effect[]): void {
    const { offers } = this.#knowledge;
    for (const effect of effects) {
      if (effect.kind === "event" && effect.event.event === "pool-full") {
        const network = parseSubnet(effect.event.network);
        if (network !== null) this.#limits.poolFull(network, this.#clock.now());
      } else if (effect.kind === "record" && effect.lease.state === "bound") {
        const offer = offers.at(effect.lease.address, this.#clock.wall());
        if (offer?.mac === mac && !offer.known) this.#limits.unknownGotLease();
      }
    }
  }

  #reasonToRefuse(sender: Sender, datagram: Uint8Array, nowMs: number): Refusal | null {
    const { mac, giaddr } = sender;
    const isKnown = this.#isKnown(mac);
    const uuid = isKnown ? null : readMachineUuid(machineIdOf(datagram));
    const node = uuid === null ? null : this.#knowledge.findNode({ mac, uuid, serial: null });
    if (uuid !== null && isNamed(node, mac)) return this.#limits.refusesUuid(uuid, nowMs);
    const isHere = giaddr === ANY_ADDRESS;
    if (!isKnown && isHere && this.#limits.isFull(this.#link.subnet, nowMs)) {
      return "the pool is full";
    }
    return this.#limits.refuses(mac, isKnown, nowMs);
  }

  /** The network that a request is from; null: none in which addresses are handed out. */
  #networkOf(request: DhcpRequest): Subnet | null {
    if (this.#link.mode !== "full") return null;
    return networkOf(request, this.#link)?.subnet ?? null;
  }

  /** Whether its hardware address is. What only a wildcard fits is not: anybody can make up more of these. */
  #isKnown(mac: Mac): boolean {
    const { offers, offerStyles, findNode } = this.#knowledge;
    // A machine that booted from here before.
    if (offerStyles.of(mac).proven !== null) return true;
    if (this.#hasLease(mac) || offers.isWaiting(mac, this.#clock.wall())) return true;
    return findNode({ mac, uuid: null, serial: null })?.mac === mac;
  }

  /** Whether it has, or had, a lease in a network of this link. */
  #hasLease(mac: Mac): boolean {
    for (const { address } of this.#knowledge.leases.allOfMachine(mac)) {
      for (const network of this.#networks) if (subnetContains(network, address)) return true;
    }
    return false;
  }
}
