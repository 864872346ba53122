import { readFile } from "node:fs/promises";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { Clock } from "../lib/clock.ts";
import { BindError } from "../lib/errors.ts";
import { type Ip4, type Subnet, subnetContains } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { adoptDgram, openDgram } from "./dgram.ts";
import { type Libc, loadLibc } from "./libc.ts";
import type { UdpSocket } from "./udp.ts";

/** Where an address is looked for: a network device, ours on it, and the network that it is in. */
export interface Place {
  readonly interface: string;
  readonly address: Ip4;
  readonly subnet: Subnet;
}

/** On a LAN who is there answers within a few milliseconds. */
const WAIT_MS = 100;
/** So many newcomers at once are looked after, and so many more each second; others wait for nothing. */
const RATE = { burst: 20, perSecond: 3 };
/** Once there were too many, nobody is looked after until it has been calm for so long. */
const CALM_MS = 1000;
/** RFC 863: whoever listens there throws it away. */
const DISCARD_PORT = 9;
const ARP_TABLE = "/proc/net/arp";
/** RFC 792: type 8, code 0; the kernel fills in checksum and identifier. */
const ECHO_REQUEST = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 1);

/** How a device is asked: by echo requests, whose answers count, or by datagrams that only make ARP work. */
interface Asker {
  readonly socket: UdpSocket;
  readonly echo: boolean;
}

/**
 * Tells whether somebody sits at an address. It asks by ICMP echo where the process may, and in any case
 * lets the kernel ask by ARP, which nobody on the link can leave unanswered.
 */
export class ConflictProbe {
  readonly #clock: Clock;
  readonly #load: () => Promise<Libc | null>;
  readonly #arpTable: () => Promise<string>;
  readonly #bucket: TokenBucket;
  #busyUntilMs = -Infinity;
  readonly #askers = new Map<string, Promise<Asker>>();
  readonly #waiting = new Map<Ip4, () => void>();

  constructor(clock: Clock, load: () => Promise<Libc | null> = loadLibc, table = arpTable) {
    this.#clock = clock;
    this.#load = load;
    this.#arpTable = table;
    this.#bucket = new TokenBucket(RATE, clock.now());
  }

  /**
   * Whether somebody else than the machine `mac` answers at `address`. Null when too many ask, and when
   * nobody could be asked. Beyond the place's own network only an echo counts: there a router answers ARP
   * in everybody's place (RFC 1027).
   */
  readonly isInUse = async (place: Place, address: Ip4, mac: Mac): Promise<boolean | null> => {
    if (this.#isBusy()) return null;
    const device = place.interface;
    const near = subnetContains(place.subnet, address);
    const before = near ? arpEntry(await this.#arpTable(), device, address) : null;
    let asker: Asker;
    try {
      asker = await this.#askerOn(place);
    } catch (error) {
      // Its address is gone, or no descriptor is left: then nobody looks.
      if (error instanceof BindError) return null;
      throw error;
    }
    if (!near) return asker.echo ? this.#ask(asker, address) : null;
    const answered = await this.#ask(asker, address);
    const after = arpEntry(await this.#arpTable(), device, address);
    if (after === mac) return false;
    // An entry from before may be of somebody who has gone; a new one was answered just now.
    return answered || (before === null && after !== null);
  };

  #isBusy(): boolean {
    const now = this.#clock.now();
    const busy = now < this.#busyUntilMs || !this.#bucket.take(now);
    if (busy) this.#busyUntilMs = now + CALM_MS;
    return busy;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#askers.values());
    for (const one of opened) if (one.status === "fulfilled") await one.value.socket.close();
  }

  async #ask({ socket, echo }: Asker, address: Ip4): Promise<boolean> {
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

  #askerOn(place: Place): Promise<Asker> {
    const key = `${place.interface} ${place.address}`;
    const had = this.#askers.get(key);
    if (had !== undefined) return had;
    const opening = this.#open(place).catch((error: unknown) => {
      this.#askers.delete(key);
      throw error;
    });
    this.#askers.set(key, opening);
    return opening;
  }

  async #open({ interface: device, address }: Place): Promise<Asker> {
    const descriptor = (await this.#load())?.pingSocket(device) ?? null;
    const local = { address, port: 0 };
    const echo = descriptor !== null;
    const socket = echo ? await adoptDgram(descriptor, local, device) : await openDgram(local);
    // Nobody there is told as an error (host unreachable): that is as good as silence.
    socket.onError(() => {});
    if (echo) socket.onMessage((_, from) => this.#waiting.get(from.address)?.());
    return { socket, echo };
  }
}

async function arpTable(): Promise<string> {
  return readFile(ARP_TABLE, "utf8").catch(() => "");
}

/** Who answered ARP for an address on a device, in the form of `/proc/net/arp`; null when nobody did. */
export function arpEntry(table: string, device: string, address: Ip4): Mac | null {
  for (const line of table.split("\n").slice(1)) {
    const [ip, , flags, mac = "", , name] = line.trim().split(/\s+/);
    // ATF_COM, <net/if_arp.h>: an entry without it still waits for an answer.
    if (ip === address && name === device && (Number(flags) & 2) !== 0) return mac.toLowerCase();
  }
  return null;
}
