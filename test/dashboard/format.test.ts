import { expect, test } from "vitest";
import {
  clockTime,
  day,
  duration,
  factInWords,
  moment,
  namesSetting,
  rate,
  sentence,
  size,
  withOwn,
} from "../../src/dashboard/view/format.ts";

test.each([
  [0, "0 ms"],
  [949, "949 ms"],
  [960, "1.0 s"],
  [9_940, "9.9 s"],
  [61_000, "61 s"],
  [119_600, "2 min 0 s"],
  [303_000, "5 min 3 s"],
  [3_599_700, "1 h 0 min"],
  [7_260_000, "2 h 1 min"],
  [3 * 86_400_000, "3 d"],
  [-5, "0 ms"],
])("%i ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [12_400_000, "12 MB"],
  [41e9, "41 GB"],
  [5e12, "5000 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(size(bytes)).toBe(text);
  expect(rate(bytes)).toBe(`${text}/s`);
});

test("a cause becomes a sentence, once", () => {
  expect(sentence("the port is shut")).toBe("The port is shut.");
  expect(sentence("Why?")).toBe("Why?");
});

test.each([
  ["3.0 s: loader-done", "3.0 s: has the loader"],
  ["5.0 s: loader-done (2 times)", "5.0 s: has the loader (2 times)"],
  ["6.0 s before, in another boot: loader-done", "6.0 s before, in another boot: has the loader"],
  ["2.0 s: it took an address", "2.0 s: it took an address"],
])("the evidence %s reads as %s", (line, text) => {
  expect(factInWords(line, { "loader-done": "has the loader" })).toBe(text);
});

test.each([
  [
    "the HTTP port of 192.168.77.1:8080 is blocked",
    "the HTTP port of 192.168.77.1:8080 (us) is blocked",
  ],
  ["let TCP to 192.168.77.1, as said", "let TCP to 192.168.77.1 (us), as said"],
  ["the server 192.168.77.10 and 192.168.77.2", "the server 192.168.77.10 and 192.168.77.2"],
  [
    "http://192.168.77.1:8080/boot.ipxe in 192.168.77.1/24",
    "http://192.168.77.1:8080/boot.ipxe in 192.168.77.1/24",
  ],
])("of %s this server's address is told from others", (text, shown) => {
  expect(withOwn(text, ["192.168.77.1"], (address) => `${address} (us)`)).toBe(shown);
});

test.each([
  ["either set tftp.singlePort: true here", true],
  ["remove the entry for 0 from boot.loaders", true],
  ["or set nodes.unknown: allow", true],
  ["run eim-pxe artifacts verify", false],
  ["correct the URL http://10.0.0.1/boot.ipxe", false],
  ["remove option 60 from the DHCP server 192.168.77.2", false],
])("%s names a setting: %s", (text, expected) => {
  expect(namesSetting(text)).toBe(expected);
});

test.each([
  ["de-DE", "November 30, 2025", /^Nov 30, \d\d:\d\d:07$/],
  ["ja-JP", "November 30, 2025", /^Nov 30, \d\d:\d\d:07$/],
  ["en-GB", "30 November 2025", /^30 Nov, \d\d:\d\d:07$/],
  ["en-US", "November 30, 2025", /^Nov 30, \d\d:\d\d:07\s[AP]M$/],
])(
  "for a reader of %s an English page has English dates, and their clock",
  (reader, date, time) => {
    const at = "2025-11-30T12:05:07";
    expect(day(at, "en", reader)).toBe(date);
    expect(moment(at, "en", reader)).toMatch(time);
  },
);

test("a page in another language has dates in that one", () => {
  expect(day("2025-11-30T12:05:07", "de", "en-US")).toBe("30. November 2025");
});

test.each([
  ["de-DE", "16:05"],
  ["en-GB", "16:05"],
  ["en-US", "4:05 PM"],
])("a plot for a reader of %s has the time %s", (reader, text) => {
  const at = Date.parse("2025-11-30T16:05:00");
  expect(clockTime(at, "en", reader).replace("\u202f", " ")).toBe(text);
});
