import type { PxeEvent } from "../events/types.ts";
import type { Boot } from "./boot.ts";

/** What is known of a site beside one boot: how its other machines fare. */
export interface SiteEvidence {
  /** Another machine asked our TFTP server for a file within the last day. */
  readonly othersUseTftp: boolean;
  /** Another machine's script reported within the last day that the kernel is started next. */
  readonly othersReportBooting: boolean;
  /** Other servers' offers are overheard on this interface. */
  readonly hearsOffers: boolean;
}

const dayMs = 24 * 3600_000;

/** Notes of all machines together what tells a fault of one machine from one of the site. */
export class SiteObservations {
  /** The two machines that were last seen to use TFTP, and when. */
  readonly #tftp = new LatestTwo();
  readonly #booting = new LatestTwo();
  readonly #deafInterfaces = new Set<string>();

  /** @param machine the key of the machine that the event is about; null: of none */
  note(event: PxeEvent, machine: string | null, nowMs: number): void {
    switch (event.event) {
      case "tftp-probe":
      case "tftp-refused":
      case "tftp-failed":
        this.#tftp.note(machine, nowMs);
        return;
      case "loader-start":
      case "autoexec":
        if (event.protocol === "tftp") this.#tftp.note(machine, nowMs);
        return;
      case "beacon":
        if (event.stage === "booting") this.#booting.note(machine, nowMs);
        return;
      case "offers-unheard":
        this.#deafInterfaces.add(event.interface);
        return;
      case "link-down":
        // When it comes back, whether it is overheard is found out anew.
        this.#deafInterfaces.delete(event.interface);
        return;
      default:
        return;
    }
  }

  /** The same of a boot that was kept over a restart. */
  noteKept({ steps, seen }: Pick<Boot, "steps" | "seen">, machine: string): void {
    const loader = steps.find(({ stage }) => stage === "loader-start");
    if (loader?.detail["protocol"] === "tftp") this.#tftp.note(machine, loader.lastAtMs);
    if (seen.bootingAtMs !== null) this.#booting.note(machine, seen.bootingAtMs);
  }

  evidence(machine: string, interfaceName: string | null, nowMs: number): SiteEvidence {
    return {
      othersUseTftp: this.#tftp.hasOther(machine, nowMs - dayMs),
      othersReportBooting: this.#booting.hasOther(machine, nowMs - dayMs),
      hearsOffers: interfaceName !== null && !this.#deafInterfaces.has(interfaceName),
    };
  }
}

/** The two machines that did something last: enough to know whether another one than a given one did. */
class LatestTwo {
  readonly #atMs = new Map<string, number>();

  note(machine: string | null, nowMs: number): void {
    if (machine === null) return;
    this.#atMs.delete(machine);
    this.#atMs.set(machine, nowMs);
    const [oldest] = this.#atMs.keys();
    if (this.#atMs.size > 2 && oldest !== undefined) this.#atMs.delete(oldest);
  }

  hasOther(machine: string, sinceMs: number): boolean {
    return [...this.#atMs].some(([other, atMs]) => other !== machine && atMs >= sinceMs);
  }
}
