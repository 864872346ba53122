import type { FastifyInstance } from "fastify";
import type { LeaseReply } from "../../src/api/leases.ts";
import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import type { NodeEntry } from "../../src/boot/node.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { type AdminApp, type AdminAppOptions, createAdminApp } from "../../src/http/admin/app.ts";
import type { Moment } from "../../src/lib/clock.ts";
import { denialOf } from "../../src/boot/policy.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { NodeRegister } from "../../src/nodes/node-register.ts";
import { SyncError } from "../../src/lib/errors.ts";
import { BootSessions } from "../../src/timeline/boots.ts";

export const startedAtMs = Date.parse("2026-03-06T10:00:00Z");

const manifest = {
  version: 1,
  origin: "https://orchestrator.example/tink-stack",
  createdAt: "2026-03-06T09:00:00Z",
  files: [],
} as const;

export const lease: LeaseReply = {
  mac: "52:54:00:12:34:56",
  address: "192.168.77.100",
  network: "192.168.77.0/24",
  state: "bound",
  expiresAtMs: startedAtMs + 3_600_000,
  startedAtMs,
  hostname: null,
  clientId: null,
};

/** A moment on a clock whose two scales agree. */
export function at(ms: number): Moment {
  return { nowMs: ms, wallMs: ms };
}

/** What the admin port works with, made up; `app` opens the port over it. */
export class AdminSite {
  readonly sessions = new BootSessions();
  readonly offerStyles = new OfferStyleTable();
  readonly entries: NodeEntry[] = [];
  readonly listeners = new Set<(event: PxeEvent) => void>();
  nowMs = startedAtMs;
  /** Whom a magic packet was sent to, and by whose word. */
  readonly woken: { readonly mac: string; readonly by: string }[] = [];
  /** What was changed, and by whose word. */
  readonly changes: { readonly by: string; readonly request: string }[] = [];
  /** The links that are served. */
  served: readonly string[] = ["eth1"];
  pinned: string | null = null;
  pinnedBy: string | null = null;
  unknownNodes: "allow" | "deny" = "allow";
  /** Why decisions cannot be written. */
  unkept: string | null = null;
  readonly register = new NodeRegister(createInventory([]));
  readonly #apps: FastifyInstance[] = [];

  app(given: Partial<AdminAppOptions> = {}): AdminApp {
    const app = createAdminApp({ ...this.options, ...given });
    this.#apps.push(app);
    return app;
  }

  emit(event: PxeEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  async close(): Promise<void> {
    await Promise.all(this.#apps.splice(0).map((app) => app.close()));
  }

  /** With the entries as they are now. */
  #register(): NodeRegister {
    this.register.use(createInventory(this.entries));
    return this.register;
  }

  /** What the port is opened with, where a test gives nothing of its own. */
  get options(): AdminAppOptions {
    return {
      version: "1.2.3",
      configFile: null,
      dashboardFolder: null,
      secure: false,
      instance: "this one",
      sessions: this.sessions,
      clock: { now: () => this.nowMs, wall: () => this.nowMs },
      readiness: () => ({ ready: true, reasons: [], unserved: ["no eth2"] }),
      otherServerText: (kind) => `settings for ${kind}`,
      site: () =>
        Promise.resolve({
          links: [],
          leader: null,
          otherServers: [],
          origin: null,
          generation: { id: "g2", createdAt: manifest.createdAt },
          disk: null,
        }),
      metrics: {
        contentType: "text/plain; version=0.0.4; charset=utf-8",
        metrics: () => Promise.resolve("eim_pxe_ready 1\n"),
      },
      generations: {
        current: () => ({ id: "g2" }),
        list: () => [
          { id: "g2", manifest },
          { id: "g1", manifest },
        ],
      },
      artifacts: {
        pinned: () => this.pinned,
        pin: (generation, by) => {
          if (generation === "g9")
            return Promise.reject(new SyncError("there is no generation g9"));
          this.pinned = generation;
          this.pinnedBy = by;
          return Promise.resolve();
        },
        loaders: () => Promise.resolve([]),
        assets: () => Promise.resolve(null),
        verify: () => Promise.resolve(new Map([["g1", "a is missing"]])),
        adopt: (name) => Promise.resolve(`adopted ${name}`),
      },
      sync: () => Promise.resolve({ generation: "g3", changed: true, fetched: [], durationMs: 1 }),
      nodes: {
        macsAfter: (text) => this.#register().macsAfter(text),
        find: (machine) => this.#register().find(machine),
        hasEntry: (machine) => this.#register().entryOf(machine) !== null,
        denialOf: (entry) => {
          const policy = { loaders: new Map(), userClasses: [], unknownNodes: this.unknownNodes };
          return denialOf(entry, policy);
        },
        wordFor: (machine) => this.#register().wordFor(machine),
        waiting: () => [],
        waitingSince: () => null,
        localBootOf: () => null,
        unknown: this.unknownNodes,
        decisions: () =>
          this.#register().overrides.map(({ match, ...of }) => ({ ...match, ...of })),
        decide: (match, { netboot, name, address }, by) => {
          const change = {
            ...(netboot === undefined ? {} : { netboot }),
            ...(name === undefined ? {} : { name }),
            ...(address === undefined ? {} : { address }),
          };
          const who = { by, at: new Date(this.nowMs).toISOString() };
          this.register.decide(match, change, who);
          const nothing = { match, netboot: null, name: null, address: null, ...who };
          const { match: _, ...of } = this.register.decisionOn(match) ?? nothing;
          return Promise.resolve({ decision: { ...match, ...of }, unkept: this.unkept });
        },
        offerStyles: () => this.offerStyles.proven(),
        offerStyleOf: (machine) => this.offerStyles.provenOf(machine),
        forgetOfferStyle: (machine) => void this.offerStyles.forget(machine),
      },
      changed: (what) => void this.changes.push(what),
      wake: (mac, by) => {
        this.woken.push({ mac, by });
        const sent = this.served.map((name) => ({
          interface: name,
          address: "192.168.77.1",
          to: "255.255.255.255",
        }));
        return Promise.resolve({ mac, isKnown: true, sent, failed: [] });
      },
      leases: {
        at: (address) => (address === lease.address ? lease : null),
        page: (after) => inOneStep(after === null ? [lease] : []),
        pools: () => inOneStep([]),
        release: (address) => Promise.resolve(address === lease.address ? lease : null),
        import: (leases) => Promise.resolve({ imported: leases.length, skipped: [] }),
      },
      captures: { packetsOf: () => [], fileOf: () => Promise.resolve(new Uint8Array()) },
      subscribe: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
      allowedHosts: [],
      isOwnAddress: (address) => address === "127.0.0.1",
      token: null,
      readToken: null,
    };
  }
}

/** What a look through many comes to. */
export function* inOneStep<Result>(result: Result): Generator<void, Result> {
  yield;
  return result;
}
