import type { BootReply } from "../../api/boots.ts";
import type { NodeReply } from "../../api/nodes.ts";
import type { SiteReply } from "../../api/site.ts";
import { api, Refused } from "./api.ts";
import { follow, type LiveEvent } from "./live.ts";
import type { Machine } from "./machine.ts";

/*
 * Everything that several parts of the page show. Events only say what is out of date; what is shown is
 * always what the server answers. However many events come, the page asks at most every half second.
 */

export interface Shown {
  readonly machines: ReadonlyMap<string, Machine>;
  readonly site: SiteReply | null;
  readonly live: "opening" | "open" | "lost";
  /** The lists were read once. */
  readonly loaded: boolean;
  /** The token was changed: sign in again. */
  readonly signedOut: boolean;
}

const tickMs = 500;
/** A download moves without events. */
const downloadMs = 2000;
const siteMs = 5000;
/** So many machines are asked for one by one; more of them by the list. */
const oneByOne = 8;
const pageSize = 500;
const mostPages = 8;

const siteEvents =
  /^(sync-|link-|ready|not-ready|other-dhcp|competing|origin|generation|certificate|disk|reload)/;

export class Store {
  #shown: Shown = {
    machines: new Map(),
    site: null,
    live: "opening",
    loaded: false,
    signedOut: false,
  };
  readonly #boots = new Map<string, BootReply>();
  readonly #nodes = new Map<string, NodeReply>();
  readonly #listeners = new Set<() => void>();
  readonly #dirty = new Set<string>();
  #siteIsOld = true;
  #isOld = true;
  #working = false;
  #lastDownloadsMs = 0;
  #lastSiteMs = 0;
  #stops: (() => void)[] = [];

  get shown(): Shown {
    return this.#shown;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    const timer = setInterval(() => void this.#tick(), tickMs);
    this.#stops = [
      () => clearInterval(timer),
      follow({
        event: (event) => this.#hear(event),
        reset: () => {
          this.#isOld = true;
          this.#siteIsOld = true;
          void this.#tick();
        },
        state: (live) => this.#show({ live }),
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Asks for this machine again, now. */
  async refresh(mac: string): Promise<void> {
    await this.#askFor([mac]);
    this.#showMachines();
  }

  refreshSite(): void {
    this.#siteIsOld = true;
    this.#lastSiteMs = 0;
    void this.#tick();
  }

  #hear(event: LiveEvent): void {
    if (typeof event.mac === "string") this.#dirty.add(event.mac);
    if (siteEvents.test(event.event)) this.#siteIsOld = true;
    if (event.event === "reloaded") this.#isOld = true;
  }

  async #tick(): Promise<void> {
    if (this.#working || document.hidden) return;
    this.#working = true;
    try {
      const nowMs = performance.now();
      if (this.#siteIsOld || nowMs - this.#lastSiteMs > 6 * siteMs) {
        if (nowMs - this.#lastSiteMs > tickMs) await this.#askForSite(nowMs);
      }
      if (this.#isOld) await this.#askForAll();
      if (nowMs - this.#lastDownloadsMs > downloadMs) {
        this.#lastDownloadsMs = nowMs;
        for (const [mac, { status }] of this.#boots) if (status === "booting") this.#dirty.add(mac);
      }
      if (this.#dirty.size > 0) await this.#askForDirty();
    } catch (thrown) {
      if (thrown instanceof Refused && thrown.status === 401) this.#show({ signedOut: true });
    } finally {
      this.#working = false;
    }
  }

  async #askForSite(nowMs: number): Promise<void> {
    this.#siteIsOld = false;
    this.#lastSiteMs = nowMs;
    this.#show({ site: await api.site() });
  }

  async #askForAll(): Promise<void> {
    this.#isOld = false;
    this.#dirty.clear();
    const boots = new Map<string, BootReply>();
    let cursor: string | null = null;
    for (let page = 0; page < mostPages; page += 1) {
      const query: Record<string, string> = { limit: String(pageSize) };
      if (cursor !== null) query["cursor"] = cursor;
      const reply: Awaited<ReturnType<typeof api.boots>> = await api.boots(query);
      for (const boot of reply.boots) {
        const key = boot.mac ?? boot.id;
        if (!boots.has(key)) boots.set(key, boot);
      }
      if (page === 0 && !this.#shown.loaded) this.#replaceBoots(boots);
      cursor = reply.next;
      if (cursor === null) break;
    }
    this.#replaceBoots(boots);
    this.#nodes.clear();
    for (let next: string | null = null, page = 0; page < mostPages; page += 1) {
      const reply: Awaited<ReturnType<typeof api.nodes>> = await api.nodes(next);
      for (const node of reply.nodes) this.#nodes.set(node.mac, node);
      next = reply.next;
      if (next === null) break;
    }
    this.#showMachines();
  }

  #replaceBoots(boots: ReadonlyMap<string, BootReply>): void {
    this.#boots.clear();
    for (const [key, boot] of boots) this.#boots.set(key, boot);
    this.#showMachines();
  }

  async #askForDirty(): Promise<void> {
    const dirty = [...this.#dirty];
    if (dirty.length > oneByOne) {
      const { boots } = await api.boots({ limit: String(pageSize) });
      const seen = new Set<string>();
      for (const boot of boots) {
        const key = boot.mac ?? boot.id;
        if (seen.has(key)) continue;
        seen.add(key);
        this.#boots.set(key, boot);
        this.#dirty.delete(key);
      }
    }
    const rest = [...this.#dirty].slice(0, oneByOne);
    for (const mac of rest) this.#dirty.delete(mac);
    await this.#askFor(rest);
    this.#showMachines();
  }

  async #askFor(macs: readonly string[]): Promise<void> {
    await Promise.all(
      macs.map(async (mac) => {
        const [{ boots }, node] = await Promise.all([
          api.boots({ mac, limit: "1" }),
          api.node(mac).catch(() => null),
        ]);
        const [boot] = boots;
        if (boot !== undefined) this.#boots.set(mac, boot);
        if (node !== null) this.#nodes.set(mac, node);
      }),
    );
  }

  /** Machines that did not change stay the same objects, so that their rows are not drawn again. */
  #showMachines(): void {
    const former = this.#shown.machines;
    const machines = new Map<string, Machine>();
    for (const key of new Set([...this.#boots.keys(), ...this.#nodes.keys()])) {
      const boot = this.#boots.get(key) ?? null;
      const node = this.#nodes.get(key) ?? null;
      const same = former.get(key);
      const isSame = same !== undefined && same.boot === boot && same.node === node;
      machines.set(key, isSame ? same : { key, boot, node });
    }
    this.#show({ machines, loaded: true });
  }

  #show(change: Partial<Shown>): void {
    this.#shown = { ...this.#shown, ...change };
    for (const listener of this.#listeners) listener();
  }
}
