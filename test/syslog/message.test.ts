import { readFileSync } from "node:fs";
import { assert, oneof, property, string, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fromText } from "../../src/lib/bytes.ts";
import { longestText, parseSyslog } from "../../src/syslog/message.ts";

const nothing = { host: null, app: null, procid: null, msgid: null, data: null };
const read = (line: string) => parseSyslog(fromText(line));

const kept = z.array(
  z.object({
    from: z.string(),
    line: z.string(),
    is: z.looseObject({ facility: z.string(), severity: z.string(), text: z.string() }),
  }),
);
const lines = kept.parse(JSON.parse(readFileSync("test/fixtures/syslog.json", "utf8")));

describe("a line of a machine's log", () => {
  it.each(lines)("of $from: $line", ({ line, is }) => {
    expect(read(line)).toEqual({ ...nothing, ...is });
  });

  it.each([
    ["192", "<192>text"],
    ["a thousand", "<1000>text"],
    ["zeros ahead", "<013>text"],
    ["none", "<>text"],
    ["no end", "<13text"],
    ["a blank ahead of it", "x <13>text"],
  ])("has a priority that counts for nothing (%s), and is text as a whole", (_, line) => {
    expect(read(line)).toEqual({ facility: "user", severity: "notice", ...nothing, text: line });
  });

  it.each([
    [
      "a version of its own",
      "<13>2 2026-01-01T00:00:00Z h a p m - text",
      "2 2026-01-01T00:00:00Z h a p m - text",
    ],
    ["too few parts", "<13>1 - - - -", "1 - - - -"],
    [
      "structured data without an end",
      '<13>1 - - - - - [a b="c" text',
      '1 - - - - - [a b="c" text',
    ],
  ])("that is nearly RFC 5424 (%s) loses nothing", (_, line, text) => {
    expect(read(line).text).toBe(text);
  });

  it("can neither write into a terminal nor begin another line", () => {
    const { text } = read(
      "<6>ipxe: \u001B[31mred\u001B[0m \u001B]0;title\u0007\r\n<0>kern: panic\u202E\n",
    );
    expect(text).toBe("red \\x1b]0;title\\x07\\x0d\\x0a<0>kern: panic\\u{202e}");
  });

  it("is cut, however long its parts are", () => {
    const long = "x".repeat(5000);
    expect(read(`<13>app: ${long}`).text).toBe(`${"x".repeat(longestText)}…`);
    expect(read(`<13>1 - ${"h".repeat(255)} - - - - text`).host).toHaveLength(65);
  });

  it("of any bytes is printable and bounded", () => {
    const bytes = oneof(
      uint8Array({ maxLength: 3000 }),
      string({ maxLength: 400 }).map((text) => fromText(`<13>${text}`)),
      string({ maxLength: 400 }).map((text) => fromText(`<165>1 - h a - - ${text}`)),
    );
    assert(
      property(bytes, (datagram) => {
        for (const part of Object.values(parseSyslog(datagram))) {
          expect(part ?? "").toMatch(/^[ -~]*…?$/);
          expect((part ?? "").length).toBeLessThanOrEqual(longestText + 1);
        }
      }),
    );
  });

  it("takes no longer to read the more quotes and brackets it has", () => {
    for (const part of ["[", "[a", '[a b="', '[a b="\\"', "]", "\\"]) {
      expect(read(`<13>1 - - - - - ${part.repeat(600)}`).text.length).toBeGreaterThan(0);
    }
  });
});
