import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { commandLine } from "../../../src/commands/command-line.ts";
import { allCommands, commandTree } from "../../../src/commands/shared/command-tree.ts";
import { completionScript, shells } from "../../../src/commands/shared/completion-scripts.ts";
import { FakeProgram } from "../../support/program.ts";
import { missingTools } from "../../support/tools.ts";

const root = commandTree(commandLine(new FakeProgram(), "1.2.3", () => {}));

describe("the command line as data", () => {
  it("has no command that is not for people", () => {
    const hidden = new Command("x").addCommand(new Command("shown"));
    hidden.addCommand(new Command("worker"), { hidden: true });
    expect(commandTree(hidden).commands.map(({ name }) => name)).toEqual(["shown"]);
  });

  it("has every command with its options and arguments", () => {
    const paths = allCommands(root).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["serve", "init", "doctor", "leases import", "import smee"]),
    );
    const probe = allCommands(root).find(({ path }) => path === "probe")?.node;
    expect(probe?.options.find(({ long }) => long === "--firmware")).toMatchObject({
      value: "kind",
      choices: ["bios", "uefi", "uefi-http", "ipxe"],
    });
  });
});

describe("completion in bash", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "eim-pxe-completion-"));
    writeFileSync(join(folder, "eim-pxe"), completionScript("bash", root));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What is proposed for the last of these words. */
  function proposed(...words: readonly string[]): readonly string[] {
    const script = `. ${folder}/eim-pxe; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eim_pxe; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const out = execFileSync("bash", ["-c", script, "bash", "eim-pxe", ...words], {
      encoding: "utf8",
      cwd: folder,
    });
    return out.split("\n").filter((line) => line !== "");
  }

  it("proposes commands, subcommands, options and values", () => {
    expect(proposed("")).toEqual(expect.arrayContaining(["serve", "init", "doctor"]));
    expect(proposed("do")).toEqual(["doctor"]);
    expect(proposed("leases", "")).toEqual(expect.arrayContaining(["list", "release", "import"]));
    expect(proposed("doctor", "--j")).toEqual(["--json"]);
    expect(proposed("probe", "--firmware", "uefi")).toEqual(["uefi", "uefi-http"]);
    expect(proposed("probe", "--interface", "l")).toContain("lo");
    expect(proposed("explain", "--other-server", "k")).toEqual(["kea"]);
  });

  it.each(allCommands(root).map(({ path, node }) => [path, node] as const))(
    "proposes all that may follow %s",
    (path, node) => {
      const words = path.split(" ");
      const options = node.options.map(({ long }) => long);
      expect(proposed(...words, "--")).toEqual(expect.arrayContaining(options));
      const verbs = node.commands.map(({ name }) => name);
      expect(proposed(...words, "")).toEqual(expect.arrayContaining(verbs));
      for (const { long, choices } of node.options.filter((one) => one.choices.length > 0)) {
        expect(proposed(...words, long, "")).toEqual(choices);
      }
    },
  );

  it("proposes files where a file is meant", () => {
    expect(proposed("check", "--config", "eim")).toEqual(["eim-pxe"]);
  });
});

describe.each(shells)("the completion script for %s", (shell) => {
  it("names every command", () => {
    const script = completionScript(shell, root);
    for (const { node } of allCommands(root)) expect(script).toContain(node.name);
  });

  it.skipIf(missingTools([shell]).length > 0)("is taken by the shell", () => {
    // From a file: fish reads no script from the socket that a child process gets.
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-completion-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, `eim-pxe.${shell}`);
    writeFileSync(file, completionScript(shell, root));
    expect(execFileSync(shell, ["-n", file], { encoding: "utf8" })).toBe("");
  });
});

describe("the documents", () => {
  const sections = readFileSync("docs/eim-pxe.1", "utf8").split(/^\.S[SH] /m);
  const escaped = (text: string) => text.replaceAll("-", "\\-");

  it.each(allCommands(root).map(({ path, node }) => [path, node] as const))(
    "have %s with each of its options in the manual page",
    (path, node) => {
      const title = `"eim\\-pxe ${escaped(path)}`;
      const section = sections.find(
        (text) => text.startsWith(`${title}"`) || text.startsWith(`${title} `),
      );
      const options = node.options.map(({ long }) => escaped(long));
      expect(options.filter((long) => section?.includes(long) !== true)).toEqual([]);
      expect(section).toBeDefined();
    },
  );

  it.each(root.commands.map(({ name }) => name))("have %s in the README", (name) => {
    const rows = readFileSync("README.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(rows.filter((row) => row.includes(`\`eim-pxe ${name}`)).length).toBeGreaterThan(0);
  });
});

describe.skipIf(missingTools(["man"]).length > 0)("the manual page", () => {
  it("is taken by man without a warning", () => {
    const page = execFileSync("man", ["--warnings", "-l", "docs/eim-pxe.1"], {
      encoding: "utf8",
      env: { ...process.env, MANWIDTH: "100", LC_ALL: "C" },
    });
    expect(page).toContain("eim-pxe doctor");
    expect(page).toContain("--other-server product");
  });
});
