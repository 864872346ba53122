import { expect, test } from "vitest";
import { complaintsInLog } from "../support/complaints.ts";

const line = (event: string, mac: string, code?: string) => JSON.stringify({ event, mac, code });

test("a boot that was said to stand still and came up is found in a log, and no other", () => {
  const text = [
    "listening on 67",
    line("discover", "a"),
    line("boot-stalled", "a", "loader-silent"),
    line("micro-os", "a"),
    // A boot that really failed, and the next one.
    line("boot-stalled", "b", "no-address"),
    line("discover", "b"),
    line("micro-os", "b"),
    line("micro-os", "c"),
    '{"event":"micro-o',
  ].join("\n");
  expect(complaintsInLog(text)).toEqual(["a loader-silent"]);
});
