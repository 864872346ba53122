/** Calls `act` every `intervalMs` until the returned function is called; keeps no process alive. */
export function every(intervalMs: number, act: () => void): () => void {
  const timer = setInterval(act, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
