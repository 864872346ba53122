import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Generation } from "../../../src/artifacts/store/generation.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import {
  held,
  mirrored,
  MirrorSite,
  release,
  sums,
  syncFailure,
} from "../../support/orchestrator.ts";

let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
  store = await site.openStore();
});
afterEach(() => site.close());

describe("the first synchronisation", () => {
  it("fetches the whole set and serves it", async () => {
    const result = await site.mirror(store).sync();
    expect(result).toMatchObject({ changed: true, generation: store.current()?.id });
    expect(result.fetched.map(({ file }) => file).toSorted()).toEqual(mirrored.toSorted());
    expect(await held(store.current())).toEqual(sums(release("1")));
    expect(store.current()?.manifest.origin).toBe(site.orchestrator.url());
    expect(await site.staging()).toEqual([]);
  });

  it("reports itself from start to end", async () => {
    await site.mirror(store).sync();
    const names = site.events.names();
    expect(names[0]).toBe("sync-start");
    expect(names.at(-1)).toBe("sync-done");
    expect(
      site.events
        .named("sync-file")
        .map(({ file }) => file)
        .toSorted(),
    ).toEqual(mirrored.toSorted());
  });

  it("tells how far each file is", async () => {
    const seen: string[] = [];
    await site.mirror(store).sync(undefined, ({ file, bytes, total }) => {
      expect(bytes).toBeLessThanOrEqual(total ?? 0);
      if (bytes === total) seen.push(file);
    });
    expect(seen.toSorted()).toEqual(mirrored.toSorted());
  });

  it("takes a path with several parts and an origin with a slash at its end", async () => {
    const originOptions = { url: `${site.orchestrator.url()}/` };
    await site
      .mirror(store, { files: [...mirrored, "keys/Full_server.crt"], originOptions })
      .sync();
    const file = store.current()?.file("keys/Full_server.crt");
    expect(await readFile(file?.path ?? "", "utf8")).toBe(site.certificate.cert);
  });

  it("takes optional files where they are, and does without them where they are not", async () => {
    const optionalFiles = ["keys/db.der", "signed_ipxe.efi"];
    site.orchestrator.replace("signed_ipxe.efi", release("x").get("vmlinuz-x86_64") ?? "");
    await site.mirror(store, { optionalFiles }).sync();
    expect(store.current()?.file("signed_ipxe.efi")).not.toBeNull();
    expect(store.current()?.file("keys/db.der")).toBeNull();
  });
});

describe("a further synchronisation", () => {
  it("costs no byte when nothing has changed", async () => {
    const mirror = site.mirror(store);
    const { generation } = await mirror.sync();
    const before = { ...site.orchestrator.counters };
    const result = await mirror.sync();
    expect(result).toMatchObject({ changed: false, generation, fetched: [] });
    expect(site.orchestrator.counters.bodyBytes).toBe(before.bodyBytes);
    expect(site.orchestrator.counters.requests).toBe(before.requests + mirrored.length);
    expect(store.list()).toHaveLength(1);
  });

  it("costs no byte after a restart either", async () => {
    await site.mirror(store).sync();
    const { bodyBytes } = site.orchestrator.counters;
    const again = await site.openStore();
    expect(await site.mirror(again).sync()).toMatchObject({ changed: false, fetched: [] });
    expect(site.orchestrator.counters.bodyBytes).toBe(bodyBytes);
  });

  it("fetches only the file that changed, and shares the others", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    const first = store.current();
    const script = release("2").get("boot.ipxe") ?? "";
    site.orchestrator.replace("boot.ipxe", script);
    const result = await mirror.sync();
    expect(result.fetched.map(({ file }) => file)).toEqual(["boot.ipxe"]);
    expect(await held(store.current())).toEqual(
      sums(new Map([...release("1"), ["boot.ipxe", script]])),
    );
    const inode = async (generation: Generation | null) =>
      (await stat(generation?.file("initramfs-x86_64")?.path ?? "")).ino;
    expect(await inode(store.current())).toBe(await inode(first));
    expect(await held(first)).toEqual(sums(release("1")));
  });

  it("makes no generation of files that are only newer, and does not fetch them twice", async () => {
    const mirror = site.mirror(store);
    const { generation } = await mirror.sync();
    for (const [name, content] of release("1")) site.orchestrator.replace(name, content);
    expect(await mirror.sync()).toMatchObject({ changed: false, generation });
    const { bodyBytes } = site.orchestrator.counters;
    expect(await mirror.sync()).toMatchObject({ changed: false, fetched: [] });
    expect(await site.mirror(await site.openStore()).sync()).toMatchObject({ fetched: [] });
    expect(site.orchestrator.counters.bodyBytes).toBe(bodyBytes);
  });

  it("fetches everything from another origin, and keeps the generation when it is the same", async () => {
    const { generation } = await site.mirror(store).sync();
    const originOptions = { url: site.orchestrator.url("127.0.0.1") };
    const other = site.mirror(store, { originOptions });
    const result = await other.sync();
    expect(result).toMatchObject({ changed: false, generation });
    expect(result.fetched).toHaveLength(mirrored.length);
    expect(await other.sync()).toMatchObject({ fetched: [] });
  });

  it("makes a generation when files are added or no longer wanted", async () => {
    await site.mirror(store).sync();
    const more = [...mirrored, "keys/Full_server.crt"];
    const added = await site.mirror(store, { files: more }).sync();
    expect(added.fetched.map(({ file }) => file)).toEqual(["keys/Full_server.crt"]);
    const { bodyBytes } = site.orchestrator.counters;
    expect(await site.mirror(store).sync()).toMatchObject({ changed: true, fetched: [] });
    expect(site.orchestrator.counters.bodyBytes).toBe(bodyBytes);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });

  it("fetches what was lost from the disk", async () => {
    const mirror = site.mirror(store);
    const first = await mirror.sync();
    await rm(store.current()?.file("vmlinuz-x86_64")?.path ?? "");
    const second = await mirror.sync();
    expect(second.changed).toBe(true);
    expect(second.generation > first.generation).toBe(true);
    expect(second.fetched.map(({ file }) => file)).toEqual(["vmlinuz-x86_64"]);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });
});

describe("an origin that changes while it is read", () => {
  it("never gives a set of two releases", async () => {
    // The new release arrives right behind the first request for the last file.
    let asked = 0;
    site.orchestrator.intercept((name, request) => {
      if (request.method === "GET" && name === "initramfs-x86_64" && asked++ === 0) {
        for (const [file, content] of release("2")) site.orchestrator.replace(file, content);
      }
      return false;
    });
    await site.mirror(store).sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
    expect(store.list()).toHaveLength(1);
  });

  it("never gives a set of two releases when the change comes after the last download", async () => {
    let heads = 0;
    site.orchestrator.intercept((_, request) => {
      if (request.method === "HEAD" && heads++ === 0) {
        for (const [file, content] of release("2")) site.orchestrator.replace(file, content);
      }
      return false;
    });
    await site.mirror(store).sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
  });

  it.each([0, 3, 10, 30])(
    "is read again when files are overwritten in place while they are read (%i turns later)",
    async (turns) => {
      const path = join(site.folder, "initramfs");
      await writeFile(path, release("1").get("initramfs-x86_64") ?? "");
      // nginx's entity tag has no more than the second.
      await utimes(path, 1_700_000_000, 1_700_000_000);
      site.orchestrator.replace("initramfs-x86_64", path);
      const overwriting: Promise<void>[] = [];
      const overwrite = async (name: string): Promise<void> => {
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        await writeFile(path, release("2").get(name) ?? "");
        for (const file of ["boot.ipxe", "vmlinuz-x86_64"]) {
          site.orchestrator.replace(file, release("2").get(file) ?? "");
        }
      };
      site.orchestrator.intercept((name, request) => {
        if (name !== "initramfs-x86_64" || request.method !== "GET") return false;
        if (overwriting.length === 0) overwriting.push(overwrite(name));
        return false;
      });
      const mirror = site.mirror(store);
      // A file that was caught while it was empty or half written is refused.
      const outcome = await mirror.sync().then(
        () => "done: was refused or not",
        (error: unknown) => String(error),
      );
      expect(outcome).toMatch(/was refused/);
      await Promise.all(overwriting);
      const got = await held(store.current());
      expect([[], sums(release("1")), sums(release("2"))]).toContainEqual(got);
      await mirror.sync();
      expect(await held(store.current())).toEqual(sums(release("2")));
    },
  );

  it("notices that a file it need not fetch changed while it fetched another", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    site.orchestrator.replace("boot.ipxe", release("2").get("boot.ipxe") ?? "");
    site.orchestrator.intercept((name, request) => {
      if (request.method === "HEAD" && name === "vmlinuz-x86_64") {
        site.orchestrator.intercept(null);
        for (const [file, content] of release("2")) site.orchestrator.replace(file, content);
      }
      return false;
    });
    await mirror.sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
  });

  it("is given up when it does not come to rest, and the former set stays", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    const former = store.current();
    let version = 2;
    site.orchestrator.intercept((name, request) => {
      if (request.method === "HEAD" && name === "boot.ipxe") {
        site.orchestrator.replace(name, release(`${version++}`).get(name) ?? "");
      }
      return false;
    });
    site.orchestrator.replace("boot.ipxe", release("1b").get("boot.ipxe") ?? "");
    expect(await syncFailure(mirror.sync())).toMatch(/boot\.ipxe changed again and again/);
    expect(store.current()).toBe(former);
  });
});
