import { setTimeout as sleep } from "node:timers/promises";
import type { Emit } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { ClusterError } from "../kubernetes/cluster-request.ts";
import { Election } from "./election.ts";
import type { LeaderJournal } from "./leader-journal.ts";
import { LeaseClient, type LeaseAccess } from "./lease-client.ts";
import { journalOf, type LeaseObject } from "./lease-object.ts";

export interface LeadershipParts {
  /** Its namespace is the Lease object's. */
  readonly access: LeaseAccess;
  /** The Lease object's name. */
  readonly name: string;
  readonly leaseSeconds: number;
  /** For people, such as the pod's name; `instance` tells this run of it from every other. */
  readonly replica: string;
  readonly instance: string;
  readonly journal: LeaderJournal;
  /** For how long leases that another replica granted may still be renewed for the first time: T2 of the longest. */
  readonly rebindSeconds: () => number;
  readonly emit: Emit;
  readonly clock: Clock;
  /** How often the object is looked at; default: 2 s, or less for a short lease. */
  readonly lookEveryMs?: number;
}

export interface LeadershipState {
  /** `namespace/name` of the Lease object. */
  readonly lease: string;
  readonly leading: boolean;
  /** The replica that leads, as far as is known; null: none. */
  readonly leader: string | null;
  /** While it leads: seconds for which leases of a former leader may be missing here; 0: none are. */
  readonly recoveringSeconds: number;
}

/** A replica whose journal cannot be opened leaves it to others for so long. */
const UNFIT_MS = 30_000;

/**
 * One of several replicas answers DHCP in mode full: the one that holds a Lease object. It opens the journal when it
 * takes over, and acts only as long as no other one can have taken over.
 */
export class Leadership {
  readonly #parts: LeadershipParts;
  readonly #election: Election;
  readonly #stopping = new AbortController();
  readonly #client: LeaseClient;
  readonly #lookEveryMs: number;
  #changed: () => void = () => {};
  #running: Promise<void> | null = null;
  #deadline: NodeJS.Timeout | undefined;
  /** The name of our journal while it is open. */
  #journal: string | null = null;
  /** Until then our journal may lack leases of a former leader. */
  #recoversUntilMs = -Infinity;
  #isActive = false;
  #isUnfitUntilMs = -Infinity;
  #losing: Promise<void> = Promise.resolve();
  /** The object may name this replica. */
  #mayHold = false;
  #reportedLeader: string | null = null;
  /** Why the object could not be asked for or written; null: it could. */
  #failure: string | null = "the API server was not asked yet";

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
    const { access, name, leaseSeconds, replica, instance } = parts;
    const identity = `${replica}_${instance}`;
    this.#election = new Election({ name, leaseSeconds, identity });
    this.#client = new LeaseClient({ access, name, identity, leaseSeconds });
    this.#lookEveryMs = parts.lookEveryMs ?? Math.min(2000, (leaseSeconds * 1000) / 7.5);
  }

  /** Whether this replica may answer now. Asked before each answer: it may have been stopped for a while. */
  isLeading(): boolean {
    return this.#isActive && this.#election.isLeading(this.#parts.clock.now());
  }

  /** Whether machines may have leases of a former leader that are missing here. */
  mayLackLeases(): boolean {
    return this.#parts.clock.now() < this.#recoversUntilMs;
  }

  state(): LeadershipState {
    const { access, name, clock } = this.#parts;
    const leading = this.isLeading();
    const left = Math.ceil((this.#recoversUntilMs - clock.now()) / 1000);
    return {
      lease: `${access.namespace}/${name}`,
      leading,
      leader: this.#leader(),
      recoveringSeconds: leading ? Math.max(0, left) : 0,
    };
  }

  /** Why no machine gets an address from any replica, as far as this one knows; null: there is a leader. */
  problem(): string | null {
    if (this.isLeading() || this.#leader() !== null) return null;
    const { lease } = this.state();
    return this.#failure === null
      ? `no replica answers DHCP yet: the Lease ${lease} is about to be taken over, which takes some seconds`
      : `no replica is known to answer DHCP: the Lease ${lease} cannot be asked for or written (${this.#failure})`;
  }

  /** Begins to compete. `changed` is called whenever it begins or ceases to lead. */
  start(changed: () => void): void {
    this.#changed = changed;
    this.#running ??= this.#compete();
  }

  /** Answers nothing more, writes what is under way to the journal, and lets another replica take over at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    clearTimeout(this.#deadline);
    this.#isActive = false;
    await this.#losing;
    await this.#closeJournal();
    if (this.#mayHold) await this.#client.release(this.#parts.clock.wall());
  }

  /** Never rejects. */
  async #compete(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const again = await this.#round();
      if (again) continue;
      const waitMs = this.#lookEveryMs * (1 + Math.random() / 5);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Reads the object, and writes it where that is this replica's to do. Whether to go on at once. Never rejects. */
  async #round(): Promise<boolean> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    await this.#losing;
    if (clock.now() < this.#isUnfitUntilMs) return false;
    try {
      const read = await this.#client.read(signal);
      const journal = this.#journalToName(read);
      const at = { journal, wallMs: clock.wall() };
      const write = this.#election.next(read, clock.now(), at);
      if (write === null) this.#mayHold = false;
      if (this.#isActive && write === null) this.#lose("another replica holds the Lease");
      if (write !== null) {
        this.#mayHold = true;
        const sentAtMs = clock.now();
        await this.#client.write(write, signal);
        this.#election.written(sentAtMs);
        this.#watchDeadline();
      }
      this.#failure = null;
      this.#reportLeader();
      return write !== null && !this.#isActive && (await this.#takeOver(read, journal));
    } catch (error) {
      if (signal.aborted) return false;
      // Another replica was faster: the next look shows it.
      if (error instanceof ClusterError && error.status === 409) return false;
      this.#failure = messageOf(error);
      const { lease } = this.state();
      const { server: source } = this.#parts.access;
      this.#parts.emit({ event: "leader-unknown", lease, source, reason: this.#failure });
      this.#judgeDeadline();
      return false;
    }
  }

  /**
   * The object is ours. First the journal is opened, and the object says whether it has all leases; only then machines
   * are answered: whoever takes over from us would else rely on a journal that lacks what we grant.
   */
  async #takeOver(read: LeaseObject | null, named: string | null): Promise<boolean> {
    const { journal, clock, emit, rebindSeconds } = this.#parts;
    // The deadline may have passed meanwhile.
    await this.#losing;
    if (this.#journal === null) {
      try {
        this.#journal = await journal.open();
      } catch (error) {
        this.#election.giveUp();
        this.#isUnfitUntilMs = clock.now() + UNFIT_MS;
        emit({ event: "leader-unfit", lease: this.state().lease, reason: messageOf(error) });
        await this.#client.release(this.#parts.clock.wall());
        return false;
      }
      const isComplete = read !== null && journalOf(read) === this.#journal;
      this.#recoversUntilMs = isComplete ? -Infinity : clock.now() + rebindSeconds() * 1000;
      return true;
    }
    if (named !== (this.mayLackLeases() ? null : this.#journal)) return true;
    if (!this.#election.isLeading(clock.now())) return false;
    this.#isActive = true;
    const { lease, recoveringSeconds } = this.state();
    emit({ event: "leader-acquired", lease, replica: this.#parts.replica, recoveringSeconds });
    this.#changed();
    return false;
  }

  /** What the object is to say of the journal: nothing changes before ours is open. */
  #journalToName(read: LeaseObject | null): string | null {
    if (this.#journal === null) return read === null ? null : journalOf(read);
    return this.mayLackLeases() ? null : this.#journal;
  }

  #watchDeadline(): void {
    const { clock } = this.#parts;
    clearTimeout(this.#deadline);
    const untilMs = this.#election.actsUntilMs ?? clock.now();
    const waitMs = Math.max(1, Math.ceil(untilMs - clock.now()));
    this.#deadline = setTimeout(() => {
      if (this.#election.isLeading(clock.now())) this.#watchDeadline();
      else this.#judgeDeadline();
    }, waitMs);
  }

  /** It leads no longer when it could not renew in time. */
  #judgeDeadline(): void {
    if (!this.#isActive || this.#election.isLeading(this.#parts.clock.now())) return;
    this.#lose(`the Lease could not be renewed in time: ${this.#failure ?? "no answer"}`);
  }

  #lose(reason: string): void {
    this.#isActive = false;
    this.#election.giveUp();
    const { lease } = this.state();
    this.#parts.emit({ event: "leader-lost", lease, replica: this.#parts.replica, reason });
    this.#reportedLeader = null;
    this.#changed();
    this.#losing = this.#closeJournal();
  }

  /** Never rejects. */
  async #closeJournal(): Promise<void> {
    this.#journal = null;
    await this.#parts.journal.close().catch(() => {});
  }

  #leader(): string | null {
    if (this.isLeading()) return this.#parts.replica;
    const holder = this.#election.holder(this.#parts.clock.now());
    return holder === null ? null : replicaOf(holder);
  }

  #reportLeader(): void {
    const holder = this.#election.holder(this.#parts.clock.now());
    const isOther = holder !== null && !holder.endsWith(`_${this.#parts.instance}`);
    if (!isOther || holder === this.#reportedLeader) return;
    this.#reportedLeader = holder;
    const { lease } = this.state();
    this.#parts.emit({ event: "leader-elsewhere", lease, leader: replicaOf(holder) });
  }
}

/** Without what tells one run of it from another. */
function replicaOf(identity: string): string {
  return identity.replace(/_[0-9a-f-]{36}$/, "");
}
