import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Generation } from "../../src/artifacts/generation.ts";
import type { GenerationStore } from "../../src/artifacts/store.ts";
import { makeCertificate } from "../../src/demo/certificate.ts";
import { ConfigError, SyncError } from "../../src/lib/errors.ts";
import { mirrored, MirrorSite, release } from "../support/orchestrator.ts";

let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
  store = await site.openStore();
});
afterEach(() => site.close());

function staging(): Promise<string[]> {
  return readdir(join(site.folder, "artifacts", "staging"));
}

/** What a generation really holds on disk: names and checksums, in the order of names. */
async function held(generation: Generation | null): Promise<[string, string][]> {
  const names = generation?.manifest.files.map(({ name }) => name) ?? [];
  const files = names.map(
    async (name) => [name, await readFile(generation?.file(name)?.path ?? "")] as const,
  );
  return sums(new Map(await Promise.all(files)));
}

function sums(files: ReadonlyMap<string, string | Uint8Array>): [string, string][] {
  const sum = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");
  return [...files]
    .map(([name, content]): [string, string] => [name, sum(content)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

async function failure(sync: Promise<unknown>): Promise<string> {
  const error: unknown = await sync.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SyncError);
  return error instanceof SyncError ? error.message : "";
}

describe("the first synchronisation", () => {
  it("fetches the whole set and serves it", async () => {
    const result = await site.mirror(store).sync();
    expect(result).toMatchObject({ changed: true, generation: store.current()?.id });
    expect(result.fetched.map(({ file }) => file).toSorted()).toEqual(mirrored.toSorted());
    expect(await held(store.current())).toEqual(sums(release("1")));
    expect(store.current()?.manifest.origin).toBe(site.orchestrator.url());
    expect(await staging()).toEqual([]);
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
    expect(await failure(mirror.sync())).toMatch(/boot\.ipxe changed again and again/);
    expect(store.current()).toBe(former);
    expect(await staging()).toEqual([]);
  });
});

describe("a synchronisation that fails", () => {
  it("keeps serving, says so, and a restart serves the same", async () => {
    const { generation } = await site.mirror(store).sync();
    await site.orchestrator.close();
    const reason = await failure(site.mirror(store).sync());
    expect(reason).toMatch(/connection refused/);
    expect(site.events.named("sync-failed")).toEqual([
      { event: "sync-failed", origin: site.orchestrator.url(), reason, serving: generation },
    ]);
    expect(await held(store.current())).toEqual(sums(release("1")));
    const again = await site.openStore();
    expect(await held(again.current())).toEqual(sums(release("1")));
    expect(again.current()?.id).toBe(generation);
  });

  it("has nothing to serve when it was the first", async () => {
    await site.orchestrator.close();
    await failure(site.mirror(store).sync());
    expect(site.events.named("sync-failed")[0]?.serving).toBeNull();
    expect(store.current()).toBeNull();
  });

  it.each(mirrored)("refuses %s when it was cut off on the way", async (cut) => {
    const mirror = site.mirror(store);
    await mirror.sync();
    const former = store.current();
    for (const [name, content] of release("2")) site.orchestrator.replace(name, content);
    site.orchestrator.intercept((name, request, response) => {
      if (name !== cut || request.method === "HEAD") return false;
      const content = Buffer.from(release("2").get(name) ?? "");
      response.writeHead(200, { "content-length": content.length, etag: '"new"' });
      response.write(content.subarray(0, content.length / 2), () => response.destroy());
      return true;
    });
    expect(await failure(mirror.sync())).toMatch(
      new RegExp(`${cut} could not be fetched after \\d+ of \\d+ bytes: the connection was closed`),
    );
    expect(store.current()).toBe(former);
    expect(await staging()).toEqual([]);
  });

  it.each([
    ["a file that the origin has only half of", (content: Buffer) => content.subarray(0, 400_000)],
    ["an HTML page in its place", () => Buffer.from("<html><body>Log in</body></html>")],
  ])("refuses %s", async (_, falsify) => {
    const mirror = site.mirror(store);
    await mirror.sync();
    const former = store.current();
    for (const [name, content] of release("2")) site.orchestrator.replace(name, content);
    const whole = Buffer.from(release("2").get("initramfs-x86_64") ?? "");
    site.orchestrator.replace("initramfs-x86_64", falsify(whole));
    expect(await failure(mirror.sync())).toMatch(
      /^initramfs-x86_64 from the orchestrator was refused/,
    );
    expect(store.current()).toBe(former);
    expect(await staging()).toEqual([]);
    // Once the orchestrator is done, the same mirror is well again.
    site.orchestrator.replace("initramfs-x86_64", whole);
    expect(await mirror.sync()).toMatchObject({ changed: true });
    expect(await held(store.current())).toEqual(sums(release("2")));
  });

  it("names the file that is not there", async () => {
    site.orchestrator.remove("vmlinuz-x86_64");
    expect(await failure(site.mirror(store).sync())).toMatch(
      /vmlinuz-x86_64 does not exist \(404\).*ends in \/tink-stack/s,
    );
    expect(await staging()).toEqual([]);
  });

  it("stops at a certificate that the CA does not cover", async () => {
    const other = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
    const originOptions = { ca: { pem: other.cert, file: "old.crt" } };
    const message = await failure(site.mirror(store, { originOptions }).sync());
    expect(message).toMatch(/is not trusted .*old\.crt: .*SHA-256 [0-9A-F:]{95}/);
    expect(site.orchestrator.counters.bodyBytes).toBe(0);
  });
});

describe("pinned files", () => {
  const kernel = "vmlinuz-x86_64";

  it("are taken when they are the right ones, whatever the case of the digits", async () => {
    await site.mirror(store).sync();
    const sum = store.current()?.file(kernel)?.sha256 ?? "";
    const mirror = site.mirror(store, { sha256: { [kernel]: sum.toUpperCase() } });
    expect(await mirror.sync()).toMatchObject({ changed: false, fetched: [] });
  });

  it("are refused when they are others, even those that are served already", async () => {
    const mirror = site.mirror(store, { sha256: { [kernel]: "0".repeat(64) } });
    expect(await failure(mirror.sync())).toMatch(/its SHA-256 is [0-9a-f]{64}, .* pins 0000/);
    expect(store.current()).toBeNull();
    await site.mirror(store).sync();
    const former = store.current();
    expect(await failure(mirror.sync())).toMatch(/pins 0000/);
    expect(store.current()).toBe(former);
    expect(await staging()).toEqual([]);
  });
});

describe("several callers", () => {
  it("join the synchronisation that is running", async () => {
    const mirror = site.mirror(store);
    const results = await Promise.all([mirror.sync(), mirror.sync(), mirror.sync()]);
    expect(new Set(results).size).toBe(1);
    expect(site.events.named("sync-start")).toHaveLength(1);
  });

  it("may leave without stopping it for the others", async () => {
    const mirror = site.mirror(store);
    const leaving = new AbortController();
    const left = failure(mirror.sync(leaving.signal));
    const staying = mirror.sync();
    leaving.abort();
    expect(await left).toMatch(/was stopped/);
    expect(await staying).toMatchObject({ changed: true });
  });

  it("stop it when the last one leaves, which is no failure", async () => {
    const mirror = site.mirror(store);
    const leaving = new AbortController();
    site.orchestrator.intercept((_, __, response) => {
      leaving.abort();
      response.writeHead(200, { "content-length": 1000 });
      response.write("#!ipxe\n");
      return true;
    });
    expect(await failure(mirror.sync(leaving.signal))).toMatch(/was stopped/);
    await mirror.close();
    expect(site.events.names()).toEqual(["sync-start"]);
    expect(await staging()).toEqual([]);
    expect(await failure(mirror.sync())).toMatch(/was stopped/);
  });
});

describe("repeating", () => {
  it("synchronises at once, again and again, until it is closed", async () => {
    const mirror = site.mirror(store, { intervalMs: 5 });
    mirror.start();
    mirror.start();
    await site.events.count("sync-done", 3);
    await mirror.close();
    const starts = site.events.named("sync-start").length;
    expect(site.events.named("sync-done").filter(({ changed }) => changed)).toHaveLength(1);
    expect(site.events.named("sync-start").length).toBe(starts);
  });

  it("goes on after failures, and catches up once the origin is back", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(502).end();
      return true;
    });
    const mirror = site.mirror(store, { intervalMs: 5 });
    mirror.start();
    await site.events.count("sync-failed", 2);
    expect(site.events.named("sync-failed")[0]?.reason).toMatch(/answered with 502/);
    site.orchestrator.intercept(null);
    await site.events.count("sync-done", 1);
    await mirror.close();
    expect(await held(store.current())).toEqual(sums(release("1")));
  });
});

describe("names", () => {
  it.each(["../etc/passwd", "/etc/passwd", "keys/../../x", "manifest.json", ".hidden", "a//b", ""])(
    "that would leave the folder are refused: %j",
    (name) => {
      expect(() => site.mirror(store, { files: [name] })).toThrow(ConfigError);
    },
  );
});
