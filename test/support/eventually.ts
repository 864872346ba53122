import { vi } from "vitest";

/** Only for a test that hangs: a busy machine may need many times what a quiet one does. */
const guardMs = 45_000;

/** Waits for what comes by itself, however long the machine takes; resolves with what `check` gives when it no longer throws. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: guardMs, interval: 5 });
}
