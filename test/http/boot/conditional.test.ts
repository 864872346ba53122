import { describe, expect, test } from "vitest";
import { type Selection, selectBytes } from "../../../src/http/boot/conditional.ts";

const etag = '"abc"';
const modifiedMs = Date.parse("2026-03-06T10:00:00Z") + 250;
const modified = "Fri, 06 Mar 2026 10:00:00 GMT";
const earlier = "Fri, 06 Mar 2026 09:59:59 GMT";

function select(headers: Record<string, string>, method = "GET", size = 100): Selection {
  return selectBytes(method, headers, { size, etag, modifiedMs });
}

describe("ranges", () => {
  test.each<[string, Selection]>([
    ["bytes=0-0", { kind: "part", first: 0, last: 0 }],
    ["bytes=0-", { kind: "part", first: 0, last: 99 }],
    ["bytes=90-", { kind: "part", first: 90, last: 99 }],
    ["bytes=10-19", { kind: "part", first: 10, last: 19 }],
    ["bytes=10-1000", { kind: "part", first: 10, last: 99 }],
    ["bytes=-10", { kind: "part", first: 90, last: 99 }],
    ["bytes=-1000", { kind: "part", first: 0, last: 99 }],
    ["Bytes = 5-6", { kind: "part", first: 5, last: 6 }],
    ["bytes=100-", { kind: "unsatisfiable" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=20-10", { kind: "whole" }],
    ["bytes=0-1,5-6", { kind: "whole" }],
    ["bytes=-", { kind: "whole" }],
    ["bytes=a-b", { kind: "whole" }],
    ["bytes=99999999999999999999-", { kind: "whole" }],
    ["lines=1-2", { kind: "whole" }],
  ])("%s selects the right bytes of 100", (range, expected) => {
    expect(select({ range })).toEqual(expected);
  });

  test("of an empty file are never satisfiable", () => {
    expect(select({ range: "bytes=0-" }, "GET", 0)).toEqual({ kind: "unsatisfiable" });
    expect(select({ range: "bytes=-5" }, "GET", 0)).toEqual({ kind: "unsatisfiable" });
  });

  test("are ignored in a HEAD request", () => {
    expect(select({ range: "bytes=10-19" }, "HEAD")).toEqual({ kind: "whole" });
  });
});

describe("If-Range", () => {
  test.each([
    [etag, "part"],
    [modified, "part"],
    ['"other"', "whole"],
    [`W/${etag}`, "whole"],
    [earlier, "whole"],
    ["nonsense", "whole"],
  ])("%s gives the %s", (ifRange, kind) => {
    expect(select({ range: "bytes=10-", "if-range": ifRange }).kind).toBe(kind);
  });
});

describe("conditions", () => {
  test.each([
    ["if-none-match", etag, "not-modified"],
    ["if-none-match", `"x", W/${etag}`, "not-modified"],
    ["if-none-match", "*", "not-modified"],
    ["if-none-match", '"x"', "whole"],
    ["if-modified-since", modified, "not-modified"],
    ["if-modified-since", earlier, "whole"],
    ["if-modified-since", "nonsense", "whole"],
    ["if-match", etag, "whole"],
    ["if-match", "*", "whole"],
    ["if-match", '"x"', "precondition-failed"],
    ["if-match", `W/${etag}`, "precondition-failed"],
    ["if-unmodified-since", modified, "whole"],
    ["if-unmodified-since", earlier, "precondition-failed"],
  ])("%s: %s gives %s", (header, value, kind) => {
    expect(select({ [header]: value }).kind).toBe(kind);
  });

  test("If-None-Match wins over If-Modified-Since", () => {
    const headers = { "if-none-match": '"x"', "if-modified-since": modified };
    expect(select(headers)).toEqual({ kind: "whole" });
  });
});
