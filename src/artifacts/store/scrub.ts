import type { GenerationStore } from "./generation-store.ts";

/** Disks lose bits in months, not in hours; one reading a day finds it before most boots do. */
const VERIFY_EVERY_MS = 24 * 3_600_000;

/**
 * Reads what is served again every now and then; when something is damaged, `onDamage` is to fetch it.
 * Returns what ends it.
 */
export function startReverification(
  store: GenerationStore,
  onDamage: () => void,
  everyMs = VERIFY_EVERY_MS,
): () => void {
  let reading = false;
  const look = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      if ((await store.verify()).size > 0) onDamage();
    } finally {
      reading = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
