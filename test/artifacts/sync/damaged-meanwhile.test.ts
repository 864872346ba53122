import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adopt, stageImport, exportGeneration } from "../../../src/artifacts/store/bundle.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import type { Origin } from "../../../src/artifacts/origin/origin.ts";
import { sourceOf } from "../../../src/artifacts/origin/trusted-origin.ts";
import { held, mirrored, MirrorSite, release, sums } from "../../support/orchestrator.ts";

/* What a synchronisation builds on may go away while it runs: over a slow line it runs for hours. */

let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
});
afterEach(() => site.close());

const kernel = "vmlinuz-x86_64";
const initramfs = "initramfs-x86_64";

/** A mirror whose first question about a file, or first download, waits for `work`. */
function mirrorAfter(method: "ask" | "get", name: string, work: () => Promise<unknown>) {
  const origin = site.origin();
  let done: Promise<unknown> | null = null;
  const before = async (asked: string): Promise<void> => {
    if (asked === name) await (done ??= work());
  };
  const changed: Origin = {
    ...origin,
    ask: async (...question) => {
      if (method === "ask") await before(question[0]);
      return origin.ask(...question);
    },
    get: async (...question) => {
      if (method === "get") await before(question[0]);
      return origin.get(...question);
    },
  };
  return site.mirror(store, { sources: [sourceOf(changed)] });
}

/** One bit of the kernel that is served turns over, and the reading of every day finds it. */
async function findDamage(): Promise<void> {
  const path = store.latest()?.file(kernel)?.path ?? "";
  const content = await readFile(path);
  content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, content);
  expect((await store.verify()).size).toBe(1);
}

describe("a generation that is found damaged while a synchronisation runs", () => {
  beforeEach(async () => {
    store = await site.openStore();
    await site.mirror(store).sync();
  });

  it("gives none of its files to the next one", async () => {
    const next = new Map([...release("1"), [initramfs, release("2").get(initramfs) ?? ""]]);
    site.orchestrator.replace(initramfs, next.get(initramfs) ?? "");
    await mirrorAfter("get", initramfs, findDamage).sync();
    expect(await held(store.current())).toEqual(sums(next));
    expect((await store.verify()).size).toBe(0);
  });

  it("is not what the origin is said to have still", async () => {
    const { generation } = await mirrorAfter("ask", initramfs, findDamage).sync();
    expect(store.current()?.id).toBe(generation);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });
});

it("a generation that an import puts away while a synchronisation runs is not missed", async () => {
  store = await site.openStore(1);
  await site.mirror(store).sync();
  const bundle = `${site.folder}/bundle`;
  const artifacts = `${site.folder}/artifacts`;
  const first = store.latest();
  if (first !== null) await exportGeneration(first, bundle);
  await rm(`${bundle}/manifest.json`);
  await chmod(`${bundle}/${kernel}`, 0o644);
  await writeFile(`${bundle}/${kernel}`, release("3").get(kernel) ?? "");
  const importIt = async (): Promise<void> => {
    const word = await stageImport(artifacts, bundle, { names: mirrored, isRoot: false });
    await adopt(store, artifacts, word, { files: mirrored, sha256: {} });
  };
  const next = new Map([...release("1"), [initramfs, release("2").get(initramfs) ?? ""]]);
  site.orchestrator.replace(initramfs, next.get(initramfs) ?? "");
  await mirrorAfter("get", initramfs, importIt).sync();
  expect(await held(store.current())).toEqual(sums(next));
});
