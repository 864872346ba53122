import {
  type OrchestratorScript,
  parseOrchestratorScript,
} from "../../boot/script/orchestrator-script.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { InternalError, SyncError } from "../../lib/errors.ts";
import type { Files } from "../files/files.ts";
import type { ServedGeneration } from "./content.ts";

/** More generations than machines boot from at the same time. */
const maxScripts = 8;

export interface KnownScript {
  /** Of its text, in hex. */
  readonly sha256: string;
  readonly script: OrchestratorScript;
}

/** The orchestrator's script of each generation, read, checked and parsed once. */
export class OrchestratorScripts {
  readonly #files: Pick<Files, "text">;
  /** By SHA-256. */
  readonly #scripts = new BoundedMap<string, KnownScript>(maxScripts);

  constructor(files: Pick<Files, "text">) {
    this.#files = files;
  }

  /** Where it is in memory. */
  known(generation: ServedGeneration): KnownScript | null {
    const stored = generation.file("boot.ipxe");
    return stored === null ? null : (this.#scripts.get(stored.sha256) ?? null);
  }

  /** @throws SyncError when there is none, or none that can be used */
  async of(generation: ServedGeneration | null): Promise<KnownScript> {
    if (generation === null) throw new InternalError("a script without a generation");
    const { id } = generation;
    const stored = generation.file("boot.ipxe");
    if (stored === null) {
      throw new SyncError(`generation ${id} has no boot.ipxe; add it to artifacts.files`);
    }
    const before = this.#scripts.get(stored.sha256);
    if (before !== undefined) return before;
    const text = await this.#files.text(stored);
    if (text === null) {
      throw new SyncError(`boot.ipxe of generation ${id} was changed on disk; run: eim-pxe sync`);
    }
    const known = { sha256: stored.sha256, script: parseOrchestratorScript(text) };
    this.#scripts.set(stored.sha256, known);
    return known;
  }
}
