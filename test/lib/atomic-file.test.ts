import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { replaceFile, replaceOpen } from "../../src/lib/atomic-file.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-atomic-"));
  path = join(folder, "file");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a file that is replaced", () => {
  it("has the new content, text or bytes, and nothing lies beside it", async () => {
    await replaceFile(path, "first");
    await replaceFile(path, Uint8Array.of(1, 2, 3), { durable: false });
    expect(await readFile(path)).toEqual(Buffer.from([1, 2, 3]));
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("has the permissions that were asked for", async () => {
    await replaceFile(path, "x", { mode: 0o600 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("stays as it was when the writing fails, and nothing is left behind", async () => {
    await replaceFile(path, "first");
    const failing = replaceOpen(path, async (file) => {
      await file.appendFile("half");
      throw new Error("the disk is full");
    });
    await expect(failing).rejects.toThrow("the disk is full");
    expect(await readFile(path, "utf8")).toBe("first");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("has nothing of what a crash left of an earlier attempt", async () => {
    await writeFile(`${path}.new`, "left over from a crash");
    await replaceFile(path, "new");
    expect(await readFile(path, "utf8")).toBe("new");
  });

  it("can be appended to where it is kept open", async () => {
    const { file, result } = await replaceOpen(path, async (fresh) => {
      await fresh.appendFile("one\n");
      return 4;
    });
    await file.appendFile("two\n");
    await file.close();
    expect(result).toBe(4);
    expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
  });
});
