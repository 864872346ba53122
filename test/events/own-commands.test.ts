import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { commandLine } from "../../src/commands/command-line.ts";
import { jsonWithConfig, withConfig } from "../../src/events/own-commands.ts";
import { FakeProgram } from "../support/program.ts";

const file = "/etc/other/eim-pxe.yaml";

/** Every command with its words, such as `leases release`. */
function all(command: Command, words: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((one) => {
    const its = [...words, one.name()];
    return one.commands.length > 0 ? all(one, its) : [[its.join(" "), one] as [string, Command]];
  });
}

describe("field fault 69: a text that names a command of ours has the --config that was used", () => {
  const commands = all(commandLine(new FakeProgram(), "1.0.0", () => {}));

  test.each(commands)(
    "for %s, where it takes one and a text would send people there",
    (name, command) => {
      const takesOne = command.options.some(({ long }) => long === "--config");
      const text = `Run eim-pxe ${name}, which says why`;
      const given = `Run eim-pxe ${name} --config ${file}, which says why`;
      expect(withConfig(text, file)).toBe(takesOne ? given : text);
      expect(withConfig(text, null)).toBe(text);
    },
  );

  test.each([
    [
      "(eim-pxe leases; eim-pxe leases release ADDRESS)",
      "(eim-pxe leases F; eim-pxe leases release F ADDRESS)",
    ],
    ["eim-pxe leases lists", "eim-pxe leases F lists"],
    ["eim-pxe check && eim-pxe serve", "eim-pxe check F && eim-pxe serve F"],
    ["another eim-pxe works, eim-pxe serves, eim-pxe checks", null],
    ["eim-pxe explain --code PXE-E18", null],
    ["eim-pxe explain --other-server kea", "eim-pxe explain F --other-server kea"],
    [`eim-pxe sync --config ${file}`, null],
    ["eim-pxe-sync.service and my-eim-pxe sync-all", null],
  ])("in: %s", (text, expected) => {
    expect(withConfig(text, file)).toBe((expected ?? text).replaceAll(" F", ` --config ${file}`));
  });

  test("as one word of a shell, and in JSON too", () => {
    const odd = `/tmp/it's "mine"/a b.yaml`;
    expect(withConfig("eim-pxe sync", odd)).toBe(
      `eim-pxe sync --config '/tmp/it'\\''s "mine"/a b.yaml'`,
    );
    const text = "run: eim-pxe sync";
    expect(JSON.parse(jsonWithConfig(JSON.stringify({ text }), odd))).toEqual({
      text: withConfig(text, odd),
    });
    expect(jsonWithConfig(`{"text":"eim-pxe sync"}`, null)).toBe(`{"text":"eim-pxe sync"}`);
  });
});
