import {
  access,
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adopt, stageImport } from "../../../src/artifacts/store/bundle.ts";
import { openFile, type StoredFile } from "../../../src/artifacts/store/disk.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { MirrorSite } from "../../support/orchestrator.ts";

let site: MirrorSite;
beforeEach(async () => {
  site = await MirrorSite.open(new Map());
});
afterEach(() => site.close());

const origin = "https://o.example/tink-stack";

async function* chunksOf(text: string): AsyncGenerator<readonly Uint8Array[]> {
  for (const part of text.match(/.{1,3}/gs) ?? []) yield [fromText(part)];
}

function bring(store: GenerationStore, name: string, text: string): Promise<StoredFile> {
  const version = { etag: `"${text.length}"`, lastModified: null, seenAtMs: null };
  const announced = { version, size: text.length, offset: 0 };
  const how = { limitBytes: 1000, onBytes: () => {} };
  return store.incoming.write(origin, name, announced, chunksOf(text), how);
}

async function publish(store: GenerationStore, texts: Readonly<Record<string, string>>) {
  const files: StoredFile[] = [];
  for (const [name, text] of Object.entries(texts)) files.push(await bring(store, name, text));
  const generation = await store.publish(files, { origin, createdAt: "2026-01-01T00:00:00.000Z" });
  await store.incoming.clear();
  return generation;
}

function folder(...parts: string[]): string {
  return join(site.folder, "artifacts", ...parts);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

describe("a store without generations", () => {
  it("has nothing to serve", async () => {
    const store = await site.openStore();
    expect(store.current()).toBeNull();
    expect(store.list()).toEqual([]);
    expect(store.get("000001-20260101T000000Z")).toBeNull();
  });

  it("says which folder it cannot use", async () => {
    await writeFile(folder(), "a file");
    await expect(site.openStore()).rejects.toThrow(ConfigError);
    await expect(site.openStore()).rejects.toThrow(/artifacts cannot be used/);
    await rm(folder());
  });
});

describe("publishing", () => {
  it("makes a generation appear with its manifest, its files and nothing else", async () => {
    const store = await site.openStore();
    const generation = await publish(store, { "boot.ipxe": "script", "keys/db.der": "key" });
    expect(store.current()).toBe(generation);
    expect(await readdir(generation.directory)).toEqual(["boot.ipxe", "keys", "manifest.json"]);
    expect(await readdir(folder("staging"))).toEqual([]);
    const file = generation.file("keys/db.der");
    expect(file).toMatchObject({ size: 3, sha256: expect.stringMatching(/^2c70e12b7a0646f9/) });
    expect(await readFile(file?.path ?? "", "utf8")).toBe("key");
    expect(generation.file("manifest.json")).toBeNull();
  });

  it("gives ids that sort by age, also after a restart", async () => {
    const first = await publish(await site.openStore(), { a: "1" });
    const second = await publish(await site.openStore(), { a: "2" });
    expect(first.id).toMatch(/^000001-\d{8}T\d{6}Z$/);
    expect(second.id).toMatch(/^000002-/);
    expect(first.id < second.id).toBe(true);
  });

  it("shares unchanged files with the former generation, which stays as it was", async () => {
    const store = await site.openStore();
    const first = await publish(store, { a: "same", b: "old" });
    const second = await publish(store, { a: "same", b: "new" });
    const inode = async (generation: typeof first, name: string) =>
      (await stat(generation.file(name)?.path ?? "")).ino;
    expect(await inode(second, "a")).toBe(await inode(first, "a"));
    expect(await readFile(first.file("b")?.path ?? "", "utf8")).toBe("old");
    expect(await readFile(second.file("b")?.path ?? "", "utf8")).toBe("new");
  });

  it("writes files that nothing changes by mistake", async () => {
    const generation = await publish(await site.openStore(), { a: "1" });
    const { mode } = await stat(generation.file("a")?.path ?? "");
    expect(mode & 0o222).toBe(0);
  });
});

describe("old generations", () => {
  it("go when there are more than are kept, those in use excepted", async () => {
    const store = await site.openStore(2);
    const first = await publish(store, { a: "1" });
    site.inUse.add(first.id);
    const second = await publish(store, { a: "2" });
    const third = await publish(store, { a: "3" });
    const fourth = await publish(store, { a: "4" });
    expect(store.list().map(({ id }) => id)).toEqual([fourth.id, third.id, first.id]);
    expect(await readdir(folder("generations"))).toEqual([first.id, third.id, fourth.id]);
    expect(store.get(second.id)).toBeNull();
    site.inUse.clear();
    await store.prune();
    expect(store.get(first.id)).toBeNull();
    expect(await exists(first.directory)).toBe(false);
  });

  it("stay readable through what was opened before", async () => {
    const store = await site.openStore(1);
    const first = await publish(store, { a: "first" });
    const opened = await openFile(first.file("a")?.path ?? "");
    await publish(store, { a: "second" });
    expect(await exists(first.directory)).toBe(false);
    expect(await opened.read(0, 100)).toEqual(fromText("first"));
    await opened.close();
  });

  it("go at the start when fewer are to be kept than before", async () => {
    const store = await site.openStore(3);
    for (const text of ["1", "2", "3"]) await publish(store, { a: text });
    expect((await site.openStore(1)).list()).toHaveLength(1);
    expect(await readdir(folder("generations"))).toHaveLength(1);
  });
});

describe("opening after a crash", () => {
  it("serves the newest generation again", async () => {
    const generation = await publish(await site.openStore(), { "boot.ipxe": "script" });
    const again = await site.openStore();
    expect(again.current()).toMatchObject({ id: generation.id, manifest: generation.manifest });
    expect(again.current()?.file("boot.ipxe")).toEqual(generation.file("boot.ipxe"));
  });

  it("clears what an interrupted synchronisation left", async () => {
    await site.openStore();
    await mkdir(folder("staging", "removed-000001-20260101T000000Z"));
    await writeFile(folder("staging", "stray"), "x");
    expect((await site.openStore()).current()).toBeNull();
    expect(await readdir(folder("staging"))).toEqual([]);
  });

  const isRoot = process.getuid?.() === 0;
  const nobody = 65_534;

  it.skipIf(!isRoot)("passes over what another user left there", async () => {
    await site.openStore();
    await mkdir(folder("staging", "import-of-root", "keys"), { recursive: true });
    const parts = ["staging", "generations", "incoming"];
    for (const path of [site.folder, folder(), ...parts.map((part) => folder(part))]) {
      await chown(path, nobody, nobody);
    }
    process.seteuid?.(nobody);
    try {
      expect((await site.openStore()).current()).toBeNull();
    } finally {
      process.seteuid?.(0);
    }
    expect(await readdir(folder("staging"))).toEqual(["import-of-root"]);
  });

  it.skipIf(!isRoot)("keeps in service what the system does not let it read just now", async () => {
    const generation = await publish(await site.openStore(), { a: "content" });
    const parts = ["staging", "generations", "incoming"];
    for (const path of [site.folder, folder(), ...parts.map((part) => folder(part))]) {
      await chown(path, nobody, nobody);
    }
    await chmod(generation.file("a")?.path ?? "", 0);
    process.seteuid?.(nobody);
    try {
      const store = await site.openStore();
      expect(store.current()?.id).toBe(generation.id);
      expect([...(await store.verify())]).toEqual([]);
      expect(store.current()?.id).toBe(generation.id);
    } finally {
      process.seteuid?.(0);
    }
    expect(site.events.names()).toEqual(["generation-unread", "generation-unread"]);
    expect(site.events.named("generation-unread")[0]?.reason).toBe("a cannot be read now (EACCES)");
  });

  it.skipIf(!isRoot)("imports what root staged as the owner of the folder", async () => {
    const store = await site.openStore();
    for (const path of [site.folder, folder()]) await chown(path, nobody, nobody);
    const source = join(site.folder, "set");
    await mkdir(join(source, "keys"), { recursive: true });
    await writeFile(join(source, "keys", "a"), "content");
    const files = ["keys/a"];
    const word = await stageImport(folder(), source, { names: files, isRoot });
    for (const path of [[], ["keys"], ["keys", "a"]]) {
      expect((await stat(folder("staging", word, ...path))).uid).toBe(nobody);
    }
    const generation = await adopt(store, folder(), word, { files, sha256: {} });
    expect(await readFile(generation.file("keys/a")?.path ?? "", "utf8")).toBe("content");
  });

  it.each([
    ["its manifest is missing", "manifest.json", (path: string) => rm(path), /no manifest/],
    ["its manifest is cut off", "manifest.json", (path: string) => truncate(path, 60), /manifest/],
    [
      "its manifest is something else",
      "manifest.json",
      (path: string) => writeFile(path, "[]"),
      /manifest/,
    ],
    ["a file is missing", "a", (path: string) => rm(path), /a is missing/],
    [
      "a file is short",
      "a",
      (path: string) => overwrite(path, "aler"),
      /4 bytes, and the manifest says 5/,
    ],
    ["a file has other content", "a", (path: string) => overwrite(path, "rotte"), /content of a/],
    [
      "a file is a folder",
      "a",
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
      /a is missing/,
    ],
  ])("passes over a generation of which %s", async (_, name, damage, reason) => {
    const store = await site.openStore();
    const older = await publish(store, { a: "older" });
    const newer = await publish(store, { a: "newer" });
    await damage(join(newer.directory, name));
    const again = await site.openStore();
    expect(again.current()?.id).toBe(older.id);
    expect(again.get(newer.id)).toBeNull();
    expect(site.events.named("generation-damaged")).toEqual([
      { event: "generation-damaged", generation: newer.id, reason: expect.stringMatching(reason) },
    ]);
    // It goes with the next success, and its number is not given again.
    const next = await publish(again, { a: "next" });
    expect(next.id).toMatch(/^000003-/);
    expect(await readdir(folder("generations"))).toEqual([older.id, next.id]);
  });

  it("does not look at folders that are no generations", async () => {
    await publish(await site.openStore(), { a: "1" });
    await mkdir(folder("generations", "lost+found"));
    const again = await site.openStore();
    expect(again.list()).toHaveLength(1);
    expect(site.events.all).toEqual([]);
    expect(await exists(folder("generations", "lost+found"))).toBe(true);
  });
});

/** As root, a file's mode does not protect it; as anybody else it has to be replaced. */
async function overwrite(path: string, text: string): Promise<void> {
  await rm(path);
  await writeFile(path, text);
}
