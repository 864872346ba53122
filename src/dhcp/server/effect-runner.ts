import type { OfferStyleTable } from "../../boot/offer-style.ts";
import type { Clock } from "../../lib/clock.ts";
import { InternalError, messageOf } from "../../lib/errors.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Emit } from "../../events/types.ts";
import type { Effect } from "../handlers/effects.ts";
import { type LeaseStore, LeaseTakenError } from "../leases/lease-store.ts";
import { isQuarantine, type Lease, type LeaseTable } from "../leases/lease-table.ts";
import type { Link } from "../link.ts";
import type { Offer, OfferTable } from "../leases/offer-table.ts";
import { type AddressUse, ConflictChecks, type UsedBy } from "./conflict-checks.ts";
import { DeclineChecks } from "./decline-checks.ts";
import { effectAt, notBegun, type Progress, type RequestInHand } from "./progress.ts";
import { safeSeconds, unwritable } from "./unwritten-lease.ts";

export interface EffectRunnerParts {
  readonly leases: LeaseTable;
  readonly offers: OfferTable;
  readonly offerStyles: OfferStyleTable;
  /** Null keeps the leases in memory only. */
  readonly journal: LeaseStore | null;
  /** Null: addresses are offered without a conflict check. */
  readonly usedBy: UsedBy | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** After so many addresses in use, one is offered without a check: the machine declines it if need be. */
const MOST_CHECKS = 3;
/** The same where leases may be missing here; a check that finds a host takes a millisecond. */
const MOST_CHECKS_WHILE_RECOVERING = 256;

/** A lease that another server of the store granted meanwhile. */
const TAKEN = "taken";

/** Performs what the handlers decide. */
export class EffectRunner {
  readonly #parts: EffectRunnerParts;
  /** How many records could not be written since one last could. */
  #unwritten = 0;
  readonly #conflicts: ConflictChecks;
  readonly #declines: DeclineChecks;
  /** Machines whose DHCPDISCOVER is being answered, and takes time. */
  readonly #starting = new Map<Mac, Promise<void>>();

  constructor(parts: EffectRunnerParts) {
    this.#parts = parts;
    this.#conflicts = new ConflictChecks(parts);
    this.#declines = new DeclineChecks(parts.leases, this.#conflicts, parts.clock);
  }

  /**
   * Decides about a request and performs the effects, again after each conflict check that found its address
   * in use. Null when all is done, as with most requests nothing takes time; else it resolves then. Neither throws nor rejects.
   * A copy of a DHCPDISCOVER waits for the first one's check.
   *
   * @param decide decides about the request as things are now
   */
  answer(request: RequestInHand, decide: () => readonly Effect[]): Promise<void> | null {
    const starting = request.startsOver === true ? request.mac : null;
    if (starting !== null) {
      const before = this.#declines.underWay(starting) ?? this.#starting.get(starting);
      if (before !== undefined) return before.then(() => this.answer(request, decide) ?? undefined);
    }
    try {
      const effects = decide();
      const progress = notBegun();
      this.#performAtOnce(effects, request, progress);
      if (progress.performed === effects.length) return null;
      const answering = this.#answerInTime(request, decide, effects, progress);
      if (starting !== null) this.#starting.set(starting, answering);
      return answering;
    } catch (error) {
      this.#failed(request, error);
      return null;
    }
  }

  async #answerInTime(
    request: RequestInHand,
    decide: () => readonly Effect[],
    begun: readonly Effect[],
    performed: Progress,
  ): Promise<void> {
    try {
      let [effects, progress] = [begun, performed];
      for (let checks = 0; ; checks += 1) {
        const recovering = effects.some((one) => one.kind === "check" && one.recovering === true);
        const most = recovering ? MOST_CHECKS_WHILE_RECOVERING : MOST_CHECKS;
        if ((await this.run(effects, request, checks < most, progress)) === "done") return;
        [effects, progress] = [decide(), notBegun()];
      }
    } catch (error) {
      this.#failed(request, error);
    } finally {
      if (request.startsOver === true && request.mac !== null) this.#starting.delete(request.mac);
    }
  }

  #failed({ mac, link }: RequestInHand, error: unknown): void {
    const fields = { mac, address: null, interface: link.interface };
    this.#parts.emit({ event: "dhcp-failed", ...fields, reason: messageOf(error) });
  }

  /** Performs effects from where they are up to the first one that takes time. */
  #performAtOnce(effects: readonly Effect[], request: RequestInHand, progress: Progress): void {
    const { offers, offerStyles, journal, clock, emit } = this.#parts;
    for (; progress.performed < effects.length; progress.performed += 1) {
      const effect = effectAt(effects, progress);
      switch (effect?.kind) {
        case "offer":
          offers.put(effect.offer, clock.wall());
          progress.offered = effect.offer;
          break;
        case "withdraw":
          offers.withdraw(effect.mac, effect.address);
          break;
        case "remember":
          offerStyles.put(effect.machine);
          break;
        case "send":
          if (progress.offered !== null && journal !== null) {
            progress.isWritable ??= journal.isWritable();
            if (progress.isWritable !== true) return;
          }
          request.send(effect.packet, effect.to);
          break;
        case "event":
          emit(effect.event);
          break;
        case "ignore": {
          const fields = { mac: request.mac, address: null, interface: request.link.interface };
          emit({ event: "dhcp-ignored", ...fields, reason: effect.reason });
          break;
        }
        default:
          return;
      }
    }
  }

  /**
   * Performs effects in their order. Up to the first one that takes time (a conflict check, the journal) all
   * happens at once, so the next request finds the leases as this one left them. Resolves with `decide-again`
   * when a check found the address in use, or another server has leased it; what followed it was not performed then.
   */
  async run(
    effects: readonly Effect[],
    request: RequestInHand,
    mayCheck: boolean,
    progress = notBegun(),
  ): Promise<"done" | "decide-again"> {
    const { leases, offers, journal, clock, emit } = this.#parts;
    const { link } = request;
    let confirmed: readonly Lease[] = [];
    for (;;) {
      this.#performAtOnce(effects, request, progress);
      const effect = effectAt(effects, progress);
      if (effect === null) break;
      progress.performed += 1;
      const { offered } = progress;
      switch (effect.kind) {
        case "check": {
          // Another server may have given it away, and a check would only find that machine in the way.
          if (offered !== null && journal?.mayLackLeases?.() === true) {
            return this.#withhold(offered, link, journal);
          }
          const { address, recovering = false } = effect;
          const may = mayCheck && this.#conflicts.areReliable(link, address);
          const use = may
            ? await this.#conflicts.usedBy(link, address, effect.mac, recovering)
            : null;
          if (use === null || !this.#conflicts.areReliable(link, address)) {
            // Where no check is possible, or none tells anything, recovering waits for none.
            const inVain = recovering && !this.#conflicts.arePossible(link, address);
            if (effect.unchecked === null || inVain) break;
            return this.run(effect.unchecked, request, false);
          }
          if (use === "nobody" || use === "machine") {
            confirmed = this.#conflicts.foundFree(link, address);
            break;
          }
          emit(effect.event);
          this.#conflicts.foundInUse(link, address, effect.quarantine, recovering);
          if (effect.quarantine === null) break;
          offers.withdraw(effect.mac, address);
          return "decide-again";
        }
        case "decline":
          await this.#declines.during(effect.lease.mac, this.#decline(effect, link));
          break;
        case "record":
          leases.put(effect.lease, clock.wall());
          // A quarantine belongs to no machine, so it ends no offer of the machine that found it.
          if (!isQuarantine(effect.lease)) offers.settle(effect.lease.mac, effect.lease.address);
          if (journal !== null) {
            const kept = await this.#write(effect.lease, journal, link);
            // What the other server granted is known by now.
            if (kept === TAKEN) return mayCheck ? "decide-again" : "done";
            progress.atMostSeconds = kept;
          }
          break;
        case "send":
          if (offered !== null && journal !== null && (await progress.isWritable) !== true) {
            return this.#withhold(offered, link, journal);
          }
          request.send(effect.packet, effect.to);
          break;
        default:
          throw new InternalError(`${effect.kind} takes no time`);
      }
    }
    if (journal !== null) for (const lease of confirmed) await this.#write(lease, journal, link);
    return "done";
  }

  /** Nothing is offered that could not be leased. */
  #withhold(offered: Offer, link: Link, journal: LeaseStore): "done" {
    this.#parts.offers.withdraw(offered.mac, offered.address);
    const reason = unwritable(journal);
    this.#noteUnwritten(reason);
    const fields = { mac: offered.mac, address: null, interface: link.interface };
    this.#parts.emit({ event: "dhcp-failed", ...fields, reason });
    return "done";
  }

  async #decline(effect: Extract<Effect, { kind: "decline" }>, link: Link): Promise<void> {
    const { leases, journal, clock, emit } = this.#parts;
    const { mac, address } = effect.lease;
    const machine = { mac, address, interface: link.interface };
    const allowed = this.#declines.allows(effect);
    let use: AddressUse = null;
    if (allowed && this.#conflicts.areReliable(link, address)) {
      const found = await this.#conflicts.usedBy(link, address, mac);
      if (this.#conflicts.areReliable(link, address)) use = found;
    }
    const verdict = allowed
      ? this.#declines.judge(effect, link, use)
      : this.#declines.tooMany(effect);
    switch (verdict.kind) {
      case "doubted":
        emit({ event: "decline-doubted", ...machine, reason: verdict.reason });
        break;
      case "too-many": {
        const reason = "too many addresses are declined";
        emit({ event: "dhcp-flood", interface: link.interface, dropped: 1, reason });
        break;
      }
      default:
        emit({ event: "lease-declined", ...machine });
    }
    const ended = "lease" in verdict ? verdict.lease : null;
    if (ended !== null) leases.put(ended, clock.wall());
    const changed = ended === null ? verdict.confirmed : [ended, ...verdict.confirmed];
    if (journal !== null) for (const lease of changed) await this.#write(lease, journal, link);
  }

  #noteUnwritten(reason: string): void {
    if (this.#unwritten === 0) this.#parts.emit({ event: "journal-unwritable", reason });
    this.#unwritten += 1;
  }

  /**
   * RFC 2131 3.1: the lease is in permanent storage before its DHCPACK leaves. Resolves with null, or with
   * the seconds that are safe all the same when it cannot be written; rejects when none are. Where another server was
   * faster: with `TAKEN`, and what that one granted is in force here.
   */
  async #write(
    lease: Lease,
    journal: LeaseStore,
    link: Link,
  ): Promise<number | typeof TAKEN | null> {
    const { leases, clock, emit } = this.#parts;
    try {
      await journal.append(lease);
    } catch (error) {
      if (error instanceof LeaseTakenError) {
        leases.revert(lease, journal.written);
        const { mac, address } = lease;
        const at = { mac, address, interface: link.interface };
        emit({ event: "lease-conflict", ...at, reason: messageOf(error) });
        return TAKEN;
      }
      this.#noteUnwritten(messageOf(error));
      // A quarantine that is in memory only is better than none.
      if (!isQuarantine(lease)) leases.revert(lease, journal.written);
      const seconds = safeSeconds(lease, journal.written.at(lease.address), clock.wall());
      if (seconds === null) throw error;
      return seconds;
    }
    if (this.#unwritten > 0) emit({ event: "journal-writable", failed: this.#unwritten });
    this.#unwritten = 0;
    return null;
  }
}
