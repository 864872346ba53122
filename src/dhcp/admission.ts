import { Bucket } from "../lib/bucket.ts";
import { type Ip4, ip4FromBytes } from "../lib/ip4.ts";
import { type Mac, macFromBytes } from "../lib/mac.ts";

/*
 * What keeps a flood from the machines that are waited for. A request costs a look at its hardware
 * address before anything else, and only so many are looked at closer.
 */

/**
 * Strangers' requests that are answered at once, and how many more each second. One that ends in a lease
 * gives its place back, so only those count whose offers nobody takes up: no site has so many.
 */
const STRANGERS = { most: 4096, perSecond: 256 };
/** Requests of one machine; firmware and operating systems together send a few in a minute. */
const ONE_MACHINE = { most: 1000, perSecond: 200 };
/** For how long strangers are not looked at after the pool was found full: a search may be long. */
const FULL_FOR_MS = 1000;
/** Machines whose rate is remembered, at most twice as many: memory is bounded. */
const MOST_MACHINES = 8192;

/** Relay agents whose pools are remembered as full. */
const MOST_RELAYS = 256;

/** Why a request is not looked at. */
export type Refusal = "this machine asks too often" | "too many strangers ask" | "the pool is full";

/** Which requests of one link are looked at. Times are monotonic milliseconds. */
export class Admission {
  readonly #strangers: Bucket;
  #recent = new Map<Mac, Bucket>();
  #former = new Map<Mac, Bucket>();
  /** By `giaddr`: until when the pool there counts as full. */
  readonly #fullUntilMs = new Map<Ip4, number>();

  constructor(nowMs: number) {
    this.#strangers = new Bucket(STRANGERS, nowMs);
  }

  /**
   * Why a request is to be dropped, or null when it is to be answered.
   *
   * @param giaddr the relay agent that it came through; 0.0.0.0 for none
   * @param known whether the machine has an entry, a lease past or present, or an offer
   */
  refuses({ mac, giaddr }: Sender, known: boolean, nowMs: number): Refusal | null {
    if (!known) {
      if (nowMs < (this.#fullUntilMs.get(giaddr) ?? -Infinity)) return "the pool is full";
      if (!this.#strangers.take(nowMs)) return "too many strangers ask";
    }
    return this.#bucketOf(mac, nowMs).take(nowMs) ? null : "this machine asks too often";
  }

  /** A stranger got a lease. */
  acquainted(): void {
    this.#strangers.giveBack();
  }

  /** There was no address for a stranger. */
  poolFull(giaddr: Ip4, nowMs: number): void {
    if (this.#fullUntilMs.size >= MOST_RELAYS) this.#fullUntilMs.clear();
    this.#fullUntilMs.set(giaddr, nowMs + FULL_FOR_MS);
  }

  #bucketOf(mac: Mac, nowMs: number): Bucket {
    const bucket = this.#recent.get(mac) ?? this.#former.get(mac) ?? new Bucket(ONE_MACHINE, nowMs);
    if (this.#recent.size >= MOST_MACHINES) {
      this.#former = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(mac, bucket);
    return bucket;
  }
}

/** Who asks, and through which relay agent. */
export interface Sender {
  readonly mac: Mac;
  readonly giaddr: Ip4;
}

/** The sender in a datagram that may be a client's DHCP packet, without decoding the rest; else null. */
export function senderOf(datagram: Uint8Array): Sender | null {
  const hlen = datagram[2] ?? 0;
  if (datagram.length < 240 || hlen === 0 || hlen > 16) return null;
  return {
    mac: macFromBytes(datagram.subarray(28, 28 + hlen)),
    giaddr: ip4FromBytes(datagram, 24),
  };
}
