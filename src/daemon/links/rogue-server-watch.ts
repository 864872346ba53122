import { RogueServerSearch } from "../../pxe-client/rogue-server-search.ts";
import { syntheticMac } from "../../pxe-client/wire/synthetic-identity.ts";
import type { Link } from "../../dhcp/link.ts";
import type { LinkGuard } from "../../dhcp/server/dhcp-server.ts";
import { BindError, OtherServerError } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { UdpSocket } from "../../net/udp.ts";
import type { Emit } from "../../events/types.ts";

/*
 * Two servers that hand out addresses on one link are an outage: so mode full searches for another one
 * before it begins, and every ten minutes afterwards.
 */

export interface RogueServerWatchOptions {
  /** The socket of a link's client port, 68. Throws `BindError`. */
  readonly openClientPort: (link: Link) => Promise<UdpSocket>;
  /** Serve all the same, and only report the other server. */
  readonly allowOthers: boolean;
  /** Whether an address is of a server that shares its leases with this one, and so is no other one; default: none is. */
  readonly isPeer?: (server: Ip4) => boolean;
  readonly emit: Emit;
  /** Closes it; default: nothing else does. */
  readonly stopping?: AbortSignal | undefined;
}

const SEARCH_EVERY_MS = 600_000;

/** The synthetic identity that the searches ask as on a link. */
function searchIdentity(link: Link): Mac {
  return syntheticMac(`search ${link.interface} ${link.address}`);
}

function interrupted({ interface: name }: Link): BindError {
  return new BindError(
    `the search for other DHCP servers on ${name} was ended because the server stops`,
  );
}

interface Watched {
  readonly search: RogueServerSearch;
  readonly mac: Mac;
}

export class RogueServerWatch implements LinkGuard {
  readonly #options: RogueServerWatchOptions;
  readonly #links = new Map<Link, Watched>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(options: RogueServerWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      for (const [link, { search }] of this.#links) void this.#look(link, search);
    }, SEARCH_EVERY_MS);
    this.#timer.unref();
    options.stopping?.addEventListener("abort", () => void this.close(), { once: true });
  }

  /**
   * Checks whether another server is on a link in mode full, now and every ten minutes from now on.
   *
   * @throws {OtherServerError} when there is one, unless others are allowed: then it does not wait for the first search
   * @throws {BindError} when it is closed before the first search ends: a link is not served after half a search
   */
  async admit(link: Link, port: UdpSocket): Promise<void> {
    // Loopback has no other hosts.
    if (link.mode !== "full" || link.address.startsWith("127.")) return;
    if (this.#closed) throw interrupted(link);
    const mac = searchIdentity(link);
    const search = new RogueServerSearch({
      address: link.address,
      mac,
      serverPort: port,
      openClientPort: () => this.#clientPort(link),
      isPeer: this.#options.isPeer ?? (() => false),
    });
    this.#links.set(link, { search, mac });
    const first = this.#look(link, search);
    if (this.#options.allowOthers) return;
    const other = await first;
    if (other !== null) throw new OtherServerError(other);
    if (this.#closed) throw interrupted(link);
  }

  leave(link: Link): void {
    this.#links.get(link)?.search.stop();
    this.#links.delete(link);
  }

  plays(mac: Mac): boolean {
    return [...this.#links.values()].some((watched) => watched.mac === mac);
  }

  /** Ends it, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const link of this.#links.keys()) this.leave(link);
    await Promise.all(this.#underWay);
  }

  /** Reports another server, and resolves with its words for people; null when there is none. */
  async #look(link: Link, search: RogueServerSearch): Promise<string | null> {
    const { emit } = this.#options;
    const looking = search.search();
    this.#underWay.add(looking);
    const other = await looking.finally(() => this.#underWay.delete(looking));
    if (other === null) return null;
    const { server, offered } = other;
    const { interface: name } = link;
    emit({ event: "other-dhcp-server", interface: name, server, offered });
    return `${server} on ${name}${offered === null ? "" : `, which offered ${offered}`}`;
  }

  async #clientPort(link: Link): Promise<UdpSocket | null> {
    try {
      return await this.#options.openClientPort(link);
    } catch (error) {
      if (error instanceof BindError) return null;
      throw error;
    }
  }
}
