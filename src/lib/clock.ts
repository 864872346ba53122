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
