import { describe, expect, it } from "vitest";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";
import { SyncError } from "../../../src/lib/errors.ts";
import { withinReason } from "../../support/hang-guard.ts";

const beginning = "#!ipxe\nset download-url https://o/x\nimgargs k a\n";

const how = { downloadUrl: "http://x", eventsUrl: "http://e", kernelArgs: ["a"] };
const length = 256 * 1024;

describe("field fault 49: a script is rewritten in linear time", () => {
  it.each([
    ["line ends before a word", "", "\n", "x"],
    ["line ends of Windows", "", "\r\n", "boot"],
    ["line ends at the end", "", "\r\n", ""],
    ["words of one line", "", "a ", ""],
    ["words that end commands", "", "|| && ; ", ""],
    ["a line that goes on and on", "a", "\\\n", "b"],
    ["lines that go on, with words", "", "a\\\n", ""],
    ["zero bytes", "a", "\0", "b"],
    ["blanks", "", " \t", "boot"],
    ["shells", "", "shell\n", ""],
    ["settings", "set ", ":", " x"],
  ])("of %s", (_, before, part, after) => {
    // In linear time it takes less than a second, in square time minutes.
    const text = beginning + before + part.repeat(length / part.length) + after;
    withinReason(() => {
      try {
        rewriteOrchestratorScript(text, how);
      } catch (error) {
        if (!(error instanceof SyncError)) throw error;
      }
    });
    expect(text.length).toBeGreaterThan(length);
  });
});
