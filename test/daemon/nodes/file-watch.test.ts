import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchFile } from "../../../src/daemon/nodes/file-watch.ts";

let folder: string;
let stop: () => void = () => {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-watch-"));
});
afterEach(() => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Calls `change` once the file is watched, and resolves when the watch has told of it. */
async function told(file: string, change: () => void): Promise<number> {
  let times = 0;
  await new Promise<void>((resolve) => {
    stop = watchFile(
      file,
      () => {
        times++;
        resolve();
      },
      { lookEveryMs: 5 },
    );
    setTimeout(change, 50);
  });
  return times;
}

test("a file that is written again is told of", async () => {
  const file = join(folder, "nodes.yaml");
  writeFileSync(file, "a");
  expect(await told(file, () => writeFileSync(file, "b"))).toBe(1);
});

test("a file that is replaced by a rename is told of, also when it is gone for a while", async () => {
  const file = join(folder, "nodes.yaml");
  writeFileSync(file, "a");
  const replace = () => {
    rmSync(file);
    setTimeout(() => {
      writeFileSync(`${file}.new`, "a");
      renameSync(`${file}.new`, file);
    }, 30);
  };
  expect(await told(file, replace)).toBe(1);
});

test("a mounted ConfigMap that Kubernetes updates is told of", async () => {
  // nodes.yaml → ..data/nodes.yaml, and ..data → ..2026_03_06, of which the second is replaced.
  const version = (name: string, content: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "nodes.yaml"), content);
  };
  version("..2026_03_06", "a");
  symlinkSync("..2026_03_06", join(folder, "..data"));
  symlinkSync("..data/nodes.yaml", join(folder, "nodes.yaml"));
  const update = () => {
    version("..2026_03_07", "b");
    symlinkSync("..2026_03_07", join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  expect(await told(join(folder, "nodes.yaml"), update)).toBe(1);
});

test("a file that comes only later is told of", async () => {
  const file = join(folder, "nodes.yaml");
  expect(await told(file, () => writeFileSync(file, "a"))).toBe(1);
});
