import { identifies, isSameVersion, isTagOf, type SeenVersion } from "../file-version.ts";
import type { OriginState } from "../origin/origin.ts";
import type { StoredFile } from "../store/disk.ts";
import type { FetchedFile } from "../store/partial-downloads.ts";

/**
 * The set of files as far as it is here, and under which validators the origin has shown each content:
 * behind one name there may be several servers with the same bytes and other validators.
 */
export class HeldSet {
  readonly #files = new Map<string, FetchedFile>();
  readonly #seen = new Map<string, { readonly version: SeenVersion; readonly sha256: string }[]>();

  get size(): number {
    return this.#files.size;
  }

  get(name: string): FetchedFile | null {
    return this.#files.get(name) ?? null;
  }

  /** Makes a file part of the set. Returns whether its bytes are others than those that were. */
  put(file: FetchedFile): boolean {
    const former = this.get(file.name);
    this.#files.set(file.name, file);
    this.saw(file);
    return former?.sha256 !== file.sha256;
  }

  /** Returns whether it was there. */
  drop(name: string): boolean {
    return this.#files.delete(name);
  }

  /** The origin had this content in this version, whether it is in the set or not. */
  saw(file: FetchedFile): void {
    const { etag, lastModified, seenAtMs, sha256 } = file;
    const versions = this.#seen.get(file.name) ?? [];
    versions.push({ version: { etag, lastModified, seenAtMs }, sha256 });
    this.#seen.set(file.name, versions);
  }

  /**
   * Whether the origin still has what is held. `unsure`: its validators are the same, or it has none, and
   * they do not tell these bytes from others.
   */
  compare(name: string, state: OriginState): "same" | "changed" | "unsure" {
    const held = this.get(name);
    if (state.kind === "absent") return held === null ? "same" : "changed";
    if (held === null) return "changed";
    if (state.kind === "unchanged") return "same";
    if (state.size !== null && state.size !== held.size) return "changed";
    if (isTagOf(held.sha256, state.version)) return "same";
    const same = this.#versionsOf(held).filter((one) => isSameVersion(one, state.version));
    if (same.length === 0) return "changed";
    return same.some((one) => identifies(one, held.sha256)) ? "same" : "unsure";
  }

  /**
   * The files in the order of their names, each with validators that belong to its bytes and no others;
   * where there are none the next synchronisation has to fetch it.
   */
  files(): StoredFile[] {
    return [...this.#files.values()]
      .map(({ name, size, sha256, path, ...own }) => {
        const versions = [own, ...this.#versionsOf({ name, sha256 }).toReversed()];
        const sure = versions.find((one) => identifies(one, sha256));
        const { etag = null, lastModified = null } = sure ?? {};
        return { name, size, sha256, etag, lastModified, path };
      })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #versionsOf({ name, sha256 }: Pick<StoredFile, "name" | "sha256">): SeenVersion[] {
    const seen = this.#seen.get(name) ?? [];
    return seen.filter((one) => one.sha256 === sha256).map(({ version }) => version);
  }
}
