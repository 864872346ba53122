import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ListedLoader, LoaderStore } from "../../../src/artifacts/loaders/loader-store.ts";
import { generationAt } from "../../../src/artifacts/store/generation.ts";
import { ReadinessWatch } from "../../../src/daemon/content/readiness.ts";
import type { PxeEvent } from "../../../src/events/types.ts";

const generation = generationAt("/g", "000001-20260101T000000Z", {
  version: 1,
  origin: "https://o.example",
  createdAt: "",
  files: [],
});

describe("ReadinessWatch", () => {
  let current: typeof generation | null;
  let names: string[];
  let events: PxeEvent[];
  let links: { anyServed: boolean; problems: string[] };
  let watch: ReadinessWatch;

  beforeEach(() => {
    vi.useFakeTimers();
    current = generation;
    names = ["ipxe.efi"];
    events = [];
    links = { anyServed: true, problems: [] };
    const loaders: LoaderStore = {
      find: () => Promise.resolve(null),
      identify: () => Promise.resolve([]),
      passedOver: () => Promise.resolve([]),
      list: () =>
        Promise.resolve(names.map((name): ListedLoader => ({ name, path: `/${name}`, size: 1 }))),
    };
    watch = new ReadinessWatch({
      store: { current: () => current },
      loaders,
      isHandedOut: (name) => name === "mine.efi",
      links: () => links,
      emit: (event) => events.push(event),
      origin: "https://o.example",
      servesMicroOs: true,
      onlyLoader: null,
      usedUpConnections: () => null,
      loaderDirs: ["/usr/lib/ipxe"],
    });
  });
  afterEach(() => {
    watch.stop();
    vi.useRealTimers();
  });

  it("is ready with a generation and a loader, and says so once", async () => {
    await watch.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(watch.now()).toEqual({ ready: true, reasons: [], unserved: [] });
    expect(events).toEqual([{ event: "ready", generation: generation.id }]);
  });

  it("is not ready without a generation, until a synchronisation brought one", async () => {
    current = null;
    await watch.start();
    expect(watch.now().reasons).toEqual([expect.stringContaining("no Micro-OS to serve yet")]);
    current = generation;
    watch.hear({ event: "sync-done", generation: generation.id, changed: true, durationMs: 1 });
    await vi.advanceTimersByTimeAsync(0);
    expect(events.map(({ event }) => event)).toEqual(["not-ready", "ready"]);
  });

  it.each([
    ["a loader of the table", "undionly.kpxe", true],
    ["a loader that the configuration names", "mine.efi", true],
    ["a file of a loader's name that no machine is told to fetch", "memtest.efi", false],
  ])("with %s is ready: %s %s", async (_, name, ready) => {
    names = [name];
    await watch.start();
    expect(watch.now().ready).toBe(ready);
  });

  it("notices a loader that was installed or removed meanwhile", async () => {
    names = [];
    await watch.start();
    expect(watch.now().reasons).toEqual([expect.stringContaining("apt-get install ipxe")]);
    names = ["ipxe.efi"];
    await vi.advanceTimersByTimeAsync(30_000);
    names = [];
    await vi.advanceTimersByTimeAsync(30_000);
    expect(events.map(({ event }) => event)).toEqual(["not-ready", "ready", "not-ready"]);
  });

  it("is ready while any link is served, and not when the last one is gone", async () => {
    links = { anyServed: true, problems: ["there is no network interface eth2"] };
    await watch.start();
    expect(watch.now()).toEqual({ ready: true, reasons: [], unserved: links.problems });
    links.anyServed = false;
    watch.hear({ event: "link-down", interface: "eth1", address: null, reason: "gone" });
    await vi.advanceTimersByTimeAsync(0);
    expect(watch.now()).toEqual({ ready: false, reasons: links.problems, unserved: [] });
    expect(events.map(({ event }) => event)).toEqual(["ready", "not-ready"]);
  });
});
