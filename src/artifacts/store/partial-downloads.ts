import { chmod, link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, syncPath } from "../../lib/atomic-file.ts";
import { SyncError } from "../../lib/errors.ts";
import { DiskFullError, onDisk, requireRoom, sha256OfFile, type StoredFile } from "./disk.ts";
import { type IncomingRecord, keyOf, parseRecord } from "./partial-record.ts";
import type { Beginning, SeenVersion } from "../file-version.ts";
import { openSink } from "./hashing-writer.ts";

/** How often it is looked whether the disk has room, for others write to it and not every origin says a size. */
const CHECK_BYTES = 8 * 1024 * 1024;

const SYNC_BYTES = 32 * 1024 * 1024;

/** A file that was fetched, with the version that it was announced as. */
export interface FetchedFile extends StoredFile, SeenVersion {}

/** What is being fetched, as the origin announced it. */
export interface Announced {
  readonly version: SeenVersion;
  /** Bytes of the whole file; null when the origin does not say. */
  readonly size: number | null;
  /** Where the bytes begin that come now: 0, or behind what is here already. */
  readonly offset: number;
}

/**
 * Files on their way in. What was fetched stays here, whole or in part, until a generation was made of
 * it: after a break, a crash or a power cut nothing is fetched again that need not be.
 */
export class Incoming {
  readonly #folder: string;
  readonly #boot: string;
  readonly #records: Map<string, IncomingRecord>;

  private constructor(folder: string, boot: string, records: Map<string, IncomingRecord>) {
    this.#folder = folder;
    this.#boot = boot;
    this.#records = records;
  }

  /** Reads what an interrupted synchronisation left, and removes what is of no use. */
  static async open(folder: string): Promise<Incoming> {
    await mkdir(folder, { recursive: true });
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
    const incoming = new Incoming(folder, boot, new Map());
    await incoming.#load();
    return incoming;
  }

  /** The whole file of that name, fetched from that origin and not yet in a generation. */
  held(origin: string, name: string): FetchedFile | null {
    const key = keyOf(origin, name);
    const {
      sha256 = null,
      etag = null,
      lastModified = null,
      seenAtMs = null,
      safeBytes: size = 0,
    } = this.#records.get(key) ?? {};
    const path = this.#dataPath(key);
    return sha256 === null ? null : { name, size, sha256, etag, lastModified, seenAtMs, path };
  }

  /** How much of a file is here, and of which version. */
  async beginning(origin: string, name: string): Promise<Beginning | null> {
    const key = keyOf(origin, name);
    const found = this.#records.get(key);
    if (found === undefined || found.sha256 !== null) return null;
    const bytes = await this.#usableBytes(key, found);
    const { etag, lastModified, seenAtMs, size } = found;
    return bytes === 0 ? null : { bytes, size, version: { etag, lastModified, seenAtMs } };
  }

  /**
   * Writes a file as it comes, behind what is there of it, and to the disk before it returns.
   *
   * @param limitBytes more than that is no file of this kind
   * @throws SyncError when the disk refuses or the file is too large; what `chunks` throws
   */
  async write(
    origin: string,
    name: string,
    announced: Announced,
    chunks: AsyncIterable<readonly Uint8Array[]>,
    how: { readonly limitBytes: number; readonly onBytes: (total: number) => void },
  ): Promise<FetchedFile> {
    const key = keyOf(origin, name);
    const { offset, size, version } = announced;
    const started = { origin, name, ...version, size, sha256: null, boot: this.#boot };
    try {
      if (size !== null && size > how.limitBytes) throw tooLarge(name, size, how.limitBytes);
      await requireRoom(this.#folder, name, (size ?? offset) - offset);
      if (offset === 0) await this.#forget(key);
      await this.#note(key, { ...started, safeBytes: offset });
      const fresh = await this.#append(key, name, announced, chunks, how);
      await onDisk(name, chmod(this.#dataPath(key), 0o444));
      await this.#note(key, { ...started, sha256: fresh.sha256, safeBytes: fresh.size });
      return { name, ...version, ...fresh, path: this.#dataPath(key) };
    } catch (error) {
      if (error instanceof DiskFullError || error instanceof TooLargeError) {
        // A part that fills the disk would keep leases from being written.
        await this.remove(origin, name);
      }
      if (!(error instanceof DiskFullError) || error.missingBytes !== null) throw error;
      await requireRoom(this.#folder, name, size ?? offset);
      throw error;
    }
  }

  /** Takes over what is intact of a damaged generation, as if it had been fetched just now. */
  async salvage(found: {
    readonly origin: string | null;
    readonly intact: readonly StoredFile[];
  }): Promise<void> {
    for (const { name, size, sha256, etag, lastModified, path } of found.intact) {
      const origin = found.origin ?? "";
      const key = keyOf(origin, name);
      if (this.#records.has(key)) continue;
      try {
        await link(path, this.#dataPath(key));
        // What is in a generation was made sure of.
        const seenAtMs = Date.now();
        const version = { origin, name, etag, lastModified, seenAtMs, size, sha256 };
        await this.#note(key, { ...version, safeBytes: size, boot: this.#boot });
      } catch {
        // It is fetched again.
        await this.#forget(key);
      }
    }
  }

  /** @throws DiskFullError when so many bytes do not fit onto the disk */
  async requireRoom(name: string, bytes: number): Promise<void> {
    await requireRoom(this.#folder, name, bytes);
  }

  /** For what turned out to be of no use. */
  async remove(origin: string, name: string): Promise<void> {
    await this.#forget(keyOf(origin, name));
  }

  /** Removes everything: a generation was made of it. */
  async clear(): Promise<void> {
    this.#records.clear();
    for (const name of await readdir(this.#folder).catch(() => [])) {
      await rm(join(this.#folder, name), removal).catch(() => {});
    }
  }

  async #append(
    key: string,
    name: string,
    announced: Announced,
    chunks: AsyncIterable<readonly Uint8Array[]>,
    how: { readonly limitBytes: number; readonly onBytes: (total: number) => void },
  ): Promise<{ readonly size: number; readonly sha256: string }> {
    const { offset } = announced;
    const path = this.#dataPath(key);
    const handle = await onDisk(name, open(path, offset === 0 ? "w+" : "r+", 0o644));
    let size = offset;
    let checkedAt = offset;
    try {
      await onDisk(name, handle.truncate(offset));
      const expected = announced.size === null ? null : announced.size - offset;
      const sink = await openSink({ name, path, handle, offset }, expected);
      // The disk works along, so that little is left to wait for at the end.
      let syncing: Promise<void> | null = null;
      let syncedAt = offset;
      try {
        for await (const batch of chunks) {
          for (const chunk of batch) size += chunk.length;
          if (size - checkedAt >= CHECK_BYTES) {
            checkedAt = size;
            await requireRoom(this.#folder, name, 0);
          }
          if (size > how.limitBytes) throw tooLarge(name, size, how.limitBytes);
          await sink.write(batch);
          how.onBytes(size);
          if (syncing !== null || size - syncedAt < SYNC_BYTES) continue;
          syncedAt = size;
          // Whether that worked is told by the one at the end.
          syncing = handle
            .datasync()
            .catch(() => {})
            .finally(() => (syncing = null));
        }
        const sha256 = await sink.finish();
        await onDisk(name, handle.sync());
        return { size, sha256 };
      } finally {
        await sink.close();
        await syncing;
      }
    } catch (error) {
      await this.#keepPart(key, handle).catch(() => {});
      throw error;
    } finally {
      await handle.close();
    }
  }

  /** What came until the break is put on the disk, so that it counts even after a power cut. */
  async #keepPart(key: string, handle: Awaited<ReturnType<typeof open>>): Promise<void> {
    const former = this.#records.get(key);
    if (former === undefined) return;
    await handle.sync();
    await this.#note(key, { ...former, safeBytes: (await handle.stat()).size });
  }

  async #load(): Promise<void> {
    const names = await readdir(this.#folder);
    for (const name of names.filter((one) => one.endsWith(".json"))) {
      const key = name.slice(0, -".json".length);
      const found = parseRecord(await readFile(join(this.#folder, name), "utf8").catch(() => ""));
      if (found === null || !(await this.#isUsable(key, found))) continue;
      this.#records.set(key, found);
      await this.#completeIfWhole(key, found);
    }
    const known = new Set(
      [...this.#records.keys()].flatMap((key) => [`${key}.json`, `${key}.data`]),
    );
    for (const name of names.filter((one) => !known.has(one))) {
      await rm(join(this.#folder, name), removal).catch(() => {});
    }
  }

  async #isUsable(key: string, found: IncomingRecord): Promise<boolean> {
    if (keyOf(found.origin, found.name) !== key) return false;
    if (found.sha256 === null) return (await this.#usableBytes(key, found)) > 0;
    return (await sha256OfFile(this.#dataPath(key)).catch(() => null)) === found.sha256;
  }

  /** The process ended between the last byte and the note that it was the last. */
  async #completeIfWhole(key: string, found: IncomingRecord): Promise<void> {
    const bytes = await this.#usableBytes(key, found);
    if (found.sha256 !== null || bytes !== found.size) return;
    await syncPath(this.#dataPath(key));
    const sha256 = await sha256OfFile(this.#dataPath(key));
    await this.#note(key, { ...found, sha256, safeBytes: bytes });
  }

  async #usableBytes(key: string, found: IncomingRecord): Promise<number> {
    const size = (await stat(this.#dataPath(key)).catch(() => null))?.size ?? 0;
    const sameBoot = found.boot !== "" && found.boot === this.#boot;
    return sameBoot ? size : Math.min(size, found.safeBytes);
  }

  async #note(key: string, value: IncomingRecord): Promise<void> {
    this.#records.set(key, value);
    const path = join(this.#folder, `${key}.json`);
    // After a power cut a record without bytes for sure is worth nothing.
    const durable = value.safeBytes > 0;
    await onDisk(value.name, replaceFile(path, `${JSON.stringify(value)}\n`, { durable }));
  }

  async #forget(key: string): Promise<void> {
    this.#records.delete(key);
    await rm(join(this.#folder, `${key}.json`), removal).catch(() => {});
    await rm(this.#dataPath(key), removal).catch(() => {});
  }

  #dataPath(key: string): string {
    return join(this.#folder, `${key}.data`);
  }
}

const removal = { recursive: true, force: true } as const;

/** The origin sends more than such a file can have. */
class TooLargeError extends SyncError {}

function tooLarge(name: string, bytes: number, limitBytes: number): TooLargeError {
  return new TooLargeError(
    `${name} from the orchestrator was refused: it has ${bytes} bytes or more, and at most ${limitBytes} are ` +
      "taken for such a file. Compare with what the origin serves.",
  );
}
