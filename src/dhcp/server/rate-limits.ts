import { TokenBucket, TokenBuckets } from "../../lib/token-bucket.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Ip4, ip4FromBytes, type Subnet, subnetNumber } from "../../lib/ip4.ts";
import { type Mac, macFromBytes } from "../../lib/mac.ts";
import { OptionCode } from "../wire/option-codes.ts";
import { chaddrLengthOf, END, PAD } from "../wire/packet.ts";

/*
 * What keeps a flood away from the machines that should boot. Of every request the hardware address is read
 * before anything else; only so many requests are decoded and answered.
 */

/**
 * Requests of unknown clients that are answered at once, and how many more each second. One that ends in a
 * lease gives its token back, so only those count whose offers are not taken up: no site has so many.
 */
const WITH_LEASES = {
  all: { burst: 4096, perSecond: 256 },
  /** Requests of one of them, so that it cannot use up what is for all. */
  one: { burst: 20, perSecond: 2 },
};
/**
 * The same where no addresses are handed out (mode proxy): an answer costs little there, and every device of a site
 * asks, whether or not it wants to boot.
 */
const WITHOUT_LEASES = {
  all: { burst: 8192, perSecond: 1024 },
  one: { burst: 1000, perSecond: 200 },
};
/** Requests of one machine; firmware and operating systems together send a few in a minute. */
const ONE_MACHINE = { burst: 1000, perSecond: 200 };
/**
 * What known machines may ask beyond that, all together. Anybody can put a machine's hardware address into
 * a packet: as long as the server keeps up, that must not silence the machine.
 */
const BEYOND = { burst: 4000, perSecond: 2000 };
/**
 * Machines that nothing but the UUID of an entry tells, by that UUID: who has read it on the link may send it with ever new
 * hardware addresses. A machine has a few, of which each is known by itself once it was offered an address.
 */
const ONE_UUID = { burst: 100, perSecond: 4 };
/** For how long unknown clients are not answered after the pool was found full: a search may be long. */
const FULL_FOR_MS = 1000;
/** Machines whose rate is remembered. */
const MOST_MACHINES = 16_384;

/** Networks whose pools are remembered as full. */
const MOST_NETWORKS = 256;

/** Why a request is dropped unread. */
export type Refusal =
  | "this machine asks too often"
  | "too many hardware addresses ask with the UUID of one machine"
  | "too many unknown clients ask"
  | "the pool is full";

/** Which requests of one link are answered. Times are monotonic milliseconds. */
export class RateLimits {
  readonly #unknownClients: TokenBucket;
  readonly #beyond: TokenBucket;
  readonly #known = new TokenBuckets<Mac>(ONE_MACHINE, MOST_MACHINES);
  readonly #unknown: TokenBuckets<Mac>;
  readonly #uuids: TokenBuckets<string>;
  /** Until when the pool of a network counts as full, by the network's number: each request asks. */
  readonly #fullUntilMs = new BoundedMap<number, number>(MOST_NETWORKS);

  /** @param leases whether addresses are handed out */
  constructor(nowMs: number, leases = true) {
    const { all, one } = leases ? WITH_LEASES : WITHOUT_LEASES;
    this.#unknownClients = new TokenBucket(all, nowMs);
    this.#unknown = new TokenBuckets(one, MOST_MACHINES);
    this.#uuids = new TokenBuckets(leases ? ONE_UUID : ONE_MACHINE, MOST_MACHINES);
    this.#beyond = new TokenBucket(BEYOND, nowMs);
  }

  /**
   * Why a request is to be dropped, or null when it is to be answered.
   *
   * @param known whether an entry names its hardware address, or it has a lease past or present, or an offer
   */
  refuses(mac: Mac, known: boolean, nowMs: number): Refusal | null {
    if (known) {
      const may = this.#known.take(mac, nowMs) || this.#beyond.take(nowMs);
      return may ? null : "this machine asks too often";
    }
    if (!this.#unknown.take(mac, nowMs)) return "this machine asks too often";
    return this.#unknownClients.take(nowMs) ? null : "too many unknown clients ask";
  }

  /** The same of a machine that nothing but the UUID of an entry tells. */
  refusesUuid(uuid: string, nowMs: number): Refusal | null {
    return this.#uuids.take(uuid, nowMs)
      ? null
      : "too many hardware addresses ask with the UUID of one machine";
  }

  /** An unknown client got a lease. */
  unknownGotLease(): void {
    this.#unknownClients.giveBack();
  }

  /** There was no address for an unknown client of a network. */
  poolFull(network: Subnet, nowMs: number): void {
    this.#fullUntilMs.set(subnetNumber(network), nowMs + FULL_FOR_MS);
  }

  /** Whether that was so a moment ago: unknown clients of it are not answered now. */
  isFull(network: Subnet, nowMs: number): boolean {
    return nowMs < (this.#fullUntilMs.get(subnetNumber(network)) ?? -Infinity);
  }
}

/** Where the options of a DHCP packet begin, behind the header and the magic cookie. */
const OPTIONS_AT = 240;

/** Who asks, and through which relay agent. */
export interface Sender {
  readonly mac: Mac;
  readonly giaddr: Ip4;
}

/** The sender in a datagram that may be a client's DHCP packet, without decoding the rest; else null. */
export function senderOf(datagram: Uint8Array): Sender | null {
  const hlen = chaddrLengthOf(datagram);
  if (datagram.length < OPTIONS_AT || hlen === 0) return null;
  return {
    mac: macFromBytes(datagram, 28, hlen),
    giaddr: ip4FromBytes(datagram, 24),
  };
}

/** The value of option 97 in a datagram, without decoding the rest; null when it is not found. */
export function machineIdOf(datagram: Uint8Array): Uint8Array | null {
  for (let at = OPTIONS_AT; at + 1 < datagram.length;) {
    const code = datagram[at] ?? END;
    if (code === END) return null;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const end = at + 2 + (datagram[at + 1] ?? 0);
    if (code === OptionCode.CLIENT_MACHINE_IDENTIFIER) return datagram.subarray(at + 2, end);
    at = end;
  }
  return null;
}
