import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { handOver } from "../../../src/daemon/privileges/hand-over.ts";
import { reasonToSkip } from "../../support/tools.ts";

const missing = reasonToSkip({ tools: [], root: true });
const account = { name: "20067", uid: 20_067, gid: 20_068, groups: [] };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-given-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const owner = (name: string): readonly [number, number] => {
  const { uid, gid } = lstatSync(join(folder, name));
  return [uid, gid];
};
const theirs = [account.uid, account.gid];

describe.skipIf(missing !== null)(`a data folder${missing === null ? "" : ` (${missing})`}`, () => {
  test("is given with all that is in it, and made where it is missing", () => {
    mkdirSync(join(folder, "data/deep/er"), { recursive: true });
    writeFileSync(join(folder, "data/deep/er/file"), "x");
    handOver(join(folder, "data"), account);
    const names = ["data", "data/deep", "data/deep/er", "data/deep/er/file"];
    expect(names.map(owner)).toEqual(names.map(() => theirs));
    handOver(join(folder, "new/data"), account);
    expect([owner("new"), owner("new/data")]).toEqual([[0, 0], theirs]);
    expect(lstatSync(join(folder, "new/data")).mode & 0o777).toBe(0o750);
  });

  test("hands over nothing that a link in it leads to", () => {
    mkdirSync(join(folder, "data"));
    mkdirSync(join(folder, "outside"));
    writeFileSync(join(folder, "outside/secret"), "x");
    symlinkSync(join(folder, "outside"), join(folder, "data/folder"));
    symlinkSync(join(folder, "outside/secret"), join(folder, "data/file"));
    linkSync(join(folder, "outside/secret"), join(folder, "data/second-name"));
    handOver(join(folder, "data"), account);
    const untouched = ["outside", "outside/secret", "data/second-name"];
    expect(untouched.map(owner)).toEqual(untouched.map(() => [0, 0]));
    expect([owner("data/folder"), owner("data/file")]).toEqual([theirs, theirs]);
  });
});
