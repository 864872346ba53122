import { BoundedMap } from "../lib/bounded-map.ts";
import type { Mac } from "../lib/mac.ts";
import { isShim, secondStagesOf } from "./architecture.ts";
import type { NodeEntry } from "./node.ts";
import type { Plan } from "./policy.ts";

/*
 * A loader that a machine fetches whole, and of which nothing is heard then, does not run there: its driver does not fit the
 * network card, or the firmware does not start it (Secure Boot). After two such tries the machine is given another one, a signed one
 * or one of the other kind, and what ran is kept. Pure but for `LoaderChoiceTable`.
 */

/** A loader that runs on a machine where the one it would be given does not. */
export interface ProvenLoader {
  readonly mac: Mac;
  readonly loader: string;
  readonly insteadOf: string;
  /** Milliseconds since the Unix epoch. */
  readonly provenAtMs: number;
}

/** What a machine fetched since iPXE was last heard from it. */
export interface LoaderTrial {
  readonly loader: string;
  /** How often in a row it fetched that whole. */
  readonly loads: number;
  /** When it last did; milliseconds since the Unix epoch. */
  readonly loadedAtMs: number;
  /** Those that it fetched in vain before. */
  readonly failed: readonly string[];
  /** The one that it was offered in place of that was reported. */
  readonly isReported: boolean;
}

export interface MachineLoader {
  readonly proven: ProvenLoader | null;
  readonly trial: LoaderTrial | null;
}

/** After so many loads in vain the other loader is tried. */
const VAIN_LOADS = 2;
/** What was in vain is forgotten after this: the firmware may have been set up otherwise. */
const DAY_MS = 24 * 3_600_000;
const SECOND_STAGE_MS = 60_000;
/** What is heard later than this has nothing to do with the loader. */
const SILENCE_MS = 10 * 60_000;

/** For each loader those that are there in its place, the best first. */
export type Siblings = ReadonlyMap<string, readonly string[]>;

/** The loader for a machine that is to get `planned`. */
export function loaderFor(
  { proven, trial }: MachineLoader,
  planned: string,
  siblings: Siblings,
  nowMs: number,
): string {
  const others = siblings.get(planned) ?? [];
  const isProven = proven?.insteadOf === planned && others.includes(proven.loader);
  const order = [...(isProven ? [proven.loader] : []), planned, ...others];
  const failed = trial === null || isPast(trial, nowMs) ? [] : failedIn(trial);
  // Where all failed it is not the loader.
  return order.find((loader) => !failed.includes(loader)) ?? planned;
}

function failedIn({ failed, loader, loads }: LoaderTrial): readonly string[] {
  return loads >= VAIN_LOADS ? [...failed, loader] : failed;
}

function isPast({ loadedAtMs }: LoaderTrial, nowMs: number): boolean {
  return nowMs - loadedAtMs > DAY_MS;
}

/** The machine has a loader whole. */
export function loaded(machine: MachineLoader, loader: string, nowMs: number): MachineLoader {
  const former = machine.trial === null || isPast(machine.trial, nowMs) ? null : machine.trial;
  if (former !== null && isSecondStage(former, loader, nowMs)) return machine;
  const again = former?.loader === loader;
  const trial: LoaderTrial = {
    loader,
    loads: again ? former.loads + 1 : 1,
    loadedAtMs: nowMs,
    failed: former === null || again ? (former?.failed ?? []) : failedIn(former),
    isReported: again && former.isReported,
  };
  return { ...machine, trial };
}

/** What a shim fetches right after it was fetched itself belongs to it. */
function isSecondStage(
  { loader: first, loadedAtMs }: LoaderTrial,
  loader: string,
  nowMs: number,
): boolean {
  const isSoon = nowMs - loadedAtMs <= SECOND_STAGE_MS;
  return isSoon && isShim(first) && secondStagesOf(first).includes(loader);
}

/** The loader that did not run and whose replacement is not reported yet; null: there is none. */
export function failedLoader({ trial }: MachineLoader): string | null {
  if (trial === null || trial.isReported) return null;
  return trial.loads >= VAIN_LOADS ? trial.loader : null;
}

/** The same, with that reported. */
export function reported(machine: MachineLoader): MachineLoader {
  const { trial } = machine;
  return trial === null ? machine : { ...machine, trial: { ...trial, isReported: true } };
}

/** iPXE was heard from the machine: its loader runs. */
export function loaderRan(
  { proven, trial }: MachineLoader,
  mac: Mac,
  nowMs: number,
): MachineLoader {
  if (trial === null) return { proven, trial };
  const { loader, failed, loadedAtMs } = trial;
  const [insteadOf] = failed.filter((other) => other !== loader);
  if (insteadOf === undefined || nowMs - loadedAtMs > SILENCE_MS) return { proven, trial: null };
  // The loader that it would be given anyway runs again: nothing has to be kept.
  if (proven?.insteadOf === loader) return { proven: null, trial: null };
  return { proven: { mac, loader, insteadOf, provenAtMs: nowMs }, trial: null };
}

/** All machines. Bounded: where it is full, what was learnt last is dropped. */
export class LoaderChoiceTable {
  readonly #proven = new Map<Mac, ProvenLoader>();
  readonly #trials: BoundedMap<Mac, LoaderTrial>;
  readonly #maxMachines: number;
  /** Those that are there now. */
  siblings: Siblings = new Map();

  constructor(maxMachines = 4096) {
    this.#maxMachines = maxMachines;
    this.#trials = new BoundedMap(maxMachines);
  }

  of(mac: Mac): MachineLoader {
    return { proven: this.#proven.get(mac) ?? null, trial: this.#trials.get(mac) ?? null };
  }

  put(mac: Mac, { proven, trial }: MachineLoader): void {
    if (trial === null) this.#trials.delete(mac);
    else this.#trials.set(mac, trial);
    if (proven === null) this.#proven.delete(mac);
    else if (this.#proven.has(mac) || this.#proven.size < this.#maxMachines) {
      this.#proven.set(mac, proven);
    }
  }

  proven(): readonly ProvenLoader[] {
    return [...this.#proven.values()];
  }

  /** The plan with the loader that runs on the machine, or is tried there. A node's own loader is not replaced. */
  applied(plan: Plan, mac: Mac, node: NodeEntry | null, nowMs: number): Plan {
    if (plan.kind !== "loader" || node?.loader != null) return plan;
    const file = loaderFor(this.of(mac), plan.file, this.siblings, nowMs);
    if (file === plan.file) return plan;
    if (plan.transport === "tftp") return { ...plan, file };
    const folder = plan.url.slice(0, plan.url.lastIndexOf("/") + 1);
    return { ...plan, file, url: `${folder}${encodeURIComponent(file)}` };
  }
}
