/** Time as the program sees it; tests hand in a clock that they move themselves. */
export interface Clock {
  /** Monotonic milliseconds since some fixed moment: for timers and durations. */
  now(): number;
  /** Milliseconds since the Unix epoch: for what people and files see. */
  wall(): number;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};

/** One moment on both scales. */
export interface Moment {
  /** As of `Clock.now`. */
  readonly nowMs: number;
  /** As of `Clock.wall`. */
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { nowMs: clock.now(), wallMs: clock.wall() };
}

/** The start of the operating system that the program runs on. */
export interface HostStart {
  /** Another one after each start of the operating system; null where it is not known. */
  readonly bootId: string | null;
  /** Milliseconds since that start; goes on whatever the clock is set to. */
  readonly upMs: () => number;
}

/** A moment by which it shows later whether, and by how much, the system's clock was set since. */
export interface HostMoment {
  readonly bootId: string | null;
  readonly upMs: number;
  /** Milliseconds since the Unix epoch, by the system's clock. */
  readonly wallMs: number;
}

/** A difference below this is none: two clocks are never read at the same moment. */
export const LEAST_STEP_MS = 1000;

/**
 * A clock for what has to last its time although the system's clock is set: it shows what that showed when the
 * program started, and the time that has passed since by the monotonic clock.
 */
export class SteadyClock implements Clock {
  readonly #system: Clock;
  readonly #host: HostStart;
  readonly #startMs: number;
  #offsetMs = 0;

  constructor(system: Clock, host: HostStart = { bootId: null, upMs: () => system.now() }) {
    this.#system = system;
    this.#host = host;
    this.#startMs = system.wall() - system.now();
  }

  now(): number {
    return this.#system.now();
  }

  /** Whole milliseconds since the Unix epoch as the system's clock would show them if it had not been set. */
  wall(): number {
    return Math.round(this.#startMs + this.#system.now());
  }

  /** Add this to a time of this clock for the time that the system's clock shows, as of the last `followStep`. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Notices that the system's clock was set since the last call, and by how much; 0: it was not. */
  followStep(): number {
    const stepMs = Math.round(this.#system.wall() - this.wall() - this.#offsetMs);
    if (Math.abs(stepMs) < LEAST_STEP_MS) return 0;
    this.#offsetMs += stepMs;
    return stepMs;
  }

  moment(): HostMoment {
    const upMs = Math.round(this.#host.upMs());
    return { bootId: this.#host.bootId, upMs, wallMs: this.wall() + this.#offsetMs };
  }
}
