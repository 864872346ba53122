import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOrigin } from "../../../src/artifacts/origin/origin.ts";
import { sourceOf } from "../../../src/artifacts/origin/trusted-origin.ts";
import {
  type GenerationStore,
  openGenerationStore,
} from "../../../src/artifacts/store/generation-store.ts";
import { createMirror } from "../../../src/artifacts/sync/mirror.ts";
import { SyncError } from "../../../src/lib/errors.ts";
import {
  type Habits,
  honestTurn,
  openWaywardPort,
  type PartHabit,
  type Release,
  type Turn,
  WaywardOrigin,
} from "../../support/wayward-origin.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { cases } from "../../support/cases.ts";

const names = ["a.bin", "b.bin"];
const direct = {
  ca: null,
  proxy: null,
  environment: noProxies,
};
let port: Awaited<ReturnType<typeof openWaywardPort>>;
beforeAll(async () => {
  port = await openWaywardPort();
});
afterAll(() => port.close());

/** Synchronises as often as asked, and then with an origin that does as it should; what is served each time. */
async function served(origin: WaywardOrigin, times: number): Promise<(Release | null)[]> {
  port.serve(origin);
  const directory = await mkdtemp(join(tmpdir(), "eim-pxe-one-version-"));
  const clock = { now: () => origin.nowMs, wall: () => origin.nowMs };
  const emit = () => {};
  const inUse = () => new Set<string>();
  const store = await openGenerationStore({ directory, keepGenerations: 2, inUse, clock, emit });
  const out = createOrigin({ ...direct, url: port.url });
  const mirror = createMirror({
    sources: [sourceOf(out)],
    store,
    files: names,
    sha256: {},
    intervalMs: 3_600_000,
    emit,
    clock,
    random: () => 0,
    pause: (ms) => {
      origin.nowMs += ms;
      return Promise.resolve();
    },
  });
  try {
    const seen: (Release | null)[] = [];
    for (let time = 0; time < times; time++) {
      await mirror.sync().catch((error: unknown) => {
        if (!(error instanceof SyncError)) throw error;
      });
      seen.push(await contentOf(store));
    }
    origin.reform();
    origin.nowMs += 3_600_000;
    await mirror.sync();
    seen.push(await contentOf(store));
    return seen;
  } finally {
    await mirror.close();
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function contentOf(store: GenerationStore): Promise<Release | null> {
  const generation = store.current();
  if (generation === null) return null;
  const files = names.map(
    async (name) => [name, await readFile(generation.file(name)?.path ?? "")] as const,
  );
  return Object.fromEntries(await Promise.all(files));
}

function isSame(a: Release, b: Release): boolean {
  return names.every((name) => Buffer.from(a[name] ?? []).equals(b[name] ?? new Uint8Array()));
}

/** Whether what was served was always one release as a whole, or nothing, and in the end the one that is there. */
function isWhole(
  seen: readonly (Release | null)[],
  origin: WaywardOrigin,
  all: readonly Release[],
): boolean {
  const last = seen.at(-1) ?? null;
  const isUpToDate = last !== null && isSame(last, origin.current);
  return (
    isUpToDate &&
    seen.every((content) => content === null || all.some((one) => isSame(one, content)))
  );
}

/** Bytes that no other file and release has, at no offset. */
function bytesOf(name: string, release: number, length: number): Uint8Array {
  const line = `${name} of release ${release}, and nothing else. `;
  return Buffer.from(
    Array.from(Array(length).keys(), (at) => `${at}:${line}`)
      .join("")
      .slice(0, length),
  );
}

const releases = fc
  .array(fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom(400, 400, 400, 700)), {
    minLength: 3,
    maxLength: 6,
  })
  .map((changes): Release[] => {
    const made: Release[] = [];
    for (const [number, [a, b, length]] of changes.entries()) {
      const former = made.at(-1);
      const isChanged = { "a.bin": a || !b, "b.bin": b };
      made.push({
        "a.bin":
          former?.["a.bin"] !== undefined && !isChanged["a.bin"]
            ? former["a.bin"]
            : bytesOf("a.bin", number, length),
        "b.bin":
          former?.["b.bin"] !== undefined && !isChanged["b.bin"]
            ? former["b.bin"]
            : bytesOf("b.bin", number, length),
      });
    }
    return made;
  });

const habits: fc.Arbitrary<Habits> = fc
  .record({
    etag: fc.constantFrom("nginx", "content", "counted", "weak", "none"),
    lastModified: fc.constantFrom("when-changed", "when-changed", "backwards", "none"),
    replicasDiffer: fc.boolean(),
    headIsBare: fc.boolean(),
  } as const)
  .filter(({ etag, lastModified }) => etag !== "nginx" || lastModified !== "none");

const partHabits: readonly PartHabit[] = [
  "honest",
  "ignores-if-range",
  "ignores-if-range",
  "ignores-if-range",
  "ignores-if-range",
  "ignores-if-range",
  "whole-file",
  "begins-earlier",
  "begins-later",
  "no-content-range",
  "other-total",
  "multipart",
  "shorter",
  "overlong",
  "refused",
];

/** @param quiet of so many turns none brings a new release, to one that does */
function turns(quiet: number): fc.Arbitrary<Turn[]> {
  const none = Array.from<"no">({ length: quiet }).fill("no");
  const turn: fc.Arbitrary<Turn> = fc.record({
    waitMs: fc.constantFrom(0, 0, 300, 5_000, 70_000),
    part: fc.constantFrom(...partHabits),
    replica: fc.constantFrom(0, 1),
    cut: fc.option(fc.constantFrom(0.3, 0.6, 0.9, 0), { freq: 1 }),
    release: fc.constantFrom("before", "within", ...none, ...none),
    isForgetful: fc.constantFrom(false, false, true),
  });
  return fc.array(turn, { minLength: 4, maxLength: 16, size: "max" });
}

const usual: Habits = {
  etag: "counted",
  lastModified: "when-changed",
  replicasDiffer: false,
  headIsBare: false,
};
const cut: Turn = { ...honestTurn, cut: 0.6 };

/** Two releases of the same length, and how the requests for files are answered. */
function scripted(how: Partial<Habits>, get: readonly Turn[]) {
  const all = [0, 1].map((release) =>
    Object.fromEntries(names.map((name) => [name, bytesOf(name, release, 400)])),
  );
  // Long enough ago that its date is no hint.
  const replaced: Turn = { ...honestTurn, release: "before" };
  const script = { get: [cut, replaced, ...get], head: [] };
  return { all, origin: new WaywardOrigin(all, { ...usual, ...how }, script, 86_400_000) };
}

describe("a download that goes on with another version", () => {
  it.each(["nginx", "content", "counted", "none"] as const)(
    "field fault 20: is begun anew although If-Range was passed over (tags: %s)",
    async (etag) => {
      const other: Turn = { ...honestTurn, part: "ignores-if-range", waitMs: 70_000 };
      const { all, origin } = scripted({ etag }, [other]);
      expect(isWhole(await served(origin, 1), origin, all)).toBe(true);
    },
  );
});

describe("an answer that is not the part that was asked for", () => {
  it.each([
    "begins-earlier",
    "begins-later",
    "no-content-range",
    "other-total",
    "multipart",
    "overlong",
    "refused",
    "shorter",
    "whole-file",
  ] as const)("field fault 21: does not end the synchronisation (%s)", async (part) => {
    const all = [{ "a.bin": bytesOf("a.bin", 0, 400), "b.bin": bytesOf("b.bin", 0, 400) }];
    const get = [cut, honestTurn, { ...honestTurn, part }];
    const origin = new WaywardOrigin(all, usual, { get, head: [] }, 86_400_000);
    const [first] = await served(origin, 1);
    expect(first !== null && first !== undefined && isSame(first, origin.current)).toBe(true);
  });

  it("a part of a file that all of is asked for is refused, with who has to act", async () => {
    const server = createServer((_, response) => {
      const headers = { "content-range": "bytes 0-3/9", "content-length": 4 };
      response.writeHead(206, headers).end("abcd");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    const url = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
    const out = createOrigin({ ...direct, url });
    const asked = out.get("a.bin", null, new AbortController().signal);
    await expect(asked).rejects.toThrow(/with 206 .* although all of it was asked for.*operator/s);
    await out.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("two servers with the same bytes and other validators", () => {
  it.each(["nginx", "content", "counted", "weak", "none"] as const)(
    "field fault 22: give a generation, and no more than each file once a run after that (tags: %s)",
    async (etag) => {
      const all = [{ "a.bin": bytesOf("a.bin", 0, 400), "b.bin": bytesOf("b.bin", 0, 400) }];
      const answers = Array.from(Array(40).keys(), (at): Turn => ({
        ...honestTurn,
        replica: at % 3 === 0 ? 1 : 0,
      }));
      const how = { ...usual, etag, replicasDiffer: true };
      const origin = new WaywardOrigin(all, how, { get: answers, head: answers }, 86_400_000);
      const seen = await served(origin, 4);
      expect(seen.every((content) => content !== null && isSame(content, origin.current))).toBe(
        true,
      );
      // Twice at first, and later where another server than before is asked.
      expect(origin.bodies).toBeLessThanOrEqual(2 * names.length * 2 + 3 * names.length);
    },
  );
});

describe("a file that is overwritten while it is sent", () => {
  it("is looked at twice when its date is of that very second", async () => {
    const { all } = scripted({}, []);
    const now: Turn = { ...honestTurn, waitMs: 0 };
    const get = [{ ...now, release: "within" as const }, now];
    const head = [now, now, now, now];
    const how: Habits = { ...usual, etag: "nginx" };
    const origin = new WaywardOrigin(all, how, { get, head }, 0);
    expect(isWhole(await served(origin, 1), origin, all)).toBe(true);
  });
});

describe("field faults 20, 21 and 22: an origin that does not keep to HTTP", () => {
  it("gives one version of each file and one release of all, or nothing, in every combination", async () => {
    const agedMs = fc.constantFrom(0, 0, 1_000, 86_400_000);
    await fc.assert(
      fc.asyncProperty(
        releases,
        habits,
        fc.record({ get: turns(2), head: turns(8) }),
        agedMs,
        async (all, how, script, ageMs) => {
          const origin = new WaywardOrigin(all, how, script, ageMs);
          expect(isWhole(await served(origin, 3), origin, all)).toBe(true);
        },
      ),
      { numRuns: cases(60) },
    );
  }, 120_000);
});
