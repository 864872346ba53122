import { describe, expect, it } from "vitest";
import { terminalText } from "../../src/observe/terminal.ts";

describe("field fault 65: a line of the log on a terminal", () => {
  it("has message, event and fields in one line, without what says nothing", () => {
    const mac = "02:00:00:00:00:01";
    const record = { level: "info", time: "t", event: "lease-granted", mac, name: null, msg: "m" };
    expect(terminalText(record, new Set())).toBe(`m  (lease-granted)  mac=${mac}`);
  });

  it("has why and what to do in lines of their own", () => {
    const record = { event: "origin-untrusted", msg: "m", reason: "two\nlines", remedy: "do this" };
    const lines = terminalText(record, new Set()).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "m  (origin-untrusted)",
      "    why: two",
      "      lines",
      "    what to do: do this",
    ]);
  });

  it("has a line for each of several reasons", () => {
    const text = terminalText({ event: "not-ready", msg: "m", reasons: ["a", "b"] }, new Set());
    expect(text).toContain("\n    why: a\n    why: b\n");
  });

  it("explains a warning once, and an information never", () => {
    const seen = new Set<string>();
    const warning = { event: "not-ready", msg: "m" };
    expect(terminalText(warning, seen)).toContain("about it: ");
    expect(terminalText(warning, seen)).not.toContain("about it: ");
    expect(terminalText({ event: "ready", msg: "m" }, seen)).not.toContain("about it: ");
  });

  it.each([
    ["a field", { file: "\u001b[2Jx" }],
    ["a field with blanks", { file: "a \u009b2Jx" }],
    ["the message", { msg: "\u001b]0;title\u0007" }],
    ["a reason", { reason: "one\ntwo\r\u001b[1Athree" }],
    ["several reasons", { reasons: ["\u0085", "\u202emirrored"] }],
    ["what is no text", { reason: { "\u009b": 1 } }],
  ])("has no command to the terminal in %s, whoever wrote it", (_, record) => {
    const text = terminalText({ event: "ready", msg: "m", ...record }, new Set());
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(text).toContain("?");
  });

  it("quotes what has spaces and keeps numbers short", () => {
    const record = { msg: "m", durationMs: 12.3456, file: "a b", list: ["x", "y z"] };
    const text = terminalText(record, new Set());
    expect(text).toBe('m  durationMs=12.3  file="a b"  list=x,"y z"');
  });
});
