import { expect, test } from "vitest";
import { duration, rate, sentence, size } from "../../src/dashboard/view/format.ts";

test.each([
  [0, "0 ms"],
  [949, "949 ms"],
  [960, "1.0 s"],
  [9_940, "9.9 s"],
  [61_000, "61 s"],
  [303_000, "5 min 3 s"],
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
