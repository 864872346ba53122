import { describe, expect, it } from "vitest";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";
import { SyncError } from "../../../src/lib/errors.ts";

const beginning = "#!ipxe\nset download-url https://o/x\nimgargs k a\n";

/** The work of it in milliseconds of processor time, which other programs do not lengthen; the least of three. */
function workOf(text: string): number {
  const works = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    try {
      const how = { downloadUrl: "http://x", eventsUrl: "http://e", kernelArgs: ["a"] };
      rewriteOrchestratorScript(text, how);
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...works);
}

describe("field fault 49: a script is rewritten in linear time", () => {
  it.each<[string, (times: number) => string]>([
    ["line ends before a word", (times) => `${"\n".repeat(times)}x`],
    ["line ends of Windows", (times) => `${"\r\n".repeat(times)}boot`],
    ["line ends at the end", (times) => "\r\n".repeat(times)],
    ["words of one line", (times) => "a ".repeat(times)],
    ["words that end commands", (times) => "|| && ; ".repeat(times / 4)],
    ["a line that goes on and on", (times) => `a${"\\\n".repeat(times)}b`],
    ["lines that go on, with words", (times) => "a\\\n".repeat(times)],
    ["zero bytes", (times) => `a${"\0".repeat(times)}b`],
    ["blanks", (times) => `${" \t".repeat(times)}boot`],
    ["shells", (times) => "shell\n".repeat(times / 4)],
    ["settings", (times) => `set ${":".repeat(times)} x`],
  ])("of %s", (_, many) => {
    // Sixteen times as much is some sixteen times the work, and not two hundred and fifty-six.
    const few = workOf(beginning + many(8192));
    expect(workOf(beginning + many(131_072))).toBeLessThan(Math.max(few, 2) * 80);
  });
});
