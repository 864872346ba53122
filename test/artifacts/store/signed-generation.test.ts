import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { generationAt } from "../../../src/artifacts/store/generation.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-signed-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a generation is signed as soon as any of its files has a signature, and only by those of its own files", async () => {
  const files = ["boot.ipxe", "vmlinuz-x86_64"].map((name) => {
    return { name, size: 1, sha256: "a".repeat(64), etag: null, lastModified: null };
  });
  const origin = "https://o.example";
  const manifest = { version: 1, origin, createdAt: "2026-03-06T10:00:00Z", files } as const;
  const generation = generationAt(folder, "000001-20260306T100000Z", manifest);
  expect(await generation.isSigned()).toBe(false);
  writeFileSync(join(folder, "stranger.sig"), "x");
  expect(await generation.isSigned()).toBe(false);
  writeFileSync(join(folder, "vmlinuz-x86_64.sig"), "x");
  expect(await generation.isSigned()).toBe(true);
  rmSync(folder, { recursive: true });
  expect(await generation.isSigned()).toBe(false);
});
