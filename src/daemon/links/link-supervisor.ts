import type { SiteLink } from "../../api/site.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { NetworkInterface } from "../../net/interfaces.ts";
import type { Emit } from "../../events/types.ts";
import { linkChange, type CurrentLink } from "./link-diff.ts";
import type { ServedLink, WantedLink } from "./link-plan.ts";

/** Something that serves machines. */
export interface Opened {
  /** For people, such as `tftp 192.168.77.1:69`. */
  readonly sockets: readonly string[];
  /**
   * Accepts nothing new; what is under way has `graceMs` to end. Called again, it allows the shorter time
   * of the two.
   */
  close(graceMs: number): Promise<void>;
}

export interface LinkSupervisorParts {
  readonly links: readonly WantedLink[];
  /** The host's interfaces as they are now; asked again every `lookEveryMs`. */
  readonly interfaces: () => readonly NetworkInterface[];
  readonly lookEveryMs: number;
  /** Opens what all links with this address have in common. Throws `BindError`. */
  readonly openAddress: (link: ServedLink) => Promise<Opened>;
  /** Opens what is the link's own, after its address. Throws `BindError`. */
  readonly openLink: (link: ServedLink) => Promise<Opened>;
  readonly emit: Emit;
}

/** How long what is under way at an address that is gone may go on: the address may come back. */
const retireMs = 60_000;

interface KeptLink {
  readonly wanted: WantedLink;
  served: (CurrentLink & { readonly opened: Opened }) | null;
  /** Why it is not served; null while it is, and before the first look. */
  trouble: string | null;
}

/** A link that is about to be served. */
interface Opening {
  readonly link: KeptLink;
  readonly to: CurrentLink;
}

/**
 * Serves each link while its interface can be served: reads the host's interfaces every few seconds,
 * and opens and closes what is that link's, and nothing else.
 */
export class LinkSupervisor {
  readonly #parts: LinkSupervisorParts;
  readonly #links: readonly KeptLink[];
  readonly #addresses = new Map<Ip4, { readonly opened: Opened; users: number }>();
  /** What was closed and still has something under way. */
  readonly #retiring = new Set<Opened>();
  #looking: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** The next look is to come at once. */
  #isDue = false;

  constructor(parts: LinkSupervisorParts) {
    this.#parts = parts;
    this.#links = parts.links.map((wanted) => ({ wanted, served: null, trouble: null }));
  }

  /**
   * Opens each link that can be served now.
   *
   * @throws BindError when something cannot be had; what was opened by then is for `close`
   */
  async open(): Promise<void> {
    const interfaces = this.#parts.interfaces();
    const openings = this.#links.flatMap((link): Opening[] => {
      const change = linkChange(link.wanted, null, interfaces);
      return change?.kind === "open" ? [{ link, to: change.to }] : [];
    });
    for (const { to } of openings) await this.#acquire(to.link);
    // Side by side: in mode full each takes some seconds to look for other servers.
    const opened = openings.map((opening) => this.#open(opening));
    this.#looking = Promise.allSettled(opened);
    await Promise.all(opened);
  }

  /** All that is open, addresses first. */
  sockets(): readonly string[] {
    return this.#opened().flatMap(({ sockets }) => sockets);
  }

  /** Says which links are not served, and follows all of them from now on. */
  follow(): void {
    if (this.#closed) return;
    this.#timer = null;
    this.#isDue = false;
    this.#looking = this.#look().finally(() => {
      // One look after the other, however long an attempt takes.
      if (this.#closed) return;
      const waitMs = this.#isDue ? 0 : this.#parts.lookEveryMs;
      this.#timer = setTimeout(() => this.follow(), waitMs);
    });
  }

  /** Looks at once, or after the look that is under way: something has changed that links depend on. */
  lookNow(): void {
    this.#isDue = true;
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.follow();
  }

  /** Whether any link is served, and of each one that is not what is missing. */
  state(): { readonly anyServed: boolean; readonly problems: readonly string[] } {
    return {
      anyServed: this.#links.some(({ served }) => served !== null),
      problems: this.#links
        .filter(({ served }) => served === null)
        .map(({ trouble, wanted }) => trouble ?? `${wanted.interface} was not looked at yet`),
    };
  }

  /** Every configured link, served or not and why. */
  links(): readonly SiteLink[] {
    return this.#links.map(({ wanted, served, trouble }) => ({
      interface: wanted.interface,
      address: served?.link.address ?? wanted.address,
      mode: wanted.mode,
      served: served !== null,
      reason: served === null ? (trouble ?? "it was not looked at yet") : null,
    }));
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
    const all = [...this.#opened(), ...this.#retiring];
    await Promise.all(all.map((opened) => opened.close(graceMs)));
  }

  #opened(): readonly Opened[] {
    const addresses = [...this.#addresses.values()].map(({ opened }) => opened);
    const links = this.#links.flatMap(({ served }) => (served === null ? [] : [served.opened]));
    return [...addresses, ...links];
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const interfaces = this.#interfacesNow();
    if (interfaces === null) return;
    const openings: Opening[] = [];
    const left: Ip4[] = [];
    for (const link of this.#links) {
      const change = this.#closed ? null : linkChange(link.wanted, link.served, interfaces);
      if (change === null) continue;
      if (change.kind !== "open" && change.reason !== null) this.#troubled(link, change.reason);
      if (link.served !== null) left.push(link.served.link.address);
      if (await this.#tried(link, () => this.#shut(link))) {
        if ("to" in change) openings.push({ link, to: change.to });
      }
    }
    const ready: Opening[] = [];
    for (const opening of openings) {
      const { link } = opening.to;
      if (this.#closed) break;
      if (await this.#tried(opening.link, () => this.#acquire(link))) ready.push(opening);
    }
    await Promise.all(
      ready.map(async (opening) => {
        const { link } = opening;
        if (await this.#tried(link, () => this.#open(opening))) this.#announce(link);
      }),
    );
    // Last: TFTP and HTTP go on without a break where an address stays, or goes to another link.
    for (const address of left) this.#release(address);
    this.#retireUnused();
  }

  /** Whether it could be done; what could not is reported, and tried again at the next look. */
  async #tried(link: KeptLink, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!this.#closed) this.#troubled(link, messageOf(error));
      return false;
    }
  }

  /** Null when they cannot be read, for lack of memory or descriptors: the next look may succeed. */
  #interfacesNow(): readonly NetworkInterface[] | null {
    try {
      return this.#parts.interfaces();
    } catch {
      return null;
    }
  }

  /** Opens what is the link's own, and releases its address where that fails. */
  async #open({ link, to }: Opening): Promise<void> {
    try {
      link.served = { ...to, opened: await this.#parts.openLink(to.link) };
    } catch (error) {
      this.#release(to.link.address);
      throw error;
    }
  }

  /** Closes what is the link's own; its address is left to be released. */
  async #shut(link: KeptLink): Promise<void> {
    const { served } = link;
    link.served = null;
    await served?.opened.close(0);
  }

  async #acquire(link: ServedLink): Promise<void> {
    const shared = this.#addresses.get(link.address);
    if (shared !== undefined) shared.users += 1;
    else {
      const opened = await this.#parts.openAddress(link);
      this.#addresses.set(link.address, { opened, users: 1 });
    }
  }

  #release(address: Ip4): void {
    const shared = this.#addresses.get(address);
    if (shared !== undefined) shared.users -= 1;
  }

  #retireUnused(): void {
    for (const [address, { opened, users }] of this.#addresses) {
      if (users > 0) continue;
      this.#addresses.delete(address);
      this.#retiring.add(opened);
      const retired = (): unknown => this.#retiring.delete(opened);
      opened.close(retireMs).then(retired, retired);
    }
  }

  #announce(link: KeptLink): void {
    const { served, wanted } = link;
    if (served === null) return;
    link.trouble = null;
    const { interface: name, mode } = wanted;
    const { address } = served.link;
    const shared = this.#addresses.get(address)?.opened.sockets ?? [];
    const sockets = [...shared, ...served.opened.sockets];
    this.#parts.emit({ event: "link-up", interface: name, address, mode, sockets });
  }

  /** Reports why a link is not served, at each look. */
  #troubled(link: KeptLink, reason: string): void {
    link.trouble = reason;
    const { interface: name, address } = link.wanted;
    const served = link.served?.link.address ?? null;
    this.#parts.emit({
      event: "link-down",
      interface: name,
      address: served ?? address,
      reason,
    });
  }
}
