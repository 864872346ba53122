import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  loaderDone,
  loaderRuns,
  loaderStarted,
  type MachineWays,
  type ProvenWay,
  ways,
  type WayTable,
} from "../boot/ways.ts";
import type { Clock } from "../lib/clock.ts";
import { errnoOf, messageOf } from "../lib/errors.ts";
import { type Mac, parseMac } from "../lib/mac.ts";
import type { Emit, PxeEvent } from "../observe/events.ts";
import { replaceFile } from "./replace-file.ts";

/*
 * What was learnt of the machines' firmware, in a file of the data folder, so that it survives a restart.
 */

const mac = z
  .string()
  .refine((text) => parseMac(text) !== null)
  .transform((text) => parseMac(text) ?? text);
const kept = z.object({
  machines: z.array(z.object({ mac, way: z.enum(ways), since: z.iso.datetime() })),
});

function fileIn(dataDir: string): string {
  return join(dataDir, "ways.json");
}

/**
 * What is kept in a data folder; nothing where there is no file yet. Changes nothing.
 *
 * @throws when the file cannot be read or is not of that form
 */
export async function readWays(dataDir: string): Promise<readonly ProvenWay[]> {
  let text: string;
  try {
    text = await readFile(fileIn(dataDir), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  const { machines } = kept.parse(JSON.parse(text));
  return machines.map(({ mac: machine, way, since }) => ({
    mac: machine,
    way,
    provenAtMs: Date.parse(since),
  }));
}

export interface WayKeeperParts {
  readonly table: WayTable;
  readonly dataDir: string;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** Learns from events which way was right for a machine, and keeps it. */
export class WayKeeper {
  readonly #parts: WayKeeperParts;
  #writing: Promise<void> | null = null;
  #stale = false;

  constructor(parts: WayKeeperParts) {
    this.#parts = parts;
  }

  /** Takes up what was kept. A file that cannot be used is reported, and replaced when there is news. */
  async start(): Promise<void> {
    const { table, dataDir, emit } = this.#parts;
    try {
      table.restore(await readWays(dataDir));
    } catch (error) {
      emit({ event: "ways-unread", reason: messageOf(error) });
    }
  }

  /** To be told of every event. */
  observe(event: PxeEvent): void {
    switch (event.event) {
      case "loader-start":
        this.#learn(event, (machine) => loaderStarted(machine, this.#parts.clock.wall()));
        return;
      case "loader-done":
        this.#learn(event, loaderDone);
        return;
      case "autoexec":
      case "script":
        this.#learn(event, loaderRuns);
        return;
      default:
        return;
    }
  }

  /** Makes a newcomer of a machine; false when nothing was known of it. */
  forget(machine: Mac): boolean {
    if (!this.#parts.table.forget(machine)) return false;
    this.#parts.emit({ event: "way-forgotten", mac: machine, address: null });
    this.#keep();
    return true;
  }

  /** Resolves when everything is kept that can be. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  #learn(
    event: { readonly mac: Mac | null; readonly address: string | null },
    step: (machine: MachineWays) => MachineWays,
  ): void {
    const { table, emit } = this.#parts;
    if (event.mac === null) return;
    const machine = step(table.of(event.mac));
    if (!table.put(machine) || machine.proven === null) return;
    const { way } = machine.proven;
    emit({ event: "way-learnt", mac: event.mac, address: event.address, way });
    this.#keep();
  }

  /** One write at a time; what changes meanwhile is in the next one. */
  #keep(): void {
    this.#stale = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  async #write(): Promise<void> {
    const { table, dataDir, emit } = this.#parts;
    while (this.#stale) {
      this.#stale = false;
      const machines = table.proven().map(({ mac: machine, way, provenAtMs }) => ({
        mac: machine,
        way,
        since: new Date(provenAtMs).toISOString(),
      }));
      try {
        await mkdir(dataDir, { recursive: true, mode: 0o750 });
        await replaceFile(fileIn(dataDir), `${JSON.stringify({ machines }, null, 1)}\n`);
      } catch (error) {
        emit({ event: "ways-unkept", reason: messageOf(error) });
      }
    }
  }
}
