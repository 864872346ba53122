import type { BootReply } from "../../api/boots.ts";
import type { NodeReply } from "../../api/nodes.ts";
import type { SiteReply } from "../../api/site.ts";
import { api, Refused } from "./api.ts";
import { keepChanged, turn } from "./kept.ts";
import { follow, type LiveEvent } from "./live.ts";
import { isMac, type Machine } from "./machine.ts";

/*
 * Everything that several parts of the page show. Events only say what is out of date; what is shown is
 * always what the server answers. However many events come, the page asks at most every half second.
 */

export interface Shown {
  readonly machines: ReadonlyMap<string, Machine>;
  readonly site: SiteReply | null;
  readonly live: "opening" | "open" | "lost";
  /** The server did not answer when it was last asked about the site: `site` is what it said before. */
  readonly away: boolean;
  /** The lists were read once. */
  readonly loaded: boolean;
  /** The token was changed: sign in again. */
  readonly signedOut: boolean;
}

const tickMs = 500;
/** A download moves without events. */
const downloadMs = 2000;
const siteMs = 30_000;
/** The same while the mirror fetches. */
const fetchMs = 1000;
/** Everything is read again so often: what no event tells, such as a boot that is no longer kept. */
const everythingMs = 300_000;
/** As many machines as one request can name. */
const atOnce = 100;
/** The first answer has what a screen shows, and is there at once. */
const firstPage = 40;
/** A page of them is read and compared within a few milliseconds. */
const pageSize = 200;
/** Ten thousand machines, as many as boots are kept (`timeline.keepBoots`). */
const mostPages = 50;
/** After a failed request nothing is asked for so long. */
const pauseMs = 2000;
/** Of more machines than the list can have it is not kept which ones changed. */
const mostMachines = pageSize * mostPages;

const siteEvents =
  /^(sync-|link-|ready|not-ready|other-dhcp|competing|origin|generation|certificate|disk|reload)/;

export class Store {
  #shown: Shown = {
    machines: new Map(),
    site: null,
    live: "opening",
    away: false,
    loaded: false,
    signedOut: false,
  };
  readonly #boots = new Map<string, BootReply>();
  readonly #nodes = new Map<string, NodeReply>();
  readonly #listeners = new Set<() => void>();
  readonly #seconds = new Set<() => void>();
  readonly #dirty = new Set<string>();
  #siteIsOld = true;
  #isOld = true;
  /** Something happened to a boot of which only the address is known. */
  #newestIsOld = false;
  #working = false;
  #lastDownloadsMs = 0;
  #lastSiteMs = -Infinity;
  #lastEverythingMs = 0;
  #notBeforeMs = 0;
  /** Machines that are in sight: they are asked for first. */
  #inSight: ReadonlySet<string> = new Set();
  /** What has to be added to this computer's clock to have the server's. */
  #clockOffsetMs = 0;
  #stops: (() => void)[] = [];

  get shown(): Shown {
    return this.#shown;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls each second until the returned function is called; all who wait are called together, and drawn at once. */
  everySecond(listener: () => void): () => void {
    this.#seconds.add(listener);
    return () => this.#seconds.delete(listener);
  }

  /** The present moment by the server's clock, by which all times are that the page shows. */
  nowMs(): number {
    return Date.now() + this.#clockOffsetMs;
  }

  /** Says which machines are in sight. */
  look(keys: readonly string[]): void {
    this.#inSight = new Set(keys);
  }

  start(): void {
    void this.#askForFirst();
    const timer = setInterval(() => void this.#tick(), tickMs);
    const seconds = setInterval(() => {
      for (const listener of this.#seconds) listener();
    }, 1000);
    this.#stops = [
      () => clearInterval(timer),
      () => clearInterval(seconds),
      follow({
        event: (event) => this.#hear(event),
        reset: () => {
          this.#isOld = true;
          this.#siteIsOld = true;
          void this.#tick();
        },
        state: (live) => {
          // Whether the server is still there is asked now, not in half a minute.
          if (live === "lost") this.#siteIsOld = true;
          this.#show({ live });
        },
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Asks for this machine again, now. */
  async refresh(mac: string): Promise<void> {
    await this.#askFor([mac]);
  }

  refreshSite(): void {
    this.#siteIsOld = true;
    void this.#tick();
  }

  #hear(event: LiveEvent): void {
    if (typeof event.mac === "string" && isMac(event.mac)) this.#dirty.add(event.mac);
    else if (typeof event["address"] === "string") this.#newestIsOld = true;
    if (siteEvents.test(event.event)) this.#siteIsOld = true;
    if (event.event === "reloaded" || this.#dirty.size > mostMachines) this.#isOld = true;
  }

  async #tick(): Promise<void> {
    const nowMs = performance.now();
    if (this.#working || document.hidden || nowMs < this.#notBeforeMs) return;
    this.#working = true;
    try {
      const isFetching = this.#shown.site?.origin?.state === "asking";
      const isSiteWanted =
        this.#siteIsOld || nowMs - this.#lastSiteMs > (isFetching ? fetchMs : siteMs);
      const isEverythingWanted = this.#isOld || nowMs - this.#lastEverythingMs > everythingMs;
      await Promise.all([
        isSiteWanted && nowMs - this.#lastSiteMs >= tickMs ? this.#askForSite(nowMs) : null,
        isEverythingWanted ? this.#askForAll(nowMs) : this.#askForChanged(nowMs),
      ]);
    } catch (thrown) {
      if (thrown instanceof Refused && thrown.status === 401) this.#show({ signedOut: true });
      // It is not known what was missed.
      this.#isOld = true;
      this.#siteIsOld = true;
      this.#notBeforeMs = nowMs + pauseMs;
    } finally {
      this.#working = false;
    }
  }

  /** What a screen shows, before the stream is open. Everything is read when it is, so that nothing is missed. */
  async #askForFirst(): Promise<void> {
    const first = { latest: "true", limit: String(firstPage) };
    const reply = await api.boots(first).catch(() => null);
    if (reply !== null && reply.boots.length > 0 && !this.#shown.loaded)
      await this.#keep(reply.boots, []);
  }

  async #askForSite(nowMs: number): Promise<void> {
    this.#siteIsOld = false;
    this.#lastSiteMs = nowMs;
    try {
      const site = await api.site();
      this.#clockOffsetMs = Date.parse(site.now) - Date.now();
      this.#show({ site, away: false });
    } catch (thrown) {
      // What a proxy before it answers has such a status, too.
      if (!(thrown instanceof Refused) || thrown.status >= 500) this.#show({ away: true });
      throw thrown;
    }
  }

  async #askForAll(nowMs: number): Promise<void> {
    this.#isOld = false;
    this.#lastEverythingMs = nowMs;
    this.#dirty.clear();
    const boots = new Set<string>();
    for (let next: string | null = null, page = 0; page < mostPages; page += 1) {
      const reply: Awaited<ReturnType<typeof api.boots>> = await api.boots({
        latest: "true",
        limit: String(pageSize),
        ...(next === null ? {} : { cursor: next }),
      });
      await keepChanged(this.#boots, reply.boots, keyOf);
      for (const boot of reply.boots) boots.add(keyOf(boot));
      next = reply.next;
      if (next === null) break;
    }
    const nodes = new Set<string>();
    for (let next: string | null = null, page = 0; page < mostPages; page += 1) {
      const reply: Awaited<ReturnType<typeof api.nodes>> = await api.nodes(next);
      await keepChanged(this.#nodes, reply.nodes, macOf);
      for (const node of reply.nodes) nodes.add(node.mac);
      next = reply.next;
      if (next === null) break;
    }
    // Of who did something meanwhile the pages may lack the newest boot; it is asked for next.
    const isGone = (key: string, found: ReadonlySet<string>) =>
      !found.has(key) && !this.#dirty.has(key);
    for (const key of this.#boots.keys()) if (isGone(key, boots)) this.#boots.delete(key);
    for (const key of this.#nodes.keys()) if (isGone(key, nodes)) this.#nodes.delete(key);
    await this.#keep([], []);
  }

  async #askForChanged(nowMs: number): Promise<void> {
    const inSight = [...this.#inSight].filter(isMac);
    if (nowMs - this.#lastDownloadsMs > downloadMs) {
      this.#lastDownloadsMs = nowMs;
      for (const key of inSight) {
        if (this.#boots.get(key)?.status === "booting") this.#dirty.add(key);
      }
    }
    if (this.#newestIsOld) {
      this.#newestIsOld = false;
      const { boots } = await api.boots({ latest: "true", limit: String(firstPage) });
      await this.#keep(boots, []);
    }
    if (this.#dirty.size === 0) return;
    const first = inSight.filter((key) => this.#dirty.has(key));
    const macs = [...new Set([...first, ...this.#dirty])].slice(0, atOnce);
    for (const mac of macs) this.#dirty.delete(mac);
    await this.#askFor(macs);
  }

  async #askFor(macs: readonly string[]): Promise<void> {
    const [{ boots }, { nodes }] = await Promise.all([
      api.boots({ mac: macs.join(","), latest: "true", limit: String(atOnce) }),
      api.nodesOf(macs),
    ]);
    await this.#keep(boots, nodes);
  }

  /** What did not change stays the same object, so that its row is not drawn again. */
  async #keep(boots: readonly BootReply[], nodes: readonly NodeReply[]): Promise<void> {
    await keepChanged(this.#boots, boots, keyOf);
    await keepChanged(this.#nodes, nodes, macOf);
    // An answer was read and compared: what changed is drawn in a task of its own.
    await turn();
    const former = this.#shown.machines;
    let isSame = this.#shown.loaded;
    const machines = new Map<string, Machine>();
    for (const key of new Set([...this.#boots.keys(), ...this.#nodes.keys()])) {
      const boot = this.#boots.get(key) ?? null;
      const node = this.#nodes.get(key) ?? null;
      const before = former.get(key);
      const isKept = before !== undefined && before.boot === boot && before.node === node;
      machines.set(key, isKept ? before : { key, boot, node });
      isSame &&= isKept;
    }
    if (!isSame || machines.size !== former.size) this.#show({ machines, loaded: true });
  }

  #show(change: Partial<Shown>): void {
    this.#shown = { ...this.#shown, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** A boot of which no hardware address is known stands for itself. */
function keyOf({ mac, id }: BootReply): string {
  return mac ?? id;
}

function macOf({ mac }: NodeReply): string {
  return mac;
}
