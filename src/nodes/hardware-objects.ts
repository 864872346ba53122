import { z } from "zod";
import type { NodeEntry } from "../boot/node.ts";
import { checkPlaced, type PlacedEntry } from "./placed-entries.ts";
import { hardwareInputs } from "./tinkerbell.ts";

/** What of an object's metadata is needed to follow it. */
export const objectMeta = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().default(""),
    resourceVersion: z.string().default(""),
  }),
});

export interface HardwareEntries {
  readonly entries: readonly NodeEntry[];
  readonly problems: readonly string[];
}

/** What is kept of an object over a restart: its entries in the form of the nodes file. */
export interface KeptHardware {
  readonly object: string;
  readonly inputs: readonly object[];
}

/** The `Hardware` objects of a cluster as entries, followed one by one. */
export class HardwareObjects {
  readonly #known = new Map<string, HardwareEntries>();
  readonly #inputs = new Map<string, readonly object[]>();

  get size(): number {
    return this.#known.size;
  }

  /** An object is there, or has changed. */
  put(object: unknown): void {
    const { metadata } = objectMeta.parse(object);
    const name = `${metadata.namespace}/${metadata.name}`;
    const inputs = hardwareInputs(object);
    if (typeof inputs !== "string") return this.#take(name, inputs);
    this.#inputs.delete(name);
    this.#known.set(name, { entries: [], problems: [`Hardware ${name}: ${inputs}`] });
  }

  remove(object: unknown): void {
    const { metadata } = objectMeta.parse(object);
    this.#forget(`${metadata.namespace}/${metadata.name}`);
  }

  /** Those that a whole list did not have are gone. */
  keepOnly(objects: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!objects.has(name)) this.#forget(name);
  }

  /** All entries, and what is wrong; of two objects with the same MAC or address the first by name counts. */
  all(): HardwareEntries {
    const gathering = this.gather();
    for (;;) {
      const step = gathering.next();
      if (step.done === true) return step.value;
    }
  }

  /** The same, object by object: of those that there are at the first step, whatever changes before the last. */
  *gather(): Generator<void, HardwareEntries> {
    const byName = [...this.#known].toSorted(([one], [other]) => (one < other ? -1 : 1));
    const entries: NodeEntry[] = [];
    const problems: string[] = [];
    const taken = new Map<string, string>();
    for (const [name, known] of byName) {
      yield;
      problems.push(...known.problems);
      for (const entry of known.entries) {
        const keys = [entry.mac, entry.address].flatMap((key) => key ?? []);
        const twice = keys.find((key) => taken.has(key));
        if (twice === undefined) {
          for (const key of keys) taken.set(key, name);
          entries.push(entry);
        } else
          problems.push(`Hardware ${name}: Hardware ${taken.get(twice) ?? ""} has ${twice} too`);
      }
    }
    return { entries, problems };
  }

  /** Those that there are now. */
  kept(): readonly KeptHardware[] {
    return Array.from(this.#inputs, ([object, inputs]) => ({ object, inputs }));
  }

  restore(kept: readonly KeptHardware[]): void {
    for (const { object, inputs } of kept) this.#take(object, inputs);
  }

  #take(name: string, inputs: readonly object[]): void {
    const placed = inputs.map((value): PlacedEntry => ({ value, place: `Hardware ${name}` }));
    this.#inputs.set(name, inputs);
    this.#known.set(name, checkPlaced(placed));
  }

  #forget(name: string): void {
    this.#known.delete(name);
    this.#inputs.delete(name);
  }
}
