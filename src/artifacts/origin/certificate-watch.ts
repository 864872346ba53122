import type { Clock } from "../../lib/clock.ts";
import type { Emit } from "../../events/types.ts";
import type { Origin } from "./origin.ts";

const DAY_MS = 86_400_000;
/** The orchestrator renews its certificate 90 days before its end; a month before it, something is wrong. */
const EXPIRY_WARNING_DAYS = 30;

/** Reports each certificate that an origin is trusted with, and that one expires soon. */
export class CertificateWatch {
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #seen = new Map<string, string>();

  constructor(emit: Emit, clock: Clock) {
    this.#emit = emit;
    this.#clock = clock;
  }

  look(origin: Pick<Origin, "url" | "certificate">): void {
    const certificate = origin.certificate();
    if (certificate === null) return;
    const { fingerprint, expiresAtMs } = certificate;
    const about = { origin: origin.url, fingerprint };
    const expiresAt = new Date(expiresAtMs).toISOString();
    if (this.#seen.get(origin.url) !== fingerprint) {
      this.#seen.set(origin.url, fingerprint);
      this.#emit({ event: "origin-certificate", ...about, expiresAt });
    }
    const days = Math.floor((expiresAtMs - this.#clock.wall()) / DAY_MS);
    if (days >= EXPIRY_WARNING_DAYS) return;
    this.#emit({ event: "certificate-expiring", ...about, expiresAt, days });
  }
}
