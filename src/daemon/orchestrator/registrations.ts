import { setTimeout as sleep } from "node:timers/promises";
import { isProbe } from "../../boot/synthetic-uuid.ts";
import type { Emit, PxeEvent, TokenUse } from "../../events/types.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Finding } from "../../lib/finding.ts";
import type { Mac } from "../../lib/mac.ts";
import { TokenBuckets } from "../../lib/token-bucket.ts";
import {
  hostFilter,
  joinedFilter,
  type Registration,
  registrationOf,
} from "../../nodes/registration.ts";
import type { Boot } from "../../timeline/boot.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { apiFindings } from "./api-rules.ts";
import { OrchestratorError } from "./exchange.ts";
import type { FoundHosts } from "./host-api.ts";

export interface RegistrationParts {
  /** Rejects with `OrchestratorError`. */
  readonly find: (filter: string) => Promise<FoundHosts>;
  /** Of the API, as people know it. */
  readonly source: string;
  readonly sessions: Pick<BootSessions, "latest">;
  readonly emit: Emit;
  readonly clock: Clock;
  /** Default: `usualPace`. */
  readonly pace?: Pace;
}

/** Milliseconds. */
export interface Pace {
  /** Between two requests, and before the first: machines that come together are asked for in one. */
  readonly betweenMs: number;
  /** How long an answer holds for the machine's next boots. */
  readonly registeredMs: number;
  readonly notRegisteredMs: number;
  /** How long a machine that waits in the Micro-OS is asked for again. */
  readonly waitingMs: number;
  /** After failures in a row. */
  readonly backoffMs: readonly number[];
}

export const usualPace: Pace = {
  betweenMs: 250,
  registeredMs: 600_000,
  notRegisteredMs: 60_000,
  waitingMs: 24 * 3_600_000,
  backoffMs: [5000, 10_000, 30_000, 60_000, 300_000],
};

/** Machines that wait for an answer. */
const MOST_WAITING = 512;
const MOST_KNOWN = 4096;
/** Whoever sends requests names as many machines as it likes: so many from one address, and one more in ten seconds. */
const FROM_ONE_ADDRESS = { burst: 4, perSecond: 0.1 };

interface Known {
  readonly filter: string;
  readonly registration: Registration;
  readonly untilMs: number;
}

/** A machine that waits to be asked for. */
interface Asked {
  readonly filter: string;
  readonly uuid: string | null;
  readonly serial: string | null;
}

/**
 * Tells of each machine that boots whether it is registered at the orchestrator. Hears of boots and asks beside them:
 * no machine ever waits for the orchestrator, and what is asked is bounded whatever the network sends.
 */
export class Registrations {
  readonly #parts: RegistrationParts;
  readonly #pace: Pace;
  readonly #known = new BoundedMap<Mac, Known>(MOST_KNOWN);
  readonly #waiting = new Map<Mac, Asked>();
  /** What was last said in a machine's timeline, with its boot. */
  readonly #said = new BoundedMap<Mac, string>(MOST_KNOWN);
  /** Not registered, with the boot whose Micro-OS waits. */
  readonly #unregistered = new BoundedMap<Mac, { readonly boot: string; readonly sinceMs: number }>(
    MOST_KNOWN,
  );
  readonly #senders = new TokenBuckets<string>(FROM_ONE_ADDRESS, MOST_KNOWN);
  readonly #stopping = new AbortController();
  #failures = 0;
  #failure: Finding | null = null;
  #running: Promise<void> | null = null;
  #again: NodeJS.Timeout | null = null;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
    this.#pace = parts.pace ?? usualPace;
  }

  /** Hears of every event; returns at once. */
  readonly hear = (event: PxeEvent): void => {
    switch (event.event) {
      case "loader-start":
      case "script":
      case "kernel":
      case "micro-os":
        this.#seen(event.mac, event.address, event.event !== "loader-start");
        return;
      default:
        return;
    }
  };

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#again !== null) clearTimeout(this.#again);
    await this.#running;
  }

  #seen(mac: Mac | null, address: string | null, isComplete: boolean): void {
    const { sessions, clock } = this.#parts;
    const boot = mac === null ? null : sessions.latest({ mac, address: null });
    if (mac === null || boot === null || isProbe({ mac, uuid: boot.uuid })) return;
    const { uuid, serial } = boot;
    const filter = hostFilter({ uuid, serial });
    if (filter === null) {
      // iPXE may tell more than firmware did.
      if (isComplete) this.#tellUnknown(mac, boot, nameless);
      return;
    }
    const known = this.#known.get(mac);
    const nowMs = clock.now();
    if (known !== undefined && known.filter === filter && nowMs < known.untilMs) {
      this.#tell(mac, boot, known.registration, "kept");
      return;
    }
    if (this.#waiting.has(mac)) {
      this.#waiting.set(mac, { filter, uuid, serial });
      return;
    }
    if (address !== null && !this.#senders.take(address, nowMs)) return;
    this.#want(mac, { filter, uuid, serial });
    if (this.#failure !== null) this.#tellUnknown(mac, boot, this.#failure);
    this.#run();
  }

  /** Where too many wait, whoever has waited longest is given up. */
  #want(mac: Mac, asked: Asked): void {
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= MOST_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(mac, asked);
  }

  #run(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#askAll().finally(() => {
      this.#running = null;
      // What came in between.
      if (this.#waiting.size > 0) this.#run();
    });
  }

  /** Never rejects. */
  async #askAll(): Promise<void> {
    const { betweenMs, backoffMs } = this.#pace;
    while (this.#waiting.size > 0 && (await this.#slept(betweenMs))) {
      try {
        await this.#askSome();
        if (this.#failures > 0) {
          this.#parts.emit({ event: "orchestrator-answers", source: this.#parts.source });
        }
        this.#failures = 0;
        this.#failure = null;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#failed(error);
        const usualMs = backoffMs[Math.min(this.#failures, backoffMs.length) - 1] ?? 0;
        const askedMs = error instanceof OrchestratorError ? (error.retryAfterMs ?? 0) : 0;
        await this.#slept(Math.min(Math.max(usualMs, askedMs), 3_600_000));
      }
    }
  }

  async #askSome(): Promise<void> {
    const { find, sessions, clock } = this.#parts;
    const all = [...this.#waiting];
    const { filter, count } = joinedFilter(all.map(([, asked]) => asked.filter));
    const { hosts, token } = await find(filter);
    for (const [mac, asked] of all.slice(0, count)) {
      // It may have told more meanwhile.
      if (this.#waiting.get(mac)?.filter === asked.filter) this.#waiting.delete(mac);
      const registration = registrationOf(asked, hosts);
      const { registeredMs, notRegisteredMs } = this.#pace;
      const holdsMs = registration.status === "registered" ? registeredMs : notRegisteredMs;
      const nowMs = clock.now();
      this.#known.set(mac, { filter: asked.filter, registration, untilMs: nowMs + holdsMs });
      const boot = sessions.latest({ mac, address: null });
      if (boot !== null) this.#tell(mac, boot, registration, token);
    }
  }

  #failed(error: unknown): void {
    const reason = messageOf(error);
    this.#failures += 1;
    this.#failure =
      error instanceof OrchestratorError ? error.explained : { ...nameless, cause: reason };
    for (const mac of this.#waiting.keys()) {
      const boot = this.#parts.sessions.latest({ mac, address: null });
      if (boot !== null) this.#tellUnknown(mac, boot, this.#failure);
    }
  }

  #tell(mac: Mac, boot: Boot, registration: Registration, token: TokenUse): void {
    const { emit, clock } = this.#parts;
    const { status } = registration;
    if (status === "not-registered") {
      const former = this.#unregistered.get(mac);
      const sinceMs = former?.boot === boot.id ? former.sinceMs : clock.now();
      this.#unregistered.set(mac, { boot: boot.id, sinceMs });
      this.#askAgain();
    } else this.#unregistered.delete(mac);
    if (!this.#isNews(mac, boot, status)) return;
    const machine = { mac, address: boot.address };
    const { uuid, serial } = boot;
    switch (status) {
      case "registered": {
        const { host, name, state, by } = registration;
        emit({ event: "registered", ...machine, host, name, state, by, token });
        return;
      }
      case "not-registered": {
        const { code, cause, remedy } = registration.finding;
        const why = { code, reason: cause, remedy };
        emit({ event: "not-registered", ...machine, uuid, serial, ...why, token });
        return;
      }
      case "conflict": {
        const { code, cause, remedy } = registration.finding;
        const why = { code, reason: cause, remedy };
        const { host } = registration;
        emit({ event: "registration-conflict", ...machine, host, ...why, token });
        return;
      }
    }
  }

  #tellUnknown(mac: Mac, boot: Boot, { code, cause, remedy }: Finding): void {
    if (!this.#isNews(mac, boot, code)) return;
    const why = { code, reason: cause, remedy };
    this.#parts.emit({ event: "registration-unknown", mac, address: boot.address, ...why });
  }

  /** Whether something else was said last in this boot's timeline. */
  #isNews(mac: Mac, boot: Boot, what: string): boolean {
    const said = `${boot.id} ${what}`;
    if (this.#said.get(mac) === said) return false;
    this.#said.set(mac, said);
    return true;
  }

  /** Machines whose Micro-OS waits are asked for again, until somebody registers them. */
  #askAgain(): void {
    if (this.#again !== null || this.#stopping.signal.aborted) return;
    this.#again = setTimeout(() => {
      this.#again = null;
      const { sessions, clock } = this.#parts;
      for (const [mac, { boot, sinceMs }] of this.#unregistered.entries()) {
        const latest = sessions.latest({ mac, address: null });
        const filter = latest === null ? null : hostFilter(latest);
        const isOver = clock.now() - sinceMs > this.#pace.waitingMs;
        if (latest?.id !== boot || filter === null || isOver) this.#unregistered.delete(mac);
        else this.#want(mac, { filter, uuid: latest.uuid, serial: latest.serial });
      }
      if (this.#waiting.size > 0) this.#run();
    }, this.#pace.notRegisteredMs);
    this.#again.unref();
  }

  /** False when the server stops meanwhile. */
  async #slept(ms: number): Promise<boolean> {
    const { signal } = this.#stopping;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    return !signal.aborted;
  }
}

const nameless: Finding = apiFindings.nameless;
