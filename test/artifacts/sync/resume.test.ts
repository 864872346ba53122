import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startReverification } from "../../../src/artifacts/store/scrub.ts";
import { retryDelayMs, readRetryAfter } from "../../../src/artifacts/origin/retry.ts";
import { startOrchestrator } from "../../../src/demo/orchestrator.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import {
  held,
  mirrored,
  MirrorSite,
  release,
  sums,
  syncFailure,
} from "../../support/orchestrator.ts";

const big = "initramfs-x86_64";
const whole = Buffer.from(release("1").get(big) ?? "");
let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
  store = await site.openStore();
});
afterEach(() => site.close());

/** Cuts the next downloads of the initramfs after so many of its bytes, and keeps the ranges that were asked for. */
function cutDownloads(times: number, keptBytes: (first: number) => number) {
  const ranges: (string | undefined)[] = [];
  let left = times;
  site.orchestrator.intercept((name, request, response) => {
    if (name !== big || request.method !== "GET") return false;
    ranges.push(request.headers.range);
    if (left-- <= 0) return false;
    const first = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
    const reply = site.orchestrator.replyTo(name, request);
    response.writeHead(reply.status, reply.headers);
    response.write(whole.subarray(first, keptBytes(first)), () => response.destroy());
    return true;
  });
  return ranges;
}

const ninety = Math.floor(whole.length * 0.9);

describe("a download that breaks", () => {
  it("at 90 % goes on there, and is the right file", async () => {
    const ranges = cutDownloads(1, () => ninety);
    const { fetched } = await site.mirror(store).sync();
    expect(ranges).toEqual([undefined, `bytes=${ninety}-`]);
    expect(fetched.find(({ file }) => file === big)?.bytes).toBe(whole.length);
    expect(await held(store.current())).toEqual(sums(release("1")));
    expect(site.pauses).toHaveLength(1);
    expect(await site.staging()).toEqual([]);
  });

  it("goes on in the next run, and in the next process", async () => {
    let asked = 0;
    site.orchestrator.intercept((name, request, response) => {
      if (name !== big || request.method !== "GET") return false;
      const reply = site.orchestrator.replyTo(name, request);
      response.writeHead(asked++ === 0 ? reply.status : 500, reply.headers);
      response.write(whole.subarray(0, ninety), () => response.destroy());
      return true;
    });
    expect(await syncFailure(site.mirror(store).sync())).toMatch(/answered with 500/);
    const ranges = cutDownloads(0, () => 0);
    const { fetched } = await site.mirror(await site.openStore()).sync();
    expect(ranges).toEqual([`bytes=${ninety}-`]);
    // Whether the other files were whole by then is a matter of which was quicker.
    expect(fetched.find(({ file }) => file === big)?.bytes).toBe(whole.length - ninety);
  });

  it("after a power cut goes on behind what was on the disk for sure", async () => {
    cutDownloads(9, (first) => (first === 0 ? ninety : first));
    await syncFailure(site.mirror(store).sync());
    const folder = join(site.folder, "artifacts", "incoming");
    for (const name of await readdir(folder)) {
      if (!name.endsWith(".json")) continue;
      const record = await readFile(join(folder, name), "utf8");
      const other = record
        .replace(/"boot":"[^"]*"/, '"boot":"another"')
        .replace(`"safeBytes":${ninety}`, '"safeBytes":1000');
      await writeFile(join(folder, name), other);
    }
    const ranges = cutDownloads(0, () => 0);
    const again = await site.openStore();
    await site.mirror(again).sync();
    expect(ranges).toEqual(["bytes=1000-"]);
    expect(await held(again.current())).toEqual(sums(release("1")));
  });

  it("begins anew when the origin has another version by then", async () => {
    cutDownloads(9, (first) => (first === 0 ? ninety : first));
    await syncFailure(site.mirror(store).sync());
    for (const [name, content] of release("2")) site.orchestrator.replace(name, content);
    site.orchestrator.intercept(null);
    await site.mirror(store).sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
  });

  it("is given up when it gets no further, and not while it does", async () => {
    const step = Math.ceil(whole.length / 20);
    const ranges = cutDownloads(99, (first) => first + step);
    await site.mirror(store).sync();
    expect(ranges.length).toBeGreaterThanOrEqual(20);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });

  it("is looked at, even if the process ended right behind its last byte", async () => {
    site.orchestrator.replace("vmlinuz-x86_64", Buffer.from("not a kernel at all"));
    const state = await site.origin().ask("vmlinuz-x86_64", null, new AbortController().signal);
    if (state.kind !== "present") throw new InternalError(state.kind);
    await store.incoming.write(
      site.orchestrator.url(),
      "vmlinuz-x86_64",
      { version: state.version, size: state.size, offset: 0 },
      (async function* () {
        yield [Buffer.from("not a kernel at all")];
      })(),
      { limitBytes: 100, onBytes: () => {} },
    );
    const mirror = site.mirror(await site.openStore());
    expect(await syncFailure(mirror.sync())).toMatch(/vmlinuz-x86_64 .* was refused: it does not/);
    site.orchestrator.replace("vmlinuz-x86_64", release("1").get("vmlinuz-x86_64") ?? "");
    expect(await mirror.sync()).toMatchObject({ changed: true });
  });

  it("is not resumed from what was lost on the disk", async () => {
    cutDownloads(9, (first) => (first === 0 ? ninety : first));
    await syncFailure(site.mirror(store).sync());
    const folder = join(site.folder, "artifacts", "incoming");
    for (const name of await readdir(folder)) {
      if (name.endsWith(".data")) await truncate(join(folder, name), 0);
    }
    const again = await site.openStore();
    site.orchestrator.intercept(null);
    await site.mirror(again).sync();
    expect(await held(again.current())).toEqual(sums(release("1")));
  });
});

describe("an origin that is busy", () => {
  it("is left alone for as long as it asks, and then asked again", async () => {
    let asked = 0;
    site.orchestrator.intercept((_, __, response) => {
      if (asked++ > 0) return false;
      response.writeHead(429, { "retry-after": "30" }).end();
      return true;
    });
    await site.mirror(store, { random: () => 0 }).sync();
    expect(site.pauses).toEqual([30_000]);
    expect(site.events.named("sync-retry")).toEqual([
      expect.objectContaining({ delayMs: 30_000, reason: expect.stringMatching(/429/) }),
    ]);
  });

  it("that allows one request a second, as the chart does by default, is kept to", async () => {
    let nowMs = 0;
    const strict = await startOrchestrator({
      files: release("1"),
      certificate: site.certificate,
      requestsPerSecond: 1,
      now: () => nowMs,
    });
    site.atEnd(() => strict.close());
    const pause = (ms: number): Promise<void> => {
      nowMs += ms;
      return Promise.resolve();
    };
    await site.mirror(store, { pause, originOptions: { url: strict.url() } }).sync();
    expect(await held(store.current())).toEqual(sums(release("1")));
    expect(site.events.named("sync-retry").length).toBeGreaterThan(2);
    expect(site.events.named("sync-retry")[0]?.reason).toMatch(/429: too many requests/);
  });

  it("that wants more patience than a run has fails it", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(503, { "retry-after": "3600" }).end();
      return true;
    });
    expect(await syncFailure(site.mirror(store).sync())).toMatch(/answered with 503/);
    expect(site.pauses).toEqual([]);
  });

  it("that never answered is not waited for", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(502).end();
      return true;
    });
    expect(await syncFailure(site.mirror(store).sync())).toMatch(/answered with 502/);
    expect(site.pauses).toEqual([]);
  });

  it("may say when in seconds or by date", () => {
    const now = Date.UTC(2026, 0, 1);
    expect(readRetryAfter("120", now)).toBe(120_000);
    expect(readRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now)).toBe(60_000);
    expect(readRetryAfter("Thu, 01 Jan 2015 00:01:00 GMT", now)).toBe(0);
    for (const text of ["soon", "-1", "0.5", "2027-01-01"]) {
      expect(readRetryAfter(text, now)).toBeNull();
    }
    expect(readRetryAfter(null, now)).toBeNull();
  });

  it("is asked later with each failure, by chance within bounds", () => {
    expect([1, 2, 3, 9].map((attempt) => retryDelayMs(attempt, null, 0))).toEqual([
      500, 1000, 2000, 30_000,
    ]);
    expect(retryDelayMs(1, null, 0.999)).toBe(1000);
    expect(retryDelayMs(1, 20_000, 0.5)).toBe(21_000);
  });
});

describe("limits", () => {
  it("keep all downloads together below the rate that is allowed", async () => {
    await site
      .mirror(store, { maxBytesPerSecond: 100_000, clock: { now: () => 0, wall: () => 0 } })
      .sync();
    const bytes = [...release("1").values()].reduce((sum, content) => sum + content.length, 0);
    expect(Math.max(...site.pauses)).toBeCloseTo((bytes / 100_000) * 1000, -1);
  });

  it("refuse a file that is too large for what it is, announced or not", async () => {
    site.orchestrator.replace("boot.ipxe", Buffer.alloc(2_000_000, "#"));
    expect(await syncFailure(site.mirror(store).sync())).toMatch(/has 2000000 bytes or more/);
    site.orchestrator.intercept((name, { method }, response) => {
      if (name !== "boot.ipxe" || method !== "GET") return false;
      response.writeHead(200);
      const flood = (): boolean => response.write(Buffer.alloc(300_000), () => flood());
      flood();
      return true;
    });
    expect(await syncFailure(site.mirror(store).sync())).toMatch(
      /boot\.ipxe .* was refused: it has/,
    );
  });
});

describe("a generation that shares files", () => {
  it("is whole after a restart", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    site.orchestrator.replace("boot.ipxe", release("2").get("boot.ipxe") ?? "");
    const { generation } = await mirror.sync();
    expect((await site.openStore()).current()?.id).toBe(generation);
    expect(site.events.named("generation-damaged")).toEqual([]);
  });

  it("is read as 0.1.0 wrote it, with each file's path", async () => {
    const { generation } = await site.mirror(store).sync();
    const manifest = join(store.current()?.directory ?? "", "manifest.json");
    const text = await readFile(manifest, "utf8");
    await writeFile(manifest, text.replaceAll('"name":', '"path": "/elsewhere", "name":'));
    expect((await site.openStore()).current()?.id).toBe(generation);
  });

  it("shares content that an older one has, too", async () => {
    const mirror = site.mirror(store);
    const inode = async () => (await stat(store.current()?.file(big)?.path ?? "")).ino;
    await mirror.sync();
    const first = await inode();
    for (const [name, content] of release("2")) site.orchestrator.replace(name, content);
    await mirror.sync();
    for (const [name, content] of release("1")) site.orchestrator.replace(name, content);
    await mirror.sync();
    expect(store.list()).toHaveLength(2);
    expect(await inode()).toBe(first);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });
});

describe("bit rot", () => {
  it("is found, not served, and only what is damaged is fetched again", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    const path = store.current()?.file("vmlinuz-x86_64")?.path ?? "";
    const rotten = await readFile(path);
    rotten[5000] = (rotten[5000] ?? 0) ^ 1;
    await rm(path);
    await writeFile(path, rotten);
    expect([...(await store.verify()).values()]).toEqual([
      "the content of vmlinuz-x86_64 is not what was stored",
    ]);
    expect(store.current()).toBeNull();
    const { fetched } = await mirror.sync();
    expect(fetched.map(({ file }) => file)).toEqual(["vmlinuz-x86_64"]);
    expect(await held(store.current())).toEqual(sums(release("1")));
    expect(mirrored).toHaveLength(store.current()?.manifest.files.length ?? 0);
  });
});

describe("the reading of every day", () => {
  it("has what is damaged fetched again", async () => {
    const mirror = site.mirror(store);
    await mirror.sync();
    await rm(store.current()?.file("boot.ipxe")?.path ?? "");
    await new Promise<void>((resolve) => {
      const stop = startReverification(
        store,
        () => {
          stop();
          resolve();
        },
        1,
      );
    });
    expect(site.events.named("generation-damaged")).toHaveLength(1);
    await mirror.sync();
    expect(await held(store.current())).toEqual(sums(release("1")));
  });
});

describe("a pinned generation", () => {
  it("is served whatever comes, after a restart too, until another is wanted", async () => {
    const mirror = site.mirror(store);
    const first = await mirror.sync();
    await store.pin(first.generation);
    for (const seed of ["2", "3", "4"]) {
      for (const [name, content] of release(seed)) site.orchestrator.replace(name, content);
      await mirror.sync();
    }
    expect(store.current()?.id).toBe(first.generation);
    const again = await site.openStore();
    expect(again.current()?.id).toBe(first.generation);
    await again.pin(null);
    expect(await held(again.current())).toEqual(sums(release("4")));
    expect(await syncFailure(again.pin("000099-20260101T000000Z"))).toMatch(
      /there is no generation/,
    );
  });
});
