import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommandLine } from "../../src/commands/run.ts";
import { sizeInWords } from "../../src/commands/shared/progress.ts";
import { FakeProgram } from "../support/program.ts";

/* What a newcomer types in the first hour, on a box where nothing runs yet. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-newcomer-"));
  writeFileSync(join(folder, "eim-pxe.yaml"), "dataDir: data\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(...words: readonly string[]) {
  const program = new FakeProgram();
  const config = words.includes("--help") ? [] : ["--config", join(folder, "eim-pxe.yaml")];
  const code = await runCommandLine(program, ["node", "eim-pxe", ...words, ...config]);
  const texts = [program.out, program.err].map((stream): string => {
    const text: unknown = stream.read();
    return text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : "";
  });
  return { code, text: texts.join("") };
}

describe("field fault 69: a newcomer's commands", () => {
  test.each([
    ["artifacts", 0, "There is no generation yet"],
    ["leases", 0, "No address is leased"],
    ["nodes", 5, "no server runs in"],
  ])("%s without a verb lists, with the exit code %i of its list", async (group, code, text) => {
    const done = await run(group);
    expect(done).toEqual({ code, text: expect.stringContaining(text) });
    expect(await run(group, "list")).toEqual(done);
  });

  test("artifacts verify of nothing says that there is nothing", async () => {
    expect(await run("artifacts", "verify")).toEqual({
      code: 0,
      text: expect.stringContaining("There is no generation to verify yet"),
    });
  });

  test.each<[number, string]>([
    [0, "0 B"],
    [734, "734 B"],
    [20_000, "20.0 kB"],
    [12_000_000, "12.0 MB"],
  ])("a size of %i bytes is %s", (bytes, text) => {
    expect(sizeInWords(bytes)).toBe(text);
  });
});

test("field fault 63: check says which file it read, and that no machine could boot with it", async () => {
  const { code, text } = await run("check");
  expect(code).toBe(0);
  expect(text).toContain(`${join(folder, "eim-pxe.yaml")} is right`);
  expect(text).toMatch(/warning: artifacts\.origin is not set: no machine can boot until/);
});

test("field fault 67: the README leads from getting Node to a machine that is up, and beyond", () => {
  const readme = readFileSync("README.md", "utf8");
  const steps = [
    "## From nothing to the first machine",
    "Node",
    "fixed address",
    "loader",
    "CA",
    "/etc/eim-pxe/eim-pxe.yaml",
    "firewall",
    "eim-pxe serve",
    "eim-pxe probe",
    "Secure Boot",
    "micro-os",
    "did not boot?",
    "Upgrade:",
    "Uninstall:",
  ];
  let at = 0;
  const missing = steps.filter((step) => {
    at = readme.indexOf(step, Math.max(at, 0));
    return at === -1;
  });
  expect(missing).toEqual([]);
});

describe("field fault 62: the units of systemd", () => {
  const units = readdirSync("docker/systemd").filter((name) => name.endsWith(".service"));

  test.each(units)(
    "%s starts the installed command, and fetches no package of that name",
    (name) => {
      const commands =
        readFileSync(join("docker/systemd", name), "utf8").match(/^Exec\w+=.*$/gm) ?? [];
      expect(commands.join("\n")).toMatch(/^ExecStart=\S*eim-pxe /m);
      expect(commands.join("\n")).not.toMatch(/npx|npm exec/);
    },
  );
});
