/* The only timers of the admin port; none keeps a process alive. Both return a function that stops them. */

/** Calls `act` every `intervalMs`. */
export function every(intervalMs: number, act: () => void): () => void {
  const timer = setInterval(act, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Calls `act` once. */
export function after(delayMs: number, act: () => void): () => void {
  const timer = setTimeout(act, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}
