import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import { makeCertificate } from "../../../src/lib/certificate.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import {
  held,
  mirrored,
  MirrorSite,
  release,
  sums,
  syncFailure,
} from "../../support/orchestrator.ts";
import { eventually } from "../../support/eventually.ts";

let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
  store = await site.openStore();
});
afterEach(() => site.close());

describe("a synchronisation that fails", () => {
  it("keeps serving, says so, and a restart serves the same", async () => {
    const { generation } = await site.mirror(store).sync();
    await site.orchestrator.close();
    const reason = await syncFailure(site.mirror(store).sync());
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
    await syncFailure(site.mirror(store).sync());
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
    expect(await syncFailure(mirror.sync())).toMatch(
      new RegExp(`${cut} could not be fetched after \\d+ of \\d+ bytes: the connection was closed`),
    );
    expect(store.current()).toBe(former);
    // It was tried a few times, later and later.
    expect(site.events.named("sync-retry").filter(({ file }) => file === cut)).toHaveLength(4);
    site.orchestrator.intercept(null);
    await mirror.sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
    expect(await site.staging()).toEqual([]);
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
    expect(await syncFailure(mirror.sync())).toMatch(
      /^initramfs-x86_64 from the orchestrator was refused/,
    );
    expect(store.current()).toBe(former);
    // Once the orchestrator is done, the same mirror is well again, and fetches only what was wrong.
    site.orchestrator.replace("initramfs-x86_64", whole);
    expect(await mirror.sync()).toMatchObject({
      changed: true,
      fetched: [{ file: "initramfs-x86_64" }],
    });
    expect(await held(store.current())).toEqual(sums(release("2")));
    expect(await site.staging()).toEqual([]);
  });

  it("names the file that is not there", async () => {
    site.orchestrator.remove("vmlinuz-x86_64");
    expect(await syncFailure(site.mirror(store).sync())).toMatch(
      /vmlinuz-x86_64 does not exist \(404\).*ends in \/tink-stack/s,
    );
  });

  it("stops at a certificate that the CA does not cover", async () => {
    const other = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
    const originOptions = { ca: { pem: other.cert, file: "old.crt" } };
    const message = await syncFailure(site.mirror(store, { originOptions }).sync());
    expect(message).toMatch(
      /^trusted: .*old\.crt: .*SHA-256 [0-9A-F:]{95}$\n^why: .*is not trusted/m,
    );
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
    expect(await syncFailure(mirror.sync())).toMatch(
      /its SHA-256 is [0-9a-f]{64}, .* expects 0000/,
    );
    expect(store.current()).toBeNull();
    await site.mirror(store).sync();
    const former = store.current();
    expect(await syncFailure(mirror.sync())).toMatch(/expects 0000/);
    expect(store.current()).toBe(former);
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
    const left = syncFailure(mirror.sync(leaving.signal));
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
    expect(await syncFailure(mirror.sync(leaving.signal))).toMatch(/was stopped/);
    await mirror.close();
    expect(site.events.names()).toEqual(["sync-start"]);
    expect(await syncFailure(mirror.sync())).toMatch(/was stopped/);
  });
});

describe("repeating", () => {
  it("synchronises at once, again and again", async () => {
    const mirror = site.mirror(store, { intervalMs: 5 });
    mirror.start();
    mirror.start();
    await site.events.count("sync-done", 3);
    await mirror.close();
    expect(site.events.named("sync-done").filter(({ changed }) => changed)).toHaveLength(1);
  });

  it("waits for as long as a timer can where the interval is longer", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const mirror = site.mirror(store, { intervalMs: 90 * 86_400_000 });
    mirror.start();
    await site.events.count("sync-done", 1);
    await mirror.sync();
    const longest = Math.max(...timers.mock.calls.map(([, ms]) => ms ?? 0));
    timers.mockRestore();
    expect(longest).toBe(2 ** 31 - 1);
  });

  it("waits for an hour at most when the origin asks for longer", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(503, { "retry-after": "999999999" }).end();
      return true;
    });
    const timers = vi.spyOn(globalThis, "setTimeout");
    const mirror = site.mirror(store, { intervalMs: 5, random: () => 0.5 });
    mirror.start();
    await site.events.count("sync-failed", 1);
    await eventually(() => {
      const longest = Math.max(...timers.mock.calls.map(([, ms]) => ms ?? 0));
      expect(longest).toBeGreaterThan(3_000_000);
      expect(longest).toBeLessThanOrEqual(3_600_000);
    });
    timers.mockRestore();
    await mirror.close();
  });

  it("waits for as long as the origin asks for, however the jitter falls", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(503, { "retry-after": "1800" }).end();
      return true;
    });
    const timers = vi.spyOn(globalThis, "setTimeout");
    const mirror = site.mirror(store, { intervalMs: 5, random: () => 0 });
    mirror.start();
    await site.events.count("sync-failed", 1);
    await eventually(() => {
      const longest = Math.max(...timers.mock.calls.map(([, ms]) => ms ?? 0));
      expect(longest).toBeGreaterThan(1_790_000);
    });
    timers.mockRestore();
    await mirror.close();
  });

  it("forgets what the origin asked for once it has answered", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(503, { "retry-after": "3600" }).end();
      return true;
    });
    const mirror = site.mirror(store, { intervalMs: 5 });
    expect(await syncFailure(mirror.sync())).toMatch(/answered with 503/);
    site.orchestrator.intercept(null);
    mirror.start();
    await site.events.count("sync-done", 3);
    await mirror.close();
    expect(site.events.named("sync-failed")).toHaveLength(1);
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
