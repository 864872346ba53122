import { readFile } from "node:fs/promises";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { Clock } from "../lib/clock.ts";
import { BindError, errnoOf } from "../lib/errors.ts";
import { type Ip4, type Subnet, subnetContains } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { adoptDgram, openDgram } from "./dgram.ts";
import { type Libc, loadLibc } from "./libc.ts";
import type { UdpSocket } from "./udp.ts";

/** Where an address is probed: a network device, our address on it, and its network. */
export interface ProbedLink {
  readonly interface: string;
  readonly address: Ip4;
  readonly subnet: Subnet;
}

/**
 * Who answers at an address: no host, the machine that it was asked for, another one, or one of which it cannot
 * be told whether it is that machine; null: it could not be checked.
 */
export type AddressUse = "nobody" | "machine" | "other" | "somebody" | null;

/** On a LAN a host answers within a few milliseconds. */
const WAIT_MS = 100;
/** Probes at once, and further ones each second; without a token an address is offered unprobed. */
const RATE = { burst: 20, perSecond: 3 };
/** The same where an address must not be offered unprobed: the machine asks again, and then there is a token. */
const URGENT_RATE = { burst: 200, perSecond: 100 };
/** After a probe was refused, none is made until there were no requests for so long. */
const QUIET_MS = 1000;
/** RFC 863: a service there discards what it receives. */
const DISCARD_PORT = 9;
const ARP_TABLE = "/proc/net/arp";
/** RFC 792: type 8, code 0; the kernel fills in checksum and identifier. */
const ECHO_REQUEST = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 1);

/** How a device is probed: by echo requests, whose replies count, or by datagrams that only cause an ARP request. */
interface Prober {
  readonly socket: UdpSocket;
  readonly echo: boolean;
  /** The kernel binds a socket to a device, not to its name: one that was made anew is another one. */
  isGone: boolean;
}

export interface ProbeOptions {
  /** However many are asked for. Default: no. */
  readonly urgent?: boolean;
  /** Whether the host that ARP knew at the address before the check may have left it. Default: any may. */
  readonly mayHaveLeft?: (mac: Mac) => boolean;
}

/**
 * Checks whether an address is in use: by ICMP echo where the process may send it, and in any case by the
 * kernel's ARP, which every host on the link answers.
 */
export class ConflictProbe {
  readonly #clock: Clock;
  readonly #load: () => Promise<Libc | null>;
  readonly #arpTable: () => Promise<string>;
  readonly #bucket: TokenBucket;
  readonly #urgentBucket: TokenBucket;
  #busyUntilMs = -Infinity;
  readonly #probers = new Map<string, Promise<Prober>>();
  readonly #waiting = new Map<Ip4, () => void>();

  constructor(clock: Clock, load: () => Promise<Libc | null> = loadLibc, table = arpTable) {
    this.#clock = clock;
    this.#load = load;
    this.#arpTable = table;
    this.#bucket = new TokenBucket(RATE, clock.now());
    this.#urgentBucket = new TokenBucket(URGENT_RATE, clock.now());
  }

  /**
   * Who answers at `address`, as seen by the machine `mac`. Null when there are too many checks, and where none
   * is possible. Beyond the link's own network only an echo counts, which does not tell who sent it: there a
   * router answers ARP for all (RFC 1027).
   *
   * What the kernel knew by ARP before, it does not ask anew within the time of a check. Some seconds later it does, and
   * forgets a host that has gone: so one that no lease brought there counts as if it had answered.
   */
  readonly usedBy = async (
    link: ProbedLink,
    address: Ip4,
    mac: Mac,
    { urgent = false, mayHaveLeft = () => true }: ProbeOptions = {},
  ): Promise<AddressUse> => {
    if (urgent ? !this.#urgentBucket.take(this.#clock.now()) : this.#isBusy()) return null;
    const device = link.interface;
    const near = subnetContains(link.subnet, address);
    const before = near ? arpEntry(await this.#arpTable(), device, address) : null;
    const answered = await this.#isAnswered(link, address, !near);
    if (answered === null) return null;
    if (!near) return answered ? "somebody" : "nobody";
    const after = arpEntry(await this.#arpTable(), device, address);
    if (after === mac) return "machine";
    // An entry from before may be of a machine whose lease has ended; a new one was answered just now.
    const isThere = after !== null && (after !== before || !mayHaveLeft(after));
    return answered || isThere ? "other" : "nobody";
  };

  #isBusy(): boolean {
    const now = this.#clock.now();
    const busy = now < this.#busyUntilMs || !this.#bucket.take(now);
    if (busy) this.#busyUntilMs = now + QUIET_MS;
    return busy;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#probers.values());
    for (const one of opened) if (one.status === "fulfilled") await one.value.socket.close();
  }

  /** Null where it cannot be asked. */
  async #isAnswered(link: ProbedLink, address: Ip4, byEchoOnly: boolean): Promise<boolean | null> {
    for (let tries = 0; tries < 2; tries++) {
      let prober: Prober;
      try {
        prober = await this.#proberOn(link);
      } catch (error) {
        // Its address is gone, or no descriptor is left.
        if (error instanceof BindError) return null;
        throw error;
      }
      if (byEchoOnly && !prober.echo) return null;
      const answered = await this.#ask(prober, address);
      if (!prober.isGone) return answered;
    }
    return null;
  }

  async #ask({ socket, echo }: Prober, address: Ip4): Promise<boolean> {
    let answered = false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, WAIT_MS);
      if (echo) {
        this.#waiting.set(address, () => {
          answered = true;
          clearTimeout(timer);
          resolve();
        });
      }
      // The kernel does not look at the port of an echo request; Node wants one.
      socket.send(echo ? ECHO_REQUEST : new Uint8Array(1), { address, port: DISCARD_PORT });
    });
    this.#waiting.delete(address);
    return answered;
  }

  #proberOn(link: ProbedLink): Promise<Prober> {
    const key = `${link.interface} ${link.address}`;
    const had = this.#probers.get(key);
    if (had !== undefined) return had;
    const forget = (): void => void this.#probers.delete(key);
    const opening = this.#open(link, forget).catch((error: unknown) => {
      forget();
      throw error;
    });
    this.#probers.set(key, opening);
    return opening;
  }

  async #open({ interface: device, address }: ProbedLink, forget: () => void): Promise<Prober> {
    const descriptor = (await this.#load())?.pingSocket(device) ?? null;
    const local = { address, port: 0 };
    const echo = descriptor !== null;
    const socket = echo ? await adoptDgram(descriptor, local, device) : await openDgram(local);
    const prober = { socket, echo, isGone: false };
    // Host unreachable is reported as an error, too: the same as no reply.
    socket.onError((error) => {
      if (errnoOf(error) !== "ENODEV" || prober.isGone) return;
      prober.isGone = true;
      forget();
      void socket.close();
    });
    if (echo) socket.onMessage((_, from) => this.#waiting.get(from.address)?.());
    return prober;
  }
}

async function arpTable(): Promise<string> {
  return readFile(ARP_TABLE, "utf8").catch(() => "");
}

/** The hardware address that answered ARP for an address on a device, from `/proc/net/arp`; null for none. */
export function arpEntry(table: string, device: string, address: Ip4): Mac | null {
  for (const line of table.split("\n").slice(1)) {
    const [ip, , flags, mac = "", , name] = line.trim().split(/\s+/);
    // ATF_COM, <net/if_arp.h>: an entry without it still waits for an answer.
    if (ip === address && name === device && (Number(flags) & 2) !== 0) return mac.toLowerCase();
  }
  return null;
}
