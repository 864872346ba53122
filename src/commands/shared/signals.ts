import type { Program } from "./context.ts";

/** The first of these signals to come; a second one ends the process at once. */
export function firstSignal(
  program: Program,
  signals: readonly NodeJS.Signals[],
): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stops = signals.map((signal) =>
      program.onSignal(signal, () => {
        for (const stop of stops) stop();
        resolve(signal);
      }),
    );
  });
}
