import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { reasonToSkip } from "../support/tools.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-units-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A unit as it is on a system where the command is installed. */
function installed(name: string): string {
  const text = readFileSync(join("docker/systemd", name), "utf8");
  const path = join(folder, name);
  writeFileSync(path, text.replace("ExecStart=eim-pxe", "ExecStart=/bin/true"));
  return path;
}

describe.skipIf(reasonToSkip({ tools: ["systemd-analyze"] }) !== null)("the units", () => {
  it("are right in the eyes of systemd", () => {
    const units = [installed("eim-pxe.service"), installed("eim-pxe.socket")];
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", ...units], {
      encoding: "utf8",
    });
    // Units of this machine are none of ours.
    const ours = stderr.split("\n").filter((line) => line.includes("eim-pxe"));
    expect({ status, ours }).toEqual({ status: 0, ours: [] });
  });

  it("share the data folder by sharing the user: else systemd would move it from one to the other", () => {
    const said = (file: string) => {
      const lines = readFileSync(file, "utf8").split("\n");
      const ofFolder = /^(DynamicUser|StateDirectory(Mode)?|UMask)=/;
      return lines.filter((line) => ofFolder.test(line)).toSorted();
    };
    const sync = readFileSync("examples/eim-pxe-sync.service", "utf8");
    expect(said("examples/eim-pxe-sync.service")).toEqual(said("docker/systemd/eim-pxe.service"));
    // A unit's own name is its user's, unless it says another.
    expect(sync).toMatch(/^User=eim-pxe$/m);
    expect(said("docker/systemd/eim-pxe.service")).not.toEqual([]);
  });

  it("run nothing but the program and the shell: a small Debian has no other kill than the shell's", () => {
    const started = readFileSync("docker/systemd/eim-pxe.service", "utf8").match(/^Exec\w+=\S+/gm);
    expect(started).toEqual(["ExecStart=eim-pxe", "ExecReload=/bin/sh"]);
  });

  it("expose at most 2.0 of 10", () => {
    const out = execFileSync(
      "systemd-analyze",
      ["security", "--offline=true", "--threshold=20", installed("eim-pxe.service")],
      { encoding: "utf8" },
    );
    expect(Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(out)?.[1])).toBeLessThanOrEqual(2);
  });
});
