import { join } from "node:path";
import { z } from "zod";
import {
  failedLoader,
  loaded,
  LoaderChoiceTable,
  loaderRan,
  type ProvenLoader,
  reported,
  type Siblings,
} from "../../boot/loader-choice.ts";
import type { Emit, Machine, PxeEvent } from "../../events/types.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Mac, parseMac } from "../../lib/mac.ts";
import { KeptFile, readMachines } from "./kept-file.ts";
import { provedSender, type SenderAt } from "./sender.ts";

/*
 * Which machines run the loader of the other kind, in a file of the data folder, so that it survives a restart.
 */

const entry = z.object({
  mac: z.string().transform((text) => parseMac(text)),
  loader: z.string(),
  insteadOf: z.string(),
  since: z.iso.datetime(),
});

function fileIn(dataDir: string): string {
  return join(dataDir, "loaders.json");
}

/**
 * What is kept in a data folder; nothing where there is no file yet. Changes nothing.
 *
 * @throws when the file cannot be read or is not of that form
 */
export async function readProvenLoaders(dataDir: string): Promise<readonly ProvenLoader[]> {
  const machines = await readMachines(fileIn(dataDir), entry);
  return machines.flatMap(({ mac, loader, insteadOf, since }): ProvenLoader[] =>
    mac === null ? [] : [{ mac, loader, insteadOf, provenAtMs: Date.parse(since) }],
  );
}

export interface LoaderChoiceParts {
  readonly dataDir: string;
  readonly senderAt: SenderAt;
  readonly emit: Emit;
  readonly clock: SteadyClock;
}

/** Learns from events which loader runs on a machine, and keeps it. */
export class LoaderChoiceKeeper {
  readonly table = new LoaderChoiceTable();
  readonly #parts: LoaderChoiceParts;
  readonly #file: KeptFile;
  /** Looks which loaders there are. */
  #findSiblings = (): Promise<Siblings> => Promise.resolve(new Map());

  constructor(parts: LoaderChoiceParts) {
    const { dataDir, emit } = parts;
    this.#parts = parts;
    this.#file = new KeptFile(
      fileIn(dataDir),
      () => this.#content(),
      (reason) => emit({ event: "ways-unkept", reason }),
    );
  }

  /** Takes up what was kept, and looks for siblings from now on. A file that cannot be used is reported, and replaced when there is news. */
  async start(findSiblings: () => Promise<Siblings>): Promise<void> {
    const { dataDir, emit } = this.#parts;
    this.#findSiblings = findSiblings;
    await this.#lookForSiblings();
    try {
      for (const proven of await readProvenLoaders(dataDir)) {
        this.table.put(proven.mac, { proven, trial: null });
      }
    } catch (error) {
      emit({ event: "ways-unread", reason: `loaders.json: ${messageOf(error)}` });
    }
  }

  hear(event: PxeEvent): void {
    switch (event.event) {
      case "loader-done":
        this.#loaded(event, event.file);
        return;
      case "offer":
        this.#offered(event, event.boots);
        return;
      case "discover":
        // It says of itself that it is no firmware.
        if (event.userClass !== null) this.#ran(event);
        return;
      case "ipxe-discover":
        this.#ran(event);
        return;
      case "autoexec":
      case "script":
        this.#asked(event);
        return;
      default:
        return;
    }
  }

  /** Forgets what was learnt of a machine; false when nothing was known of it. */
  forget(mac: Mac): boolean {
    const { proven, trial } = this.table.of(mac);
    this.table.put(mac, { proven: null, trial: null });
    if (proven !== null) this.#file.changed();
    return proven !== null || trial !== null;
  }

  /** Resolves when everything is kept that can be. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #loaded(machine: Machine, file: string): void {
    const { siblings } = this.table;
    // Whatever else there is cannot be replaced.
    if (siblings.has(file) || [...siblings.values()].flat().includes(file)) {
      const mac = provedSender(machine, this.#parts.senderAt);
      if (mac === null) return;
      this.table.put(mac, loaded(this.table.of(mac), file, this.#parts.clock.wall()));
    }
    void this.#lookForSiblings();
  }

  /** iPXE asks by TFTP or HTTP. */
  #asked(machine: Machine): void {
    const { mac, address } = machine;
    if (mac === null || this.table.of(mac).trial === null) return;
    if (provedSender(machine, this.#parts.senderAt) !== null) this.#ran({ mac, address });
  }

  #offered({ mac, address }: Machine, boots: string): void {
    if (mac === null) return;
    const machine = this.table.of(mac);
    const insteadOf = failedLoader(machine);
    if (insteadOf === null) return;
    const loader = [...this.table.siblings.values()]
      .flat()
      .find((one) => boots === one || boots.endsWith(`/${encodeURIComponent(one)}`));
    if (loader === undefined || loader === insteadOf) return;
    this.table.put(mac, reported(machine));
    this.#parts.emit({ event: "loader-changed", mac, address, loader, insteadOf });
  }

  #ran({ mac, address }: Machine): void {
    if (mac === null) return;
    const before = this.table.of(mac);
    if (before.trial === null) return;
    const after = loaderRan(before, mac, this.#parts.clock.wall());
    this.table.put(mac, after);
    if (after.proven === before.proven) return;
    this.#file.changed();
    if (after.proven === null) return;
    const { loader, insteadOf } = after.proven;
    this.#parts.emit({ event: "loader-learnt", mac, address, loader, insteadOf });
  }

  /** Never rejects: what cannot be read is no loader. */
  async #lookForSiblings(): Promise<void> {
    this.table.siblings = await this.#findSiblings().catch(() => this.table.siblings);
  }

  #content(): string {
    const { offsetMs } = this.#parts.clock;
    const machines = this.table.proven().map(({ mac, loader, insteadOf, provenAtMs }) => ({
      mac,
      loader,
      insteadOf,
      since: new Date(provenAtMs + offsetMs).toISOString(),
    }));
    return `${JSON.stringify({ machines }, null, 1)}\n`;
  }
}
