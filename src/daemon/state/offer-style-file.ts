import { join } from "node:path";
import { z } from "zod";
import {
  loaderDone,
  loaderRuns,
  loaderStarted,
  type MachineStyles,
  type ProvenStyle,
  offerStyles,
  type OfferStyleTable,
} from "../../boot/offer-style.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Mac, parseMac } from "../../lib/mac.ts";
import type { Emit, Machine, PxeEvent } from "../../events/types.ts";
import { KeptFile, readMachines } from "./kept-file.ts";
import { provedSender, type SenderAt } from "./sender.ts";

/*
 * What was learnt of the machines' firmware, in a file of the data folder, so that it survives a restart.
 */

const entry = z.object({
  mac: z.string().transform((text) => parseMac(text)),
  way: z.enum(offerStyles),
  since: z.iso.datetime(),
});

function fileIn(dataDir: string): string {
  return join(dataDir, "ways.json");
}

/**
 * What is kept in a data folder; nothing where there is no file yet. Changes nothing.
 *
 * @throws when the file cannot be read or is not of that form
 */
export async function readOfferStyles(dataDir: string): Promise<readonly ProvenStyle[]> {
  const machines = await readMachines(fileIn(dataDir), entry);
  return machines.flatMap(({ mac, way: style, since }): ProvenStyle[] =>
    mac === null ? [] : [{ mac, style, provenAtMs: Date.parse(since) }],
  );
}

export interface OfferStyleKeeperParts {
  readonly table: OfferStyleTable;
  readonly senderAt: SenderAt;
  readonly dataDir: string;
  readonly emit: Emit;
  readonly clock: SteadyClock;
}

/** Learns from events which offer style a machine's firmware followed, and keeps it. */
export class OfferStyleKeeper {
  readonly #parts: OfferStyleKeeperParts;
  readonly #file: KeptFile;

  constructor(parts: OfferStyleKeeperParts) {
    const { dataDir, emit } = parts;
    this.#parts = parts;
    this.#file = new KeptFile(
      fileIn(dataDir),
      () => this.#content(),
      (reason) => emit({ event: "ways-unkept", reason }),
    );
  }

  /** Takes up what was kept. A file that cannot be used is reported, and replaced when there is news. */
  async start(): Promise<void> {
    const { table, dataDir, emit } = this.#parts;
    try {
      table.restore(await readOfferStyles(dataDir));
    } catch (error) {
      emit({ event: "ways-unread", reason: messageOf(error) });
    }
  }

  /** Learns from every event of which DHCP or the table of neighbours tells whose it is. */
  hear(event: PxeEvent): void {
    const nowMs = this.#parts.clock.wall();
    switch (event.event) {
      case "loader-start":
        if (event.protocol !== "tftp") return;
        this.#learn(event, (machine) => loaderStarted(machine, event.file, nowMs));
        return;
      case "loader-done":
        if (event.protocol !== "tftp") return;
        this.#learn(event, (machine) => loaderDone(machine, event.file, nowMs));
        return;
      case "autoexec":
      case "script":
      case "asset-sent":
      case "kernel":
        if (event.mac !== null) this.#learn(event, loaderRuns);
        return;
      default:
        return;
    }
  }

  /** Forgets what was learnt of a machine; false when nothing was known of it. */
  forget(machine: Mac): boolean {
    if (!this.#parts.table.forget(machine)) return false;
    this.#parts.emit({ event: "way-forgotten", mac: machine, address: null });
    this.#file.changed();
    return true;
  }

  /** Resolves when everything is kept that can be. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #learn(event: Machine, step: (machine: MachineStyles) => MachineStyles): void {
    const { table, emit, senderAt } = this.#parts;
    // Of most machines nothing is to be learnt.
    if (event.mac !== null && table.of(event.mac).attempt === null) return;
    const mac = provedSender(event, senderAt);
    if (mac === null) return;
    const machine = step(table.of(mac));
    if (!table.put(machine) || machine.proven === null) return;
    const { style } = machine.proven;
    emit({ event: "way-learnt", mac, address: event.address, way: style });
    this.#file.changed();
  }

  /** What is learnt, with times by the system's clock. */
  proven(): readonly ProvenStyle[] {
    return this.#parts.table.proven().map((one) => this.#bySystemClock(one));
  }

  /** The same of one machine; null when nothing is. */
  provenOf(mac: Mac): ProvenStyle | null {
    const proven = this.#parts.table.provenOf(mac);
    return proven === null ? null : this.#bySystemClock(proven);
  }

  #bySystemClock(proven: ProvenStyle): ProvenStyle {
    return { ...proven, provenAtMs: proven.provenAtMs + this.#parts.clock.offsetMs };
  }

  #content(): string {
    const machines = this.proven().map(({ mac, style, provenAtMs }) => ({
      mac,
      way: style,
      since: new Date(provenAtMs).toISOString(),
    }));
    return `${JSON.stringify({ machines }, null, 1)}\n`;
  }
}
