import { ServerSearch } from "../client/server-search.ts";
import { locallyAdministeredMac } from "../client/stranger.ts";
import type { Link } from "../dhcp/link.ts";
import { BindError, OtherServerError } from "../lib/errors.ts";
import type { Mac } from "../lib/mac.ts";
import type { UdpSocket } from "../net/udp.ts";
import type { Emit } from "../observe/events.ts";

/*
 * Two servers that hand out addresses on one link are an outage: so mode full looks for another one
 * before it begins, and now and then afterwards.
 */

export interface ServerWatchOptions {
  /** The socket of a link's client port, 68. Throws `BindError`. */
  readonly openClientPort: (link: Link) => Promise<UdpSocket>;
  /** Begin all the same, and only tell of the other server. */
  readonly allowOthers: boolean;
  readonly emit: Emit;
}

const SEARCH_EVERY_MS = 600_000;

/** The machine that the searches play on a link; our own server must not answer it. */
export function searchMachine(link: Link): Mac {
  return locallyAdministeredMac(`search ${link.interface} ${link.address}`);
}

export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #searches: { readonly link: Link; readonly search: ServerSearch }[] = [];
  #underWay: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ServerWatchOptions) {
    this.#options = options;
  }

  /**
   * Looks on each link in mode full; `port` is the link's server port, which nobody listens to yet.
   *
   * @throws {OtherServerError} when another server is there, unless others are allowed: then it does not wait
   */
  async begin(ports: readonly { readonly link: Link; readonly port: UdpSocket }[]): Promise<void> {
    for (const { link, port } of ports) {
      // Loopback has no other hosts.
      if (link.mode !== "full" || link.address.startsWith("127.")) continue;
      const search = new ServerSearch({
        address: link.address,
        mac: searchMachine(link),
        serverPort: port,
        openClientPort: () => this.#clientPort(link),
      });
      this.#searches.push({ link, search });
    }
    if (this.#searches.length === 0) return;
    const first = this.#look();
    if (this.#options.allowOthers) void first;
    else if ((await first).length > 0) throw new OtherServerError(await first);
    this.#timer = setInterval(() => void this.#look(), SEARCH_EVERY_MS);
  }

  /** Ends it, and waits for what is under way. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const { search } of this.#searches) search.stop();
    await this.#underWay;
  }

  /** Tells of each other server, and resolves with what people need to know of them. */
  async #look(): Promise<readonly string[]> {
    const looking = Promise.all(
      this.#searches.map(async ({ link, search }) => {
        const other = await search.search();
        if (other === null) return [];
        const { server, offered } = other;
        const { interface: name } = link;
        this.#options.emit({ event: "other-dhcp-server", interface: name, server, offered });
        return [`${server} on ${name}, which offered ${offered}`];
      }),
    );
    this.#underWay = looking;
    return (await looking).flat();
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
