import type { LoaderStore, PassedOver } from "../../artifacts/loaders/loader-store.ts";
import type { GenerationStore } from "../../artifacts/store/generation-store.ts";
import { architectures } from "../../boot/architecture.ts";
import type { Readiness } from "../../http/admin/app.ts";
import { inOneSentence, judgeAll } from "../../lib/finding.ts";
import { readinessRules } from "./readiness-rules.ts";
import type { Emit, EventName, PxeEvent } from "../../events/types.ts";

export interface ReadinessParts {
  readonly store: Pick<GenerationStore, "current">;
  readonly loaders: LoaderStore;
  /** Whether the configuration or a node entry has machines fetch this loader. */
  readonly isHandedOut: (name: string) => boolean;
  /** Whether any link is served, and why others are not. */
  readonly links: () => { readonly anyServed: boolean; readonly problems: readonly string[] };
  readonly emit: Emit;
  /** Where the mirror fetches from; null: nowhere. */
  readonly origin: string | null;
  /** Whether machines fetch the Micro-OS from here. */
  readonly servesMicroOs: boolean;
  /** Another host serves them by TFTP. Default: it does not. */
  readonly loadersAreElsewhere?: boolean;
  /** The only loader that machines get; null: those of the table. */
  readonly onlyLoader: string | null;
  readonly loaderDirs: readonly string[];
  /** How many HTTP connections there are, where that is too few now; else null. */
  readonly usedUpConnections: () => number | null;
  /** Nothing starts without a signature (`boot.imgverify`). Default: it does. */
  readonly needsSignatures?: boolean;
  /** Why no replica answers DHCP in mode full; null, and by default: one does, or there is one server only. */
  readonly leaderProblem?: () => string | null;
}

/** Before anything is known. */
export const starting: Readiness = {
  ready: false,
  reasons: ["the server is starting"],
  unserved: [],
};

// Loaders come and go with packages of the distribution.
const lookEveryMs = 30_000;
// After these there may be another answer.
const turns: ReadonlySet<EventName> = new Set([
  "sync-done",
  "sync-failed",
  "generation-imported",
  "generation-damaged",
  "generation-pinned",
  "loader-fetched",
  "link-up",
  "link-down",
  "http-connections-refused",
  "leader-acquired",
  "leader-elsewhere",
  "leader-lost",
  "database-away",
  "database-back",
  "leader-unknown",
]);
const loadersOfTheTable: ReadonlySet<string | null> = new Set(
  architectures.map(({ loader }) => loader),
);

/**
 * Whether a machine could boot now. Looks again after each synchronisation, when links come and go, and
 * now and then, and reports each change as event `ready` or `not-ready`.
 */
export class ReadinessWatch {
  readonly #parts: ReadinessParts;
  #hasLoader = false;
  #passedOver: PassedOver | null = null;
  #unsigned: string | null = null;
  #reported: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  /** Begins to report; to be called when every socket is bound. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
  }

  hear({ event }: PxeEvent): void {
    if (this.#timer !== null && turns.has(event)) void this.#look();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  now(): Readiness {
    const { store, origin, loaderDirs, servesMicroOs, onlyLoader, loadersAreElsewhere } =
      this.#parts;
    const { anyServed, problems } = this.#parts.links();
    const found = judgeAll(readinessRules, {
      lacksMicroOs: servesMicroOs && store.current() === null,
      lacksLoader: !this.#hasLoader && loadersAreElsewhere !== true,
      passedOver: this.#passedOver,
      origin,
      onlyLoader,
      loaderDirs,
      usedUpConnections: this.#parts.usedUpConnections(),
      unsigned: this.#unsigned,
    });
    const leader = this.#parts.leaderProblem?.() ?? null;
    const reasons = [
      ...(anyServed ? [] : problems),
      ...(leader === null ? [] : [leader]),
      ...found.map(inOneSentence),
    ];
    return { ready: reasons.length === 0, reasons, unserved: anyServed ? problems : [] };
  }

  async #look(): Promise<void> {
    const { store, loaders, isHandedOut, emit, onlyLoader } = this.#parts;
    const usual = onlyLoader === null ? loadersOfTheTable : new Set([onlyLoader]);
    const current = this.#parts.needsSignatures === true ? store.current() : null;
    this.#unsigned = current === null || (await current.isSigned()) ? null : current.id;
    this.#passedOver = (await loaders.passedOver())[0] ?? null;
    this.#hasLoader = (await loaders.list()).some(
      ({ name }) => usual.has(name) || isHandedOut(name),
    );
    const { ready, reasons } = this.now();
    const report = reasons.join("\n");
    if (report === this.#reported) return;
    this.#reported = report;
    if (ready) emit({ event: "ready", generation: store.current()?.id ?? null });
    else emit({ event: "not-ready", reasons });
  }
}
