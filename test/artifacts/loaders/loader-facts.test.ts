import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type LoaderFacts,
  loaderFacts,
  misfit,
  PATCH_LIMIT_BYTES,
  patchSmeeMarker,
  SMEE_MARKER,
} from "../../../src/artifacts/loaders/loader-facts.ts";
import { createLoaderStore } from "../../../src/artifacts/loaders/loader-store.ts";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { concat, fromText } from "../../../src/lib/bytes.ts";
import { InternalError } from "../../../src/lib/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { reasonToSkip } from "../../support/tools.ts";

const { kernel: efi } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes: 0 });
const factsOf = (...parts: (Uint8Array | string)[]) =>
  loaderFacts(
    memoryBlob(concat(parts.map((part) => (typeof part === "string" ? fromText(part) : part)))),
  );
const debian = reasonToSkip({ tools: ["/usr/lib/ipxe/ipxe.efi", "/usr/lib/ipxe/undionly.kpxe"] });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-facts-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("what a loader is", () => {
  it("is told by its bytes", async () => {
    expect(await factsOf(efi)).toEqual({
      format: "efi",
      machine: "x86-64",
      signed: false,
      signedBy: [],
      ipxeVersion: null,
      embedded: null,
    });
    expect(await factsOf(efi, "\0iPXE\0\0\0\x001.21.1+ (8460dc4)\0#!ipxe\0")).toMatchObject({
      ipxeVersion: "1.21.1+ (8460dc4)",
      embedded: null,
    });
    expect(await factsOf(efi, "#!ipxe\nset tink_url https://o\n")).toMatchObject({
      embedded: "script",
    });
    expect(await factsOf(efi, "#!ipxe\n", SMEE_MARKER)).toMatchObject({ embedded: "smee-marker" });
    expect(await factsOf("MZ not really")).toMatchObject({ format: "bios", machine: null });
  });

  it("is kept without the loader's bytes", async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function") {
      throw new InternalError("this Node has no garbage collector");
    }
    const used = () => {
      collect();
      const { heapUsed, external, arrayBuffers } = process.memoryUsage();
      return heapUsed + external - arrayBuffers;
    };
    const padding = new Uint8Array(4 * 1024 * 1024);
    const before = used();
    const kept: LoaderFacts[] = [];
    while (kept.length < 8) kept.push(await factsOf(padding, "iPXE\x001.21.1+ (8460dc4)\0"));
    // V8 gives back the bytes that were read some time after they were collected.
    await eventually(() => expect(used() - before).toBeLessThan(padding.length));
    expect(kept.at(-1)).toMatchObject({ ipxeVersion: "1.21.1+ (8460dc4)" });
  });

  it.skipIf(debian !== null)("is told of Debian's", async () => {
    const read = async (name: string) => factsOf(await readFile(`/usr/lib/ipxe/${name}`));
    expect(await read("ipxe.efi")).toMatchObject({
      format: "efi",
      machine: "x86-64",
      signed: false,
      signedBy: [],
      ipxeVersion: expect.stringMatching(/^1\.\d+\.\d+/),
      embedded: null,
    });
    expect(await read("undionly.kpxe")).toMatchObject({ format: "bios" });
  });

  it("decides which machines it is for", async () => {
    const x86 = await factsOf(efi);
    const bios = await factsOf("a boot sector");
    expect(misfit(7, "ipxe.efi", x86)).toBeNull();
    expect(misfit(11, "ipxe.efi", x86)).toBe("it is for x86-64, and these machines are arm64");
    expect(misfit(0, "ipxe.efi", x86)).toMatch(/which x86 BIOS cannot start/);
    expect(misfit(0, "ipxe.lkrn", x86)).toBeNull();
    expect(misfit(0, "undionly.kpxe", bios)).toBeNull();
    expect(misfit(7, "undionly.kpxe", bios)).toMatch(/no EFI executable/);
    expect(misfit(2, "x", bios)).toBeNull();
    expect(misfit(16, "installer.iso", bios)).toBeNull();
    expect(misfit(19, "installer.img", bios)).toBeNull();
    expect(misfit(7, "installer.iso", bios)).toMatch(/no EFI executable/);
  });
});

describe("SMEE's place for a script", () => {
  it("takes up to 131 bytes, filled up with blanks", () => {
    expect(PATCH_LIMIT_BYTES).toBe(131);
    const loader = concat([efi, fromText(SMEE_MARKER), fromText("tail")]);
    const patched = patchSmeeMarker(loader, "echo hello");
    expect(patched).toHaveLength(loader.length);
    const text = Buffer.from(patched.subarray(efi.length)).toString();
    expect(text).toBe(`echo hello${" ".repeat(121)}tail`);
    expect(patchSmeeMarker(efi, "echo hello")).toBe(efi);
  });

  it("is written to for every way in which the loader is served", async () => {
    const loader = concat([efi, fromText(SMEE_MARKER)]);
    await writeFile(join(folder, "ipxe.efi"), loader);
    await writeFile(join(folder, "plain.efi"), efi);
    const store = createLoaderStore({
      directories: [folder],
      store: { current: () => null },
      patch: { script: "echo hello", folder: join(folder, "patched") },
    });
    const found = await store.find("ipxe.efi");
    const bytes = Buffer.from((await found?.blob.read(0, loader.length)) ?? []);
    expect(bytes.includes("echo hello")).toBe(true);
    expect(await readFile(found?.path ?? "")).toEqual(bytes);
    // Written once, so that a disk that is full by then does no harm.
    const { ino, mtimeMs: writtenMs } = await stat(found?.path ?? "");
    await utimes(join(folder, "ipxe.efi"), 0, 0);
    expect((await store.find("ipxe.efi"))?.path).toBe(found?.path);
    const again = await stat(found?.path ?? "");
    expect([again.ino, again.mtimeMs]).toEqual([ino, writtenMs]);
    expect(await readdir(join(folder, "patched"))).toHaveLength(1);
    expect((await store.find("plain.efi"))?.path).toBe(join(folder, "plain.efi"));
    expect((await store.identify()).map(({ name, facts }) => [name, facts.embedded])).toEqual([
      ["ipxe.efi", "smee-marker"],
      ["plain.efi", null],
    ]);
  });

  it("is written to in memory where the disk does not take the copy", async () => {
    const loader = concat([efi, fromText(SMEE_MARKER)]);
    await writeFile(join(folder, "ipxe.efi"), loader);
    await writeFile(join(folder, "file"), "no folder");
    const store = createLoaderStore({
      directories: [folder],
      store: { current: () => null },
      patch: { script: "echo hello", folder: join(folder, "file", "patched") },
    });
    const found = await store.find("ipxe.efi");
    expect(found?.path).toBeNull();
    const bytes = Buffer.from((await found?.blob.read(0, loader.length)) ?? []);
    expect(bytes.includes("echo hello")).toBe(true);
  });
});
